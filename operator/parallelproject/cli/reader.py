"""Where commands that only look read projects from: a cluster, or runs on this machine. They do not know which."""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from parallelproject.core.report.why.answer import Why

Json = dict[str, Any]


class ProjectReader(Protocol):
    """Projects of one place. Every method may raise ``Failure``."""

    @property
    def planner(self) -> str:
        """Who plans there, in a sentence: ``the operator``."""

    @property
    def nothing_found(self) -> str:
        """What to say where it has no project, after ``no projects found``."""

    def now(self) -> float:
        """Seconds since the epoch, by the clock that the projects' times are of."""

    async def get(self, name: str) -> Json:
        """One project."""

    async def list(self, *, all_namespaces: bool = False) -> list[Json]:
        """All projects of the place; ``all_namespaces``: of all places like it."""

    def follow(self, name: str) -> AsyncIterator[Json | None]:
        """A project now, and again at every change; None at last, when it was deleted."""

    def place_of(self, project: Json) -> tuple[str, str]:
        """Where a project is, as a label and a value: ``("Namespace", "default")``."""

    def explained(self, found: "Why", project: Json) -> "Why":
        """An answer in the words of this place."""

    def next_commands(self, found: "Why", project: Json) -> Sequence[str]:
        """What to type next."""
