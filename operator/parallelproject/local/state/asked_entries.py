"""Lists of the spec to which commands add entries: those of the file count next to those that were asked for. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
Key = tuple[Any, ...]

LISTS: Mapping[str, tuple[str, ...]] = {"retries": ("id",), "approvals": ("id",), "answers": ("id", "attempt")}
"""By list, the fields that distinguish its entries."""


def checked(field: str, entries: object) -> list[Json]:
    """The entries of a list that somebody else may have written.

    Raises:
        ValueError: they are not entries of this list.
    """
    if not isinstance(entries, list):
        raise ValueError(f"{field} is not a list")
    for entry in entries:
        if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str | int) for name in LISTS[field]):
            raise ValueError(f"{field} has an entry without {' and '.join(LISTS[field])}")
    return entries


def with_asked(field: str, listed: Sequence[Json], asked: Sequence[Json]) -> list[Json]:
    """A list of the spec with the entries that were asked for.

    Of two entries with the same key, each number is the higher one: numbers of forgiven failures and of attempts only
    grow. Of answers to the same question the one that was asked for counts.

    Args:
        field: Name of the list.
        listed: The entries of the spec.
        asked: Those that were asked for.
    """
    found = {_key(field, entry): entry for entry in listed}
    for entry in asked:
        key = _key(field, entry)
        found[key] = _both(found[key], entry) if key in found else entry
    return list(found.values())


def asked_with(field: str, asked: Sequence[Json], shown: Sequence[Json], wanted: Sequence[Json]) -> list[Json]:
    """The entries that are asked for after a change of a list. Entries of the file stay those of the file.

    Args:
        field: Name of the list.
        asked: Those that were asked for before.
        shown: The whole list before the change.
        wanted: The whole list after it.
    """
    before = {_key(field, entry) for entry in asked}
    return [entry for entry in wanted if _key(field, entry) in before or entry not in shown]


def _key(field: str, entry: Mapping[str, Any]) -> Key:
    return tuple(entry[name] for name in LISTS[field])


def _both(one: Json, other: Json) -> Json:
    numbers = {name: max(one[name], value) for name, value in other.items() if _are_numbers(one.get(name), value)}
    return {**one, **other, **numbers}


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, int) for value in values)
