"""``manifests/install.yaml``: what the chart renders with its own values, for those who install with kubectl."""

import re
import subprocess
from pathlib import Path

from generate.crd import crd_text
from rig.binaries import find_or_build_helm

_CHART = Path(__file__).parents[2] / "charts" / "parallelproject"
_NAMESPACE = "parallelproject-system"
_KUBERNETES = "1.31.0"
"""The oldest that the chart is for."""
_START = f"""\
# The operator, cluster-wide: kubectl apply --server-side -f manifests/install.yaml
# Rendered from charts/parallelproject by `make generate`; don't edit.
apiVersion: v1
kind: Namespace
metadata:
  name: {_NAMESPACE}
  labels:
    app.kubernetes.io/name: parallelproject
    pod-security.kubernetes.io/enforce: restricted
---
"""
_HELMS_OWN = re.compile(r"^(?:# Source: .*|\s+(?:helm\.sh/chart|app\.kubernetes\.io/managed-by): .*)\n", re.M)
"""What says that Helm manages an object."""


class RenderError(RuntimeError):
    """The chart cannot be rendered; the message is Helm's."""


def install() -> str:
    """The file's text. The CRD is taken from the model, not from the chart, whose copy may be about to be written.

    Raises:
        RenderError: The chart has an error.
        RigError: There is no Helm, and it cannot be built.
    """
    flags = ["--namespace", _NAMESPACE, "--kube-version", _KUBERNETES, "--set", "crds.enabled=false"]
    command = [str(find_or_build_helm()), "template", "parallelproject", str(_CHART), *flags]
    rendered = subprocess.run(command, capture_output=True, text=True, check=False)
    if rendered.returncode:
        raise RenderError(f"{_CHART} cannot be rendered:\n{rendered.stderr}")
    return _START + crd_text() + _HELMS_OWN.sub("", rendered.stdout).replace("\n\n---", "\n---")
