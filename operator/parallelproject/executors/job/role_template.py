"""The pod template of a role. Pure."""

from parallelproject.executors.base.pod import Json
from parallelproject.model.spec import Spec


def pod_template(spec: Spec, role: str | None) -> Json:
    """A copy of the template of a role, as plain data.

    Raises:
        LookupError: it has none, which the checks of a spec refuse.
    """
    found = spec.role(role)
    if found is not None and found.pod_template is not None:
        return found.pod_template.model_dump(by_alias=True, exclude_unset=True, mode="json")
    raise LookupError(f"role {role!r} has no podTemplate")
