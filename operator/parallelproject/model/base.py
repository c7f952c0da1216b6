"""The base of every model: camelCase on the wire, unknown fields refused, values frozen."""

from collections.abc import Iterator
from dataclasses import dataclass

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
    """Marks a field, or values of one, whose feature is not there yet.

    Such a field is left out of the CRD and refused by ``later_fields``: never accepted and ignored.
    """

    feature: str
    """What it will belong to, in the words of an error message: "git delivery"."""
    values: tuple[str, ...] = ()
    """The values that come later; empty: the whole field does."""


def later_fields(model: Model, path: str) -> Iterator[tuple[str, str]]:
    """Yields (path, feature) for everything set in ``model`` whose feature is not there yet.

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
