"""A project that was deleted and is still there, since somebody's finalizers keep it.

Its Jobs stay as long as it does: the garbage collector takes them when the project is gone. Nobody wants their work any
more, so they are stopped, and nothing starts.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

_COLLECTING = frozenset({"foregroundDeletion", "orphan"})
"""The garbage collector's own: it deletes the Jobs, or was told to leave them alone."""


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
        return f"deleted at {self.at}; it stays until whoever set them removes its finalizers: {names}"


def deletion_of(metadata: Mapping[str, Any]) -> Deletion | None:
    """What the metadata of a project say; None where it was not deleted, or nobody but the garbage collector has it."""
    at, finalizers = metadata.get("deletionTimestamp"), metadata.get("finalizers") or ()
    held_by = tuple(str(name) for name in finalizers if name not in _COLLECTING)
    return Deletion(str(at), held_by) if at and held_by and "orphan" not in finalizers else None
