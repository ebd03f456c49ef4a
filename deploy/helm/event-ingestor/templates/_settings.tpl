{{- /* Whether each pod has a volume, and so whether it is a StatefulSet: "true" or "". */ -}}
{{- define "ei.stateful" -}}
{{- $wanted := .Values.persistence.enabled -}}
{{- if and (eq .Values.ack "wal") (kindIs "bool" $wanted) (not $wanted) -}}
{{- fail "persistence.enabled is false, but ack wal requires events on a volume: leave it null, or use ack broker" -}}
{{- end -}}
{{- if or (eq .Values.ack "wal") (and (kindIs "bool" $wanted) $wanted) -}}true{{- end -}}
{{- end -}}

{{- /* The part of the grace period in which the journal is delivered. */ -}}
{{- define "ei.drainSeconds" -}}
{{- $left := sub (sub (int .Values.terminationGracePeriodSeconds) (int .Values.drainPauseSeconds)) 5 -}}
{{- if lt (int $left) 5 -}}
{{- fail (printf "terminationGracePeriodSeconds %d leaves less than 5 s to deliver after drainPauseSeconds %d and a margin of 5 s" (int .Values.terminationGracePeriodSeconds) (int .Values.drainPauseSeconds)) -}}
{{- end -}}
{{- $left -}}
{{- end -}}

{{- /* The size of the volumes in MiB. */ -}}
{{- define "ei.volumeMiB" -}}
{{- $number := regexFind "^[0-9]+" .Values.persistence.size | int -}}
{{- if hasSuffix "Ti" .Values.persistence.size -}}{{ mul $number 1024 1024 }}{{- else -}}{{ mul $number 1024 }}{{- end -}}
{{- end -}}

{{- /* The chart's own settings, merged over the user's settings, which must not contradict them. */ -}}
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
{{- if .Values.clientsSecret.name -}}
{{- $_ := set $own "auth" (dict "clients_file" "/run/secrets/clients/clients.yaml") -}}
{{- end -}}
{{- if include "ei.tlsSecret" . -}}
{{- $_ := set $own.http "tls" (dict "certificate_file" "/run/secrets/tls/tls.crt" "key_file" "/run/secrets/tls/tls.key") -}}
{{- if ne .Values.tls.clientAuth "off" -}}
{{- $_ := set $own.http.tls "client_auth" .Values.tls.clientAuth -}}
{{- $_ := set $own.http.tls "client_ca_file" "/run/secrets/client-ca/ca.crt" -}}
{{- end -}}
{{- else if ne .Values.tls.clientAuth "off" -}}
{{- fail "tls.clientAuth needs tls.secretName or tls.certManager.issuer" -}}
{{- end -}}
{{- range $group, $settings := $own -}}
{{- range $key, $_ := $settings -}}
{{- if hasKey (default dict (get $.Values.settings $group)) $key -}}
{{- fail (printf "settings.%s.%s is set by the chart: see ack, routes, clientsSecret, tls, drainPauseSeconds and terminationGracePeriodSeconds" $group $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if hasKey (default dict .Values.settings.http) "address" -}}
{{- fail "settings.http.address: use listenAddress" -}}
{{- end -}}
{{- if not (dig "kafka" "brokers" "" .Values.settings) -}}
{{- fail "settings.kafka.brokers has to be set, as broker-1:9092,broker-2:9092" -}}
{{- end -}}
{{- /* A proxy has to close idle connections before the service does. The longest that one is known to keep them is 600 s, Google's. */ -}}
{{- if and (or .Values.ingress.enabled .Values.httpRoute.enabled) (not (dig "http" "idle_timeout" "" .Values.settings)) -}}
{{- $_ := set $own.http "idle_timeout" "620s" -}}
{{- end -}}
{{- if eq .Values.ack "wal" -}}
{{- $_ := set $own.wal "bytes_max" (dig "wal" "bytes_max" (printf "%dMiB" (div (mul (include "ei.volumeMiB" . | int) 4) 5)) .Values.settings) -}}
{{- end -}}
{{- /* An idempotency window and all else stay as given. */ -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.settings) $own) -}}
{{- end -}}

{{- /* A variable of the service's environment, if extraEnv sets it: (dict "root" . "name" "KAFKA_BROKERS"). */ -}}
{{- define "ei.variable" -}}
{{- $name := .name -}}
{{- range .root.Values.extraEnv }}{{ if eq .name $name }}{{ default "" .value }}{{ end }}{{ end -}}
{{- end -}}

{{- /* The port that a URL leads to. */ -}}
{{- define "ei.urlPort" -}}
{{- $url := urlParse . -}}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "80" "443" (eq $url.scheme "http")) -}}
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
