"""Waits for a project's end: the part that ``wait``, ``watch`` and ``submit`` share."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from parallelproject.cli.cluster.state import ProjectState, result, standing
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader

EXIT_SUCCEEDED, EXIT_FAILED, EXIT_TIMEOUT = 0, 1, 2
_UNSEEN_SECONDS = 10


class ProgressView(Protocol):
    """Who is shown a project as it changes."""

    def show(self, project: dict[str, Any]) -> None:
        """The project has changed."""


class LastSeen:
    """Shows nothing; keeps the last state."""

    project: dict[str, Any] | None = None

    def show(self, project: dict[str, Any]) -> None:
        """Remembers it."""
        self.project = project


def exit_code_of(project: dict[str, Any], where: ProjectState) -> int | None:
    """The exit code where a project has ended or is refused; None: it continues."""
    if where is ProjectState.SUCCEEDED:
        return EXIT_SUCCEEDED
    return EXIT_FAILED if where in (ProjectState.FAILED, ProjectState.REFUSED) else None


async def until_end(
    reader: "ProjectReader",
    name: str,
    view: ProgressView,
    limit: float | None = None,
    ends: Callable[[dict[str, Any], ProjectState], int | None] = exit_code_of,
) -> int:
    """Follows a project to its end, or until it is refused; the exit code.

    Args:
        reader: Where it is.
        name: Its name.
        view: Who is shown each change.
        limit: Longest wait, in seconds; None: no limit.
        ends: The exit code where what is waited for has ended.

    Raises:
        Failure: it was deleted meanwhile, or the cluster cannot be reached any more.
    """
    last: dict[str, Any] = {}

    async def follow() -> int:
        nonlocal last
        reminder = asyncio.create_task(_remind())
        try:
            async for project in reader.follow(name):
                if project is None:
                    raise Failure(f"{name} was deleted")
                last = project
                where = standing(project)
                if where is not ProjectState.UNSEEN:
                    reminder.cancel()
                view.show(project)
                if (code := ends(project, where)) is not None:
                    return code
        finally:
            reminder.cancel()
        return EXIT_FAILED

    try:
        async with asyncio.timeout(limit):
            return await follow()
    except TimeoutError:
        progress = (last.get("status") or {}).get("progress")
        done = f"; {progress} tasks succeeded so far" if progress else ""
        raise Failure(f"{name} has not ended in time{done}", code=EXIT_TIMEOUT) from None


async def _remind() -> None:
    await asyncio.sleep(_UNSEEN_SECONDS)
    terminal.say(f"the operator has not seen it for {_UNSEEN_SECONDS} s: is it running?")


def tell_result(project: dict[str, Any] | None) -> None:
    """How it ended: on stdout where it succeeded, else as an error."""
    if project is None:
        return
    if standing(project) is ProjectState.SUCCEEDED:
        terminal.show(terminal.printable(result(project)))
    else:
        terminal.error(result(project))
