{{/* Names, labels and images that several templates share. */}}

{{- define "parallelproject.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 52 characters: with a suffix it must fit into a label's value. */}}
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

{{/* The selector of the pods; it never changes for a release. */}}
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

{{/* The Secret of its certificate: a different one with cert-manager, because Helm deletes only its own. */}}
{{- define "parallelproject.admissionSecret" -}}
{{ include "parallelproject.admissionName" . }}{{ if .Values.admission.certManager.enabled }}-certificate{{ end }}
{{- end }}

{{/* An image's full name; takes a dict with its values, `image`, and the `root`. */}}
{{- define "parallelproject.image" -}}
{{- with .image.registry | default .root.Values.image.registry }}{{ . }}/{{ end }}
{{- .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* "true" if an object of the Prometheus operator has to be created; takes a dict with its `kind`, the `path` of its values, the `values` and the `root`. */}}
{{- define "parallelproject.isWanted" -}}
{{- $known := .root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .kind) }}
{{- if and .values.enabled (eq .values.whenCrdMissing "fail") (not $known) }}
{{- fail (printf "%s.enabled: the cluster has no %s (monitoring.coreos.com/v1); install the Prometheus operator, or set %s.whenCrdMissing to skip or always" .path .kind .path) }}
{{- end }}
{{- if and .values.enabled (or $known (eq .values.whenCrdMissing "always")) }}true{{ end }}
{{- end }}

{{/* The rights of the operator in the namespaces that it watches: rules of a ClusterRole, or of a Role in each. */}}
{{- define "parallelproject.rules" -}}
# All rights of the operator. It reads no Secret: pods mount credentials in their own namespaces.
# Projects: read, and deleted after ttlSecondsAfterFinished. The operator never writes their spec.
- apiGroups: [parallelproject.io]
  resources: [parallelprojects]
  verbs: [get, list, watch, delete]
- apiGroups: [parallelproject.io]
  resources: [parallelprojects/status]
  verbs: [patch]
# Owner references with blockOwnerDeletion require this right on the owner.
- apiGroups: [parallelproject.io]
  resources: [parallelprojects/finalizers]
  verbs: [update]
# A Job per attempt: created, watched, stopped and released; it is deleted with its project. A finished one is deleted if
# jobHistoryLimit or a quota of Jobs requires it.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create, get, list, watch, patch, delete]
# A refused pod template is checked by a dry run, to distinguish a broken one from a policy against Jobs. None is stored.
- apiGroups: [""]
  resources: [podtemplates]
  verbs: [create]
# The Job controller creates the pods; their end is visible on them first.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# Changes of a project are reported as its Events.
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
