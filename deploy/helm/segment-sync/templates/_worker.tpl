{{/* A worker that runs for ever. Takes {root, component, replicas (none: somebody else scales it), resources}. */}}
{{- define "segment-sync.worker" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "segment-sync.fullname" .root }}-{{ .component }}
  labels:
    {{- include "segment-sync.labels" . | nindent 4 }}
spec:
  {{- with .replicas }}
  replicas: {{ . }}
  {{- end }}
  revisionHistoryLimit: 3
  # No surge: an extra pod would join the consumer group and leave again, two rebalances instead of one.
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 0
      maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "segment-sync.selector" . | nindent 6 }}
  template:
    {{- include "segment-sync.pod" (merge (dict "args" (list .component) "serves" true) .) | nindent 4 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "segment-sync.fullname" .root }}-{{ .component }}
  labels:
    {{- include "segment-sync.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  # A pod that is not ready anyway must not stop a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "segment-sync.selector" . | nindent 6 }}
{{- end -}}
