{{- define "weir.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Of objects that have no namespace: two releases in two namespaces never share one. */ -}}
{{- define "weir.clusterName" -}}
{{- printf "%s-%s" (include "weir.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "weir.selectorLabels" -}}
app.kubernetes.io/name: weir
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "weir.labels" -}}
{{ include "weir.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "weir.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "weir.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* Of (dict "root" . "image" .Values.image "repository" REPOSITORY). */ -}}
{{- define "weir.reference" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "weir.image" -}}
{{- $repository := required "image.repository is needed: Weir's image is not published yet; make it with `npm run image`, push it to a registry of yours, and set image.repository=REGISTRY/weir (docs/install.md)" .Values.image.repository -}}
{{- include "weir.reference" (dict "root" . "image" .Values.image "repository" $repository) -}}
{{- end -}}

{{- define "weir.proxyImage" -}}
{{- $repository := required "proxyImage.repository is needed for injection: make Envoy's image with `npm run image -- envoy`, push it to a registry of yours, and set proxyImage.repository=REGISTRY/weir-envoy, or injection.enabled=false (docs/install.md)" .Values.proxyImage.repository -}}
{{- include "weir.reference" (dict "root" . "image" .Values.proxyImage "repository" $repository) -}}
{{- end -}}

{{- define "weir.ownAuthority" -}}
{{- if eq .Values.xds.tls.mode "auto" -}}true{{- end -}}
{{- end -}}

{{- define "weir.signsPods" -}}
{{- if and (include "weir.ownAuthority" .) (ne .Values.identity.podCertificates "off") -}}true{{- end -}}
{{- end -}}

{{- define "weir.injects" -}}
{{- if .Values.injection.enabled -}}
{{- if not (include "weir.ownAuthority" .) -}}{{- fail "injection.enabled needs xds.tls.mode auto: the webhook is served with Weir's own certificate" -}}{{- end -}}
true
{{- end -}}
{{- end -}}

{{- /* WasmFilters are judged before they are stored, where the API server can know Weir's certificate. */ -}}
{{- define "weir.reviews" -}}
{{- if and .Values.admission.enabled (include "weir.ownAuthority" .) -}}true{{- end -}}
{{- end -}}

{{- define "weir.hasWebhook" -}}
{{- if or (include "weir.injects" .) (include "weir.reviews" .) -}}true{{- end -}}
{{- end -}}

{{- /* The read API is reached from other pods only where it asks who reads, or was told not to. */ -}}
{{- define "weir.httpIsOpen" -}}
{{- if or .Values.http.tokensSecretName .Values.http.insecure -}}true{{- end -}}
{{- end -}}

{{- define "weir.isReplicated" -}}
{{- if gt (int .Values.replicas) 1 -}}
{{- if ne .Values.keyStore "secret" -}}{{- fail "replicas above 1 need keyStore secret: all of them have one private key and one authority" -}}{{- end -}}
{{- if .Values.persistence.enabled -}}{{- fail "replicas above 1 need persistence.enabled=false: each has a store of modules of its own" -}}{{- end -}}
true
{{- end -}}
{{- end -}}

{{- /* Whether there can be others. Pods are the same whatever their number, so that a change of it restarts none, and one that comes never decides beside one that has no Lease. */ -}}
{{- define "weir.hasLease" -}}
{{- if and (eq .Values.keyStore "secret") (not .Values.persistence.enabled) -}}true{{- end -}}
{{- end -}}

{{- /* The pods that run now, of an earlier chart or other values, decide without a Lease: they have to be gone before one with a Lease comes. `lookup` finds nothing where there is no cluster (helm template). */ -}}
{{- define "weir.runsWithoutLease" -}}
{{- $now := lookup "apps/v1" "Deployment" .Release.Namespace (include "weir.fullname" .) -}}
{{- if and $now (not (contains "--lease=" (toJson $now.spec.template.spec.containers))) -}}true{{- end -}}
{{- end -}}

{{- define "weir.args" -}}
{{- $service := include "weir.fullname" . -}}
- serve
- --xds-address=0.0.0.0:18000
{{- if eq .Values.xds.tls.mode "auto" }}
- --xds-tls=auto
- --xds-name={{ $service }}.{{ .Release.Namespace }}.svc
- --xds-name={{ $service }}.{{ .Release.Namespace }}
- --xds-name={{ $service }}.{{ .Release.Namespace }}.svc.cluster.local
{{- range .Values.xds.tls.names }}
- --xds-name={{ . }}
{{- end }}
{{- else }}
- --xds-tls-cert=/etc/weir/xds-tls/tls.crt
- --xds-tls-key=/etc/weir/xds-tls/tls.key
- --xds-client-ca=/etc/weir/xds-tls/ca.crt
{{- end }}
{{- with .Values.xds.tls.trustDomain }}
- --xds-trust-domain={{ . }}
{{- end }}
- --max-connection-age={{ default (ternary "10m" "0s" (eq (include "weir.hasLease" .) "true")) .Values.xds.maxConnectionAge }}
- --drain-time={{ default (ternary "15s" "0s" (eq (include "weir.hasLease" .) "true")) .Values.xds.drainTime }}
{{- if include "weir.hasLease" . }}
- --lease={{ $service }}
- --peer-address=0.0.0.0:18003
- --peer={{ $service }}-replicas.{{ .Release.Namespace }}.svc:18003
{{- end }}
- --http-address={{ if include "weir.httpIsOpen" . }}0.0.0.0{{ else }}127.0.0.1{{ end }}:18001
{{- if .Values.http.tokensSecretName }}
- --token-auth-file=/etc/weir/tokens/tokens.yaml
{{- end }}
{{- if .Values.http.insecure }}
- --insecure-http
{{- end }}
- --health-address=0.0.0.0:18002
- --store-quota={{ .Values.store.quota }}
- --store-scrub-interval={{ .Values.store.scrubInterval }}
{{- if .Values.identity.tokenReview }}
- --token-review
{{- if .Values.identity.anyPodAddress }}
- --any-pod-address
{{- end }}
{{- end }}
{{- if include "weir.signsPods" . }}
- --pod-certificates={{ .Values.identity.podCertificates }}
{{- end }}
{{- if include "weir.hasWebhook" . }}
- --webhook-address=0.0.0.0:18443
{{- end }}
{{- if include "weir.reviews" . }}
- --admission-configuration={{ include "weir.clusterName" . }}
{{- end }}
{{- if include "weir.injects" . }}
- --webhook-configuration={{ include "weir.clusterName" . }}
- --proxy-image={{ include "weir.proxyImage" . }}
- --proxy-image-pull-policy={{ .Values.proxyImage.pullPolicy }}
{{- end }}
- --key-store={{ .Values.keyStore }}
{{- if .Values.prover.enabled }}
- --prover-socket=/run/weir/prover.sock
{{- end }}
{{- include "weir.registryArgs" . }}
{{- include "weir.otherArgs" . }}
{{- with .Values.trustRoot }}
{{- if .configMapName }}
- --trust-root=/etc/weir/trust-root/{{ .key }}
{{- end }}
{{- end }}
- --log-level={{ .Values.log.level }}
- --log-format={{ .Values.log.format }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "weir.registryArgs" -}}
{{- with .Values.registries }}
{{- if .authSecretName }}
- --registry-auth-file=/etc/weir/registry-auth/.dockerconfigjson
{{- end }}
{{- range .sharedRepositories }}
- --shared-repository={{ . }}
{{- end }}
{{- range .catalog }}
- --catalog={{ . }}
{{- end }}
{{- with .pullServiceAccount }}
- --pull-service-account={{ . }}
{{- end }}
{{- if .caConfigMapName }}
- --registry-ca=/etc/weir/registry-ca
{{- end }}
{{- range .plainHttp }}
- --plain-http={{ . }}
{{- end }}
{{- if .webhookSecretName }}
- --registry-webhook-address=0.0.0.0:18004
- --registry-webhook-secret-file=/etc/weir/registry-webhook/secret
{{- end }}
{{- range .mirrors }}
- --mirror={{ . }}
{{- end }}
{{- range .allowAddresses }}
- --allow-address={{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "weir.otherArgs" -}}
{{- $names := list }}
{{- range $other := .Values.others }}
{{- if has $other.name $names -}}{{- fail (printf "others has two of the name %s; give each a name of its own" $other.name) -}}{{- end -}}
{{- $names = append $names $other.name }}
- --other={{ $other.name }}={{ $other.url }}
{{- if $other.token }}
- --other-token-file={{ $other.name }}=/etc/weir/others/{{ $other.name }}/token
{{- end }}
{{- if $other.ca }}
- --other-ca-file={{ $other.name }}=/etc/weir/others/{{ $other.name }}/ca.crt
{{- end }}
{{- end }}
{{- end -}}

{{- /* Sources of one volume: a folder for each of the other Weirs. `optional`: what only the pages show must not keep Weir from starting; they say what is missing. */ -}}
{{- define "weir.otherFiles" -}}
{{- range $other := .Values.others }}
{{- with $other.token }}
- secret:
    name: {{ .secretName }}
    items: [{key: {{ default "token" .key | quote }}, path: {{ $other.name }}/token}]
    optional: true
{{- end }}
{{- with $other.ca }}
- configMap:
    name: {{ .configMapName }}
    items: [{key: {{ default "ca.crt" .key | quote }}, path: {{ $other.name }}/ca.crt}]
    optional: true
{{- end }}
{{- end }}
{{- end -}}

{{- define "weir.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}
