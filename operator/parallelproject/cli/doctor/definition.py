"""Whether the definition of projects in a cluster (the CRD) is the one of this program. Pure.

It has no number of its own, so its fields are compared: each place of the schema, and the values that it takes.
"""

from typing import Any

from parallelproject.cli.doctor.finding import Finding, error, ok, warning
from parallelproject.model.crd import crd, places
from parallelproject.model.names import CRD_NAME, VERSION
from parallelproject.model.problem import listed

CHECK = "definition"
APPLY = f"kubectl apply --server-side -f crds/{CRD_NAME}.yaml"
"""The command that installs it."""
_SHOWN = 3

Json = dict[str, Any]


def compare(found: Json) -> Finding:
    """One line on the CRD of a cluster."""
    served = {version["name"]: version for version in found["spec"]["versions"] if version.get("served")}
    if VERSION not in served:
        return error(CHECK, f"{CRD_NAME} serves {', '.join(served) or 'nothing'}, not {VERSION}", APPLY)
    ours = _parts(crd()["spec"]["versions"][0])
    theirs = _parts(served[VERSION])
    missing, more = sorted(ours - theirs), sorted(theirs - ours)
    if missing:
        return error(CHECK, f"{CRD_NAME} is older than this program: it lacks {listed(missing, _SHOWN)}", APPLY)
    if more:
        return warning(
            CHECK,
            f"{CRD_NAME} is newer than this program, which does not know {listed(more, _SHOWN)}",
            "install the version of pproj that the operator has",
        )
    return ok(CHECK, f"{CRD_NAME} {VERSION} is that of this program")


def _parts(version: Json) -> set[str]:
    """Every field of a version, and every value of those that take only some."""
    schema = version["schema"]["openAPIV3Schema"]
    found = set()
    for place, node in places(schema):
        if place.startswith(("spec", "status")):
            found.add(place)
            found |= {f"{place}: {value}" for value in node.get("enum") or ()}
    return found
