{{/* At most 38 characters: a CronJob's name is limited to 52, and "-insights-due" takes 13. */}}
{{- define "segment-sync.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 38 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 38 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 38 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a release; with {root, component}, those of one worker. Never changes: selectors cannot. */}}
{{- define "segment-sync.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "segment-sync.labels" -}}
{{ include "segment-sync.selector" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- end -}}

{{- define "segment-sync.existingSecret" -}}
{{- required "existingSecret is empty: create a Secret with the keys MONGODB_URI and TOKEN_ENCRYPTION_KEYS and set existingSecret to its name" .Values.existingSecret -}}
{{- end -}}

{{- define "segment-sync.bootstrapServers" -}}
{{- required "kafka.bootstrapServers is empty: set it to host:port of at least one Kafka broker" .Values.kafka.bootstrapServers -}}
{{- end -}}
