{{- define "bcmp.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of everything that belongs to the operator itself. */}}
{{- define "bcmp.operator" -}}
{{ include "bcmp.fullname" . }}-operator
{{- end -}}

{{/* Not app.kubernetes.io/name=bcmp, which the objects of runs carry. */}}
{{- define "bcmp.selectorLabels" -}}
app.kubernetes.io/name: bcmp-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "bcmp.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "bcmp.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "bcmp.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "bcmp.operator" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name the ServiceAccount to use, or set serviceAccount.create to true" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Reference of an image: (dict "image" VALUES "root" $). */}}
{{- define "bcmp.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ default .root.Chart.AppVersion .image.tag }}
{{- end -}}
{{- end -}}

{{/* Repositories of images that name no registry, as a sentence would list them. */}}
{{- define "bcmp.unqualified" -}}
{{- $found := list -}}
{{- range $name := list "image" "predictorImage" "loadImage" -}}
{{- $repository := (index $.Values $name).repository -}}
{{- if not (regexMatch "^(localhost|[^/]*[.:][^/]*)/" $repository) -}}
{{- $found = append $found (printf "%s.repository (%s)" $name $repository) -}}
{{- end -}}
{{- end -}}
{{- join ", " $found -}}
{{- end -}}

{{/* Namespaces to look after, one a line; nothing when all are. */}}
{{- define "bcmp.namespaces" -}}
{{- if .Values.watch.clusterWide -}}
{{- if .Values.watch.namespaces -}}
{{- fail "watch.namespaces: leave it empty with watch.clusterWide, or set watch.clusterWide to false" -}}
{{- end -}}
{{- else -}}
{{- default (list .Release.Namespace) .Values.watch.namespaces | uniq | join "\n" -}}
{{- end -}}
{{- end -}}
