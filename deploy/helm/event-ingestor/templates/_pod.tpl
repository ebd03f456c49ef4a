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
{{- if .Values.clientsSecret.name }}
- {name: clients, mountPath: /run/secrets/clients, readOnly: true}
{{- end }}
{{- if include "ei.tlsSecret" . }}
- {name: tls, mountPath: /run/secrets/tls, readOnly: true}
{{- if ne .Values.tls.clientAuth "off" }}
- {name: client-ca, mountPath: /run/secrets/client-ca, readOnly: true}
{{- end }}
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
{{- if .Values.clientsSecret.name }}
- name: clients
  secret:
    secretName: {{ .Values.clientsSecret.name }}
    defaultMode: 0440
    items: [{key: {{ .Values.clientsSecret.key }}, path: clients.yaml}]
{{- end }}
{{- with include "ei.tlsSecret" . }}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
{{- if ne $.Values.tls.clientAuth "off" }}
- name: client-ca
  secret:
    secretName: {{ default . $.Values.tls.clientCaSecret }}
    defaultMode: 0440
    items: [{key: {{ $.Values.tls.clientCaKey }}, path: ca.crt}]
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Which nodes take a pod that opens a volume of the release, now or left behind. */ -}}
{{- define "ei.placement" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "ei.podTemplate" -}}
metadata:
  labels:
    {{- include "ei.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/component: ingestor
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    # A change of the settings restarts the pods.
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
  containers:
    - name: ingestor
      image: {{ include "ei.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext: {{- include "ei.securityContext" . | nindent 8 }}
      env: {{- include "ei.env" . | nindent 8 }}
      ports:
        - {name: http, containerPort: 8080}
        - {name: admin, containerPort: 8081}
      # The port opens once the log has been read. Of the three probes only readiness depends on Kafka, and only until the
      # first contact: if all replicas became unready, no replica would accept events.
      startupProbe:
        httpGet: {path: /livez, port: admin{{ if include "ei.tlsSecret" . }}, scheme: HTTPS{{ end }}}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: {{ max 1 (div (int .Values.startupProbe.timeoutSeconds) 2) }}
      livenessProbe:
        httpGet: {path: /livez, port: admin{{ if include "ei.tlsSecret" . }}, scheme: HTTPS{{ end }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: admin{{ if include "ei.tlsSecret" . }}, scheme: HTTPS{{ end }}}
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
  {{- include "ei.placement" . | nindent 2 }}
{{- end -}}
