"""A project that was deleted and still exists, because finalizers keep it.

Its Jobs stay as long as it does: the garbage collector deletes them after the project. Their work is no longer needed,
so they are stopped, and nothing starts.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

_COLLECTING = frozenset({"foregroundDeletion", "orphan"})
"""Finalizers of the garbage collector: it deletes the Jobs, or orphans them."""


class Deletion(NamedTuple):
    """When it was deleted, and what keeps it."""

    at: str
    """As the API server writes times."""
    held_by: tuple[str, ...]
    """Finalizers, not those of the garbage collector."""

    @property
    def message(self) -> str:
        """A sentence."""
        names = ", ".join(self.held_by)
        return f"deleted at {self.at}; it stays until these finalizers are removed: {names}"


def deletion_of(metadata: Mapping[str, Any]) -> Deletion | None:
    """The deletion of a project by its metadata; None if it was not deleted, or only the garbage collector keeps it."""
    at, finalizers = metadata.get("deletionTimestamp"), metadata.get("finalizers") or ()
    held_by = tuple(str(name) for name in finalizers if name not in _COLLECTING)
    return Deletion(str(at), held_by) if at and held_by and "orphan" not in finalizers else None
