"""The CRD as a template of the chart: an upgrade updates it, which Helm never does with a chart's folder ``crds``."""

from generate.crd import HEADER, crd_text
from parallelproject.model.names import CRD_NAME

_START = f"""\
metadata:
  name: {CRD_NAME}
"""
_METADATA = """\
  labels:
    {{- include "parallelproject.labels" . | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    # The projects go with it: uninstalling the chart leaves it.
    helm.sh/resource-policy: keep
  {{- end }}
"""


def crd_template() -> str:
    """The template's text."""
    text = crd_text().replace("{{", '{{ "{{" }}')
    before, found, after = text.partition(_START)
    if not found:
        raise ValueError(f"the CRD's text has no lines {_START!r}: fix _START")
    return f"{{{{- if .Values.crds.enabled }}}}\n{HEADER}{before}{_START}{_METADATA}{after}{{{{- end }}}}\n"
