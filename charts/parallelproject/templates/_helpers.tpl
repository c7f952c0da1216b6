{{/* Names, labels and images that several templates share. */}}

{{- define "parallelproject.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 52 characters: what is added to it must fit in a label's value. */}}
{{- define "parallelproject.fullname" -}}
{{- $name := include "parallelproject.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What finds the pods; never changes in the life of a release. */}}
{{- define "parallelproject.selectorLabels" -}}
app.kubernetes.io/name: {{ include "parallelproject.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "parallelproject.labels" -}}
{{ include "parallelproject.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "parallelproject.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "parallelproject.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* The Service of the admission webhook. */}}
{{- define "parallelproject.admissionName" -}}
{{ include "parallelproject.fullname" . }}-admission
{{- end }}

{{/* The Secret of its certificate: another one where cert-manager makes it, as Helm deletes only its own. */}}
{{- define "parallelproject.admissionSecret" -}}
{{ include "parallelproject.admissionName" . }}{{ if .Values.admission.certManager.enabled }}-certificate{{ end }}
{{- end }}

{{/* An image's full name, of a dict with its values, `image`, and the `root`. */}}
{{- define "parallelproject.image" -}}
{{- with .image.registry | default .root.Values.image.registry }}{{ . }}/{{ end }}
{{- .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* "true" where an object of the Prometheus operator is to be created, of a dict with its `kind`, the `path` of its values, the `values` and the `root`. */}}
{{- define "parallelproject.isWanted" -}}
{{- $known := .root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .kind) }}
{{- if and .values.enabled (eq .values.whenCrdMissing "fail") (not $known) }}
{{- fail (printf "%s.enabled: the cluster has no %s (monitoring.coreos.com/v1); install the Prometheus operator, or set %s.whenCrdMissing to skip or always" .path .kind .path) }}
{{- end }}
{{- if and .values.enabled (or $known (eq .values.whenCrdMissing "always")) }}true{{ end }}
{{- end }}

{{/* What the operator does in the namespaces that it watches: rules of a ClusterRole, or of a Role in each. */}}
{{- define "parallelproject.rules" -}}
# What the operator may do, and no more. It reads no Secret: credentials are mounted by pods in their own namespaces.
# Projects: seen, and deleted once ttlSecondsAfterFinished is over. Their spec is the user's and never written.
- apiGroups: [parallelproject.io]
  resources: [parallelprojects]
  verbs: [get, list, watch, delete]
- apiGroups: [parallelproject.io]
  resources: [parallelprojects/status]
  verbs: [patch]
# Owner references with blockOwnerDeletion ask for this right on the owner.
- apiGroups: [parallelproject.io]
  resources: [parallelprojects/finalizers]
  verbs: [update]
# A Job per attempt: created, watched, stopped and released; it goes with its project. A finished one is deleted where
# jobHistoryLimit or a quota of Jobs asks for it.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create, get, list, watch, patch, delete]
# A pod template that was refused is tried by a dry run, to tell a broken one from a policy against Jobs. None is stored.
- apiGroups: [""]
  resources: [podtemplates]
  verbs: [create]
# The Job controller makes the pods; how they end is seen on them first.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# What happens to a project is told as Events of it.
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- if .Values.executors.workflow.enabled }}
# Of projects with executor Workflow: a Workflow per attempt, as a Job. Argo's controller makes the pods.
- apiGroups: [argoproj.io]
  resources: [workflows]
  verbs: [create, get, list, watch, patch, delete]
# What a template asks for is known before anything starts.
- apiGroups: [argoproj.io]
  resources: [workflowtemplates]
  verbs: [get]
{{- end }}
{{- end }}
