"""Where commands read and change projects: in a cluster, or runs on this machine. They do not know which."""

from collections.abc import AsyncIterator, Callable, Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from parallelproject.core.report.why.answer import Why

Json = dict[str, Any]


class RequestAnswer(Enum):
    """What became of something that was asked of a project."""

    APPLIED = auto()
    """The planner has taken it up."""
    RECORDED = auto()
    """It is recorded, and nothing is running that could apply it: it counts when the project continues."""
    OPEN = auto()
    """It is recorded, and not applied yet."""


class ProjectReader(Protocol):
    """Projects of one place. Every method may raise ``Failure``."""

    @property
    def planner(self) -> str:
        """Who plans there, in a sentence: ``the operator``."""

    @property
    def nothing_found(self) -> str:
        """What to say where it has no project, after ``no projects found``."""

    @property
    def options(self) -> str:
        """What a command line needs to mean this place, in addition to a project's name; it starts with a blank."""

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

    async def explained(self, found: Sequence["Why"], project: Json) -> Sequence["Why"]:
        """Answers in the words of this place, with what is known only there."""

    def next_commands(self, found: "Why", project: Json) -> Sequence[str]:
        """What to type next."""


class ProjectKeeper(ProjectReader, Protocol):
    """A place whose projects can be changed. Every method may raise ``Failure``."""

    def command_to_continue(self, project: Json) -> str:
        """The command line that continues a stopped project."""

    def start_again(self, project: Json) -> Sequence[str]:
        """The words of the command line that starts it again from this folder; none where there is no such one."""

    def refuse_rerun(self, project: Json) -> None:
        """Says what to do instead where results of a project cannot be taken back.

        Raises:
            Failure: that is so.
        """

    def is_attended(self, project: Json) -> bool:
        """Whether somebody plans for the project now, so that it can be stopped."""

    def skipped_for_once(self, project: Json) -> frozenset[str]:
        """The tasks of ``spec.skip`` that run when the project continues, unless they are skipped again."""

    async def change(
        self, name: str, patch_of: Callable[[Json], Json | None], tasks: Callable[[], Sequence[str]] = tuple
    ) -> bool:
        """Changes the spec of a project as it is now; False where ``patch_of`` gives None: there is nothing to change.

        Args:
            name: The project.
            patch_of: A merge patch for a project.
            tasks: The tasks that it is about; asked for after ``patch_of``.
        """

    async def taken_up(self, name: str) -> RequestAnswer:
        """Waits a moment for a change to be taken up, where that can be waited for; how that went."""

    def logs(
        self, name: str, tasks: list[str] | None, *, follow: bool, container: str | None
    ) -> AsyncIterator[tuple[str, bytes]]:
        """What tasks have printed, as (task, piece), of the latest attempt of each.

        Args:
            name: The project.
            tasks: The tasks; None: all, as they start.
            follow: Whether to continue until the attempts of the tasks, or without ``tasks`` the project, have ended.
            container: The container of the pods; None: the one that runs the task.
        """

    def question_before_deletion(self, project: Json) -> str:
        """What a person is asked before a project is deleted; empty: nothing."""

    async def delete(self, name: str, uid: str | None = None) -> None:
        """Deletes a project with all that belongs to it."""

    async def until_gone(self, name: str, uid: str) -> None:
        """Waits until a deleted project is no longer there."""
