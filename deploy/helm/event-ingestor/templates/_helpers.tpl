{{- define "ei.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "ei.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "ei.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "ei.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "ei.selectorLabels" -}}
app.kubernetes.io/name: {{ include "ei.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ei.labels" -}}
{{ include "ei.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "ei.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "ei.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "ei.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* Whether each pod has a volume, and so whether it is a StatefulSet: "true" or "". */ -}}
{{- define "ei.stateful" -}}
{{- $wanted := .Values.persistence.enabled -}}
{{- if and (eq .Values.ack "wal") (kindIs "bool" $wanted) (not $wanted) -}}
{{- fail "persistence.enabled is false, but ack wal promises that events are on a volume: leave it null, or take ack broker" -}}
{{- end -}}
{{- if or (eq .Values.ack "wal") (and (kindIs "bool" $wanted) $wanted) -}}true{{- end -}}
{{- end -}}

{{- /* The part of the grace period in which the journal is delivered. */ -}}
{{- define "ei.drainSeconds" -}}
{{- $left := sub (sub (int .Values.terminationGracePeriodSeconds) (int .Values.drainPauseSeconds)) 5 -}}
{{- if lt (int $left) 5 -}}
{{- fail (printf "terminationGracePeriodSeconds %d leaves less than 5 s to deliver in behind drainPauseSeconds %d and a margin of 5 s" (int .Values.terminationGracePeriodSeconds) (int .Values.drainPauseSeconds)) -}}
{{- end -}}
{{- $left -}}
{{- end -}}

{{- /* The size of the volumes in MiB. */ -}}
{{- define "ei.volumeMiB" -}}
{{- $number := regexFind "^[0-9]+" .Values.persistence.size | int -}}
{{- if hasSuffix "Ti" .Values.persistence.size -}}{{ mul $number 1024 1024 }}{{- else -}}{{ mul $number 1024 }}{{- end -}}
{{- end -}}

{{- /* What the chart decides, laid over the user's settings, which may not contradict it. */ -}}
{{- define "ei.settings" -}}
{{- $own := dict
      "http" (dict "port" 8080)
      "admin" (dict "port" 8081)
      "ingest" (dict "ack" .Values.ack)
      "shutdown" (dict "delay" (printf "%ds" (int .Values.drainPauseSeconds)) "timeout" (printf "%ss" (include "ei.drainSeconds" .)))
      "wal" (dict "dir" "/var/lib/event-ingestor/wal")
      "dead_letter" (dict "dir" "/var/lib/event-ingestor/dead-letters")
      "sink" (dict "kind" "kafka") -}}
{{- if .Values.routes -}}
{{- $_ := set $own "kafka" (dict "routes_file" "/etc/event-ingestor/routes.yaml") -}}
{{- end -}}
{{- range $group, $settings := $own -}}
{{- range $key, $_ := $settings -}}
{{- if hasKey (default dict (get $.Values.settings $group)) $key -}}
{{- fail (printf "settings.%s.%s is the chart's own to decide: see ack, routes, drainPauseSeconds and terminationGracePeriodSeconds" $group $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if hasKey (default dict .Values.settings.http) "address" -}}
{{- fail "settings.http.address: it is listenAddress" -}}
{{- end -}}
{{- if not (dig "kafka" "brokers" "" .Values.settings) -}}
{{- fail "settings.kafka.brokers has to be set, as broker-1:9092,broker-2:9092" -}}
{{- end -}}
{{- if eq .Values.ack "wal" -}}
{{- $_ := set $own.wal "bytes_max" (dig "wal" "bytes_max" (printf "%dMiB" (div (mul (include "ei.volumeMiB" . | int) 4) 5)) .Values.settings) -}}
{{- end -}}
{{- /* An idempotency window and all else stay as given. */ -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.settings) $own) -}}
{{- end -}}

