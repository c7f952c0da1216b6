"""The base of every model: camelCase on the wire, unknown fields refused, values frozen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A part of the resource. Fields are snake_case in Python and camelCase in manifests."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
    )


@dataclass(frozen=True)
class Later:
    """Marks a field, or some of its values, whose feature does not exist yet.

    The CRD does not have such a field, and ``later_fields`` refuses it. It is never accepted and ignored.
    """

    feature: str
    """The feature that it belongs to, as an error message names it: "git delivery"."""
    values: tuple[str, ...] = ()
    """The values that do not exist yet; empty: the whole field does not."""


def later_fields(model: Model, path: str) -> Iterator[tuple[str, str]]:
    """Yields (path, feature) for everything set in ``model`` whose feature does not exist yet.

    Args:
        model: A part of the resource.
        path: Its place.
    """
    for name in sorted(model.model_fields_set):
        field = type(model).model_fields[name]
        value = getattr(model, name)
        place = f"{path}.{field.alias or name}"
        for mark in field.metadata:
            if not isinstance(mark, Later):
                continue
            if value is not None and (not mark.values or str(value) in mark.values):
                yield place, mark.feature
                break
        else:
            if isinstance(value, Model):
                yield from later_fields(value, place)


def fields_at(model: type[Model], path: Sequence[int | str]) -> list[str]:
    """The names, as in manifests, of the fields that are allowed at a path; empty where any name is, or no field is.

    Args:
        model: What the path starts in.
        path: As pydantic has it: ``("tasks", 3)``.
    """
    at: type[Model] | None = model
    for part in path:
        if isinstance(part, int):  # an item of the list at the part before
            continue
        fields = at.model_fields.values() if at else ()
        at = next((_model_in(field.annotation) for field in fields if field.alias == part), None)
    return [field.alias or name for name, field in at.model_fields.items()] if at else []


def _model_in(annotation: Any) -> type[Model] | None:
    """The model that an annotation is, or has in it: ``list[Annotated[Task, …]] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
