"""The project that everything made for it belongs to."""

from dataclasses import dataclass
from typing import Any

from parallelproject.model import names


@dataclass(frozen=True, slots=True)
class Owner:
    """A project, as its Jobs name it."""

    name: str
    namespace: str
    uid: str

    @property
    def reference(self) -> dict[str, Any]:
        """The owner reference of its objects: they are deleted with it."""
        return {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
