"""What of the project the control plane is set up with."""

from pathlib import Path

_REPOSITORY = Path(__file__).parents[2]


def project_manifests() -> list[Path]:
    """The CRDs and the RBAC objects of this repository, as far as they are there."""
    files = [*sorted((_REPOSITORY / "crds").glob("*.yaml")), _REPOSITORY / "manifests" / "rbac.yaml"]
    return [file for file in files if file.is_file()]
