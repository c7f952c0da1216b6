"""A whole ParallelProject, and how one is read from untrusted data."""

from typing import Annotated, Any

from pydantic import Field, ValidationError

from parallelproject.model.base import Model, fields_at, later_fields
from parallelproject.model.names import API_VERSION, KIND
from parallelproject.model.problem import Problem, ProblemsError, quoted
from parallelproject.model.spec import Spec
from parallelproject.model.suggest import did_you_mean

_HINTS = {
    "extra_forbidden": "remove it, or check its spelling",
    "missing": "add it",
}


class ParallelProject(Model):
    """A project as in a manifest. The metadata are those of Kubernetes and are kept unchanged."""

    api_version: Annotated[str, Field(pattern=f"^{API_VERSION}$")] = API_VERSION
    kind: Annotated[str, Field(pattern=f"^{KIND}$")] = KIND
    metadata: dict[str, Any]
    spec: Spec

    @property
    def name(self) -> str:
        """metadata.name, or an empty string."""
        return str(self.metadata.get("name") or "")

    def manifest(self) -> dict[str, Any]:
        """The manifest, without values that are defaults."""
        spec = self.spec.model_dump(by_alias=True, exclude_defaults=True, mode="json")
        return {"apiVersion": API_VERSION, "kind": KIND, "metadata": self.metadata, "spec": spec}


def parse_spec(data: object) -> Spec:
    """Reads a spec from plain data.

    Args:
        data: The spec.

    Raises:
        ProblemsError: every field that is missing, unknown, of the wrong type or out of bounds, by its
            path; also fields whose feature does not exist yet.
    """
    try:
        spec = Spec.model_validate(data, by_name=False)
    except ValidationError as error:
        raise ProblemsError(problems_of(error, "spec")) from None
    later = [
        Problem(place, f"{feature} is not available in this version", "remove it")
        for place, feature in later_fields(spec, "spec")
    ]
    if later:
        raise ProblemsError(later)
    return spec


_KINDS: dict[type, str] = {dict: "a mapping", list: "a list"}
"""What a value is called that is no text and no number."""
_MESSAGES = dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "input should be a mapping of fields")
"""By kind of a finding, what is said in place of words about Python."""


def problems_of(error: ValidationError, root: str, model: type[Model] = Spec) -> list[Problem]:
    """Pydantic's findings as problems with paths such as ``spec.tasks[3].maxAttempts``.

    Args:
        error: The findings.
        root: The path of what was read.
        model: What it was read as; its fields are suggested in place of unknown ones.
    """
    problems = []
    for found in error.errors(include_url=False, include_context=False):
        place = root
        for part in found["loc"]:
            place += f"[{part}]" if isinstance(part, int) else f".{part}"
        message = found["msg"].rstrip(".")
        hint = _HINTS.get(found["type"], "")
        if found["type"] == "extra_forbidden":
            message = "is not a field"
            hint = did_you_mean(str(found["loc"][-1]), fields_at(model, found["loc"][:-1])) or hint
        elif found["type"] == "missing":
            message = "is missing"
        else:
            value = found["input"]
            shown = quoted(value) if isinstance(value, str) else _KINDS.get(type(value), type(value).__name__)
            if isinstance(value, (int, float)) or value is None:
                shown = "null" if value is None else str(value)[:40]
            message = _MESSAGES.get(found["type"], message[0].lower() + message[1:])
            message = f"{shown}: {message}"
        problems.append(Problem(place, message, hint))
    return problems
