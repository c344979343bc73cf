{{/* Environment by reference: settings from the ConfigMap, secrets from the Secrets that the values name. */}}
{{- define "segment-sync.environment" -}}
envFrom:
  - configMapRef:
      name: {{ include "segment-sync.fullname" .root }}-settings
env:
  {{- range $key := list "MONGODB_URI" "TOKEN_ENCRYPTION_KEYS" }}
  - name: {{ $key }}
    valueFrom:
      secretKeyRef:
        name: {{ include "segment-sync.existingSecret" $.root }}
        key: {{ $key }}
  {{- end }}
  {{- if eq .component "capture" }}
  # A container that restarts within the session timeout of the group (10 s) keeps its shards.
  - name: CAPTURE_INSTANCE_ID
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  {{- end }}
  {{- with .root.Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/*
Liveness never asks for Kafka, MongoDB or Salesforce: their outage must not restart every pod at once.
A start may take 2 minutes, a stuck event loop is ended after 30 seconds.
*/}}
{{- define "segment-sync.probes" -}}
ports:
  - name: health
    containerPort: 8080
startupProbe:
  httpGet: {path: /livez, port: health}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: health}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: health}
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 2
{{- end -}}

{{- define "segment-sync.container" -}}
name: {{ .component }}
image: {{ printf "%s:%s" .root.Values.image.repository (.root.Values.image.tag | default .root.Chart.AppVersion) | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: {{ toJson .args }}
{{ include "segment-sync.environment" . }}
{{- if .serves }}
{{ include "segment-sync.probes" . }}
{{- end }}
resources:
  {{- toYaml .resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- end -}}

{{/* The pod of every workload. Takes {root, component, args, resources, serves: has the health port, restart}. */}}
{{- define "segment-sync.pod" -}}
metadata:
  labels:
    {{- include "segment-sync.labels" . | nindent 4 }}
  annotations:
    # A changed setting restarts the pods: they read it once.
    checksum/settings: {{ include "segment-sync.settings" .root | sha256sum }}
    {{- if .serves }}
    prometheus.io/scrape: "true"
    prometheus.io/port: "8080"
    prometheus.io/path: /metrics
    {{- end }}
spec:
  serviceAccountName: {{ include "segment-sync.fullname" .root }}
  automountServiceAccountToken: false
  # Kubernetes would add variables such as KAFKA_PORT for a Service called kafka, next to our own settings.
  enableServiceLinks: false
  # A batch or transaction under way is finished first.
  terminationGracePeriodSeconds: 60
  {{- with .restart }}
  restartPolicy: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile:
      type: RuntimeDefault
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - {{- include "segment-sync.container" . | nindent 6 }}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 64Mi
  {{- with .root.Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .serves }}
  topologySpreadConstraints:
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ $key }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "segment-sync.selector" $ | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
{{- end -}}