{{- /* Settings as the service reads them. Helm holds numbers as floats and would write 1000000 as 1e+06. */ -}}
{{- define "ei.settingLines" -}}
{{- $indent := .indent -}}
{{- range $key, $value := .settings }}
{{- if kindIs "map" $value }}
{{- if $value }}
{{ $indent }}{{ $key }}:
{{- include "ei.settingLines" (dict "settings" $value "indent" (printf "%s  " $indent)) }}
{{- end }}
{{- else if kindIs "float64" $value }}
{{ $indent }}{{ $key }}: {{ if eq (floor $value) $value }}{{ printf "%.0f" $value }}{{ else }}{{ $value }}{{ end }}
{{- else if kindIs "string" $value }}
{{ $indent }}{{ $key }}: {{ $value | quote }}
{{- else if not (kindIs "invalid" $value) }}
{{ $indent }}{{ $key }}: {{ $value }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "ei.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "ei.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* Where the service finds its settings; the same in each pod that runs it. */ -}}
{{- define "ei.env" -}}
- name: CONFIG
  value: /etc/event-ingestor/settings.yaml
- name: HTTP_ADDRESS
  value: {{ .Values.listenAddress | quote }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "ei.volumeMounts" -}}
- {name: config, mountPath: /etc/event-ingestor, readOnly: true}
- {name: data, mountPath: /var/lib/event-ingestor}
{{- if or .Values.kafkaSecret.name .Values.kafkaSecret.secretProviderClass }}
- {name: kafka-secret, mountPath: /run/secrets/kafka, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* All but the data's own. */ -}}
{{- define "ei.volumes" -}}
- name: config
  configMap: {name: {{ include "ei.fullname" . }}}
{{- if and .Values.kafkaSecret.name .Values.kafkaSecret.secretProviderClass }}
{{- fail "kafkaSecret: either name or secretProviderClass" }}
{{- end }}
{{- if .Values.kafkaSecret.name }}
- name: kafka-secret
  secret:
    secretName: {{ .Values.kafkaSecret.name }}
    defaultMode: 0440
    {{- with .Values.kafkaSecret.items }}
    items: {{ toYaml . | nindent 6 }}
    {{- end }}
{{- else if .Values.kafkaSecret.secretProviderClass }}
- name: kafka-secret
  csi:
    driver: {{ .Values.kafkaSecret.driver }}
    readOnly: true
    volumeAttributes: {secretProviderClass: {{ .Values.kafkaSecret.secretProviderClass }}}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "ei.podTemplate" -}}
metadata:
  labels:
    {{- include "ei.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/component: ingestor
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    # New settings take new pods.
    checksum/config: {{ include (print $.Template.BasePath "/configmap.yaml") . | sha256sum }}
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "ei.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
  securityContext: {{- include "ei.podSecurityContext" . | nindent 4 }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  containers:
    - name: ingestor
      image: {{ include "ei.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext: {{- include "ei.securityContext" . | nindent 8 }}
      env: {{- include "ei.env" . | nindent 8 }}
      ports:
        - {name: http, containerPort: 8080}
        - {name: admin, containerPort: 8081}
      # It listens once the log has been read. None of the three depends on Kafka but readiness, and that only until the
      # first contact: with all replicas unready nobody would take events in.
      startupProbe:
        httpGet: {path: /livez, port: admin}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: {{ max 1 (div (int .Values.startupProbe.timeoutSeconds) 2) }}
      livenessProbe:
        httpGet: {path: /livez, port: admin}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: admin}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 2
      resources: {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts: {{- include "ei.volumeMounts" . | nindent 8 }}
  volumes:
    {{- include "ei.volumes" . | nindent 4 }}
    {{- if not (include "ei.stateful" .) }}
    # For the dead-letter file only; the alert EventIngestorDeadLetterFileInUse says when it is used.
    - name: data
      emptyDir: {sizeLimit: 1Gi}
    {{- end }}
  {{- if .Values.topologySpread.enabled }}
  topologySpreadConstraints:
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: {{ $.Values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "ei.selectorLabels" $ | nindent 10 }}
          app.kubernetes.io/component: ingestor
      {{- if not (include "ei.stateful" $) }}
      matchLabelKeys: [pod-template-hash]
      {{- end }}
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
