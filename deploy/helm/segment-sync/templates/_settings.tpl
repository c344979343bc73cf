{{- define "segment-sync.settings" -}}
KAFKA_BOOTSTRAP_SERVERS: {{ include "segment-sync.bootstrapServers" . | quote }}
KAFKA_REPLICATION_FACTOR: {{ .Values.kafka.replicationFactor | quote }}
MONGODB_DATABASE: {{ .Values.mongodb.database | quote }}
MONGODB_DRIVER: {{ .Values.mongodb.driver | quote }}
SALESFORCE_API_SHARE: {{ .Values.salesforce.apiShare | quote }}
SALESFORCE_API_RESERVE: {{ .Values.salesforce.apiReserve | quote }}
CAPTURE_HEADROOM_HOURS: {{ .Values.capture.headroomHours | quote }}
CAPTURE_LIST_MINUTES: {{ .Values.capture.listMinutes | quote }}
INSIGHTS_SCHEDULER: {{ ternary "cron" "process" .Values.insights.schedule.cronJob.enabled | quote }}
INSIGHTS_ROWS_KEPT_DAYS: {{ .Values.insights.rowsKeptDays | quote }}
HEALTH_PORT: "8080"
SCORES_API_PORT: "8081"
LOG_LEVEL: {{ .Values.logLevel | quote }}
{{- end -}}
