{{/* Names, labels and images; nothing else. */}}

{{/* At most 62 characters, since helm allows 53 for a release; a Service may have 63. */}}
{{- define "modelport.name" -}}
{{ .Release.Name }}-operator
{{- end }}

{{- define "modelport.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (include "modelport.name" .) }}
{{- end }}

{{- define "modelport.selector" -}}
app.kubernetes.io/name: modelport-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "modelport.labels" -}}
{{ include "modelport.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: modelport
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "modelport.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- define "modelport.tritonImage" -}}
{{ required "tritonImage is needed: the image of Triton that models run in; docs/guides/install.md says how to choose it" .Values.tritonImage }}
{{- end }}

{{- define "modelport.subject" -}}
kind: ServiceAccount
name: {{ include "modelport.serviceAccountName" . }}
namespace: {{ .Release.Namespace }}
{{- end }}

{{/* A container's rights, as the restricted Pod security standard wants them. */}}
{{- define "modelport.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "modelport.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* What values.operator says, as flags: an option by its name, lists with commas, on and off as --x and --no-x. */}}
{{- define "modelport.flags" -}}
{{- range $name, $value := .Values.operator }}
{{- if kindIs "bool" $value }}
- --{{ if not $value }}no-{{ end }}{{ kebabcase $name }}
{{- else if $value }}
- {{ printf "--%s=%s" (kebabcase $name) (kindIs "slice" $value | ternary (join "," $value) (toString $value)) | quote }}
{{- end }}
{{- end }}
{{- end }}
