"""What of the project the control plane is set up with."""

from pathlib import Path

_REPOSITORY = Path(__file__).parents[2]


def project_manifests() -> list[Path]:
    """The manifest that installs the operator, with its CRDs and RBAC objects, if it is there."""
    file = _REPOSITORY / "manifests" / "install.yaml"
    return [file] if file.is_file() else []
