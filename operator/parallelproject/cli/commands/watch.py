"""``pproj watch``: a project as it runs; live on a terminal, a line for each change in a pipe."""

import sys
import time
from typing import TYPE_CHECKING, Any

from parallelproject.cli.cluster.state import rows
from parallelproject.cli.cluster.wait_for_end import ProgressView, seconds, tell_result, until_end
from parallelproject.cli.input.arguments import Name, Timeout
from parallelproject.cli.input.cluster_options import on_cluster
from parallelproject.cli.output import terminal

if TYPE_CHECKING:
    from parallelproject.cli.cluster.projects import Cluster

Json = dict[str, Any]


@on_cluster
async def run(cluster: "Cluster", name: Name, limit: Timeout = None) -> int:
    """Follow a project until it ends.

    Exit code: 0 when all tasks succeeded, 1 when not or when it is not accepted, 2 when the time is over.
    """
    return await follow_visibly(cluster, name, seconds(limit))


async def follow_visibly(cluster: "Cluster", name: str, limit: float | None) -> int:
    """Follows a project to its end and shows it; the exit code."""
    if not sys.stdout.isatty():
        lines = Lines()
        code = await until_end(cluster, name, lines, limit)
        tell_result(lines.project)
        return code
    from parallelproject.cli.commands.watch_live import Live  # here, because rich is slow to load

    with Live() as live:
        code = await until_end(cluster, name, live, limit)
    tell_result(live.project)
    return code


class Lines(ProgressView):
    """A line for each task that changed, and for each change of the whole."""

    def __init__(self) -> None:
        self.project: Json | None = None
        self._tasks: dict[str, tuple[Any, ...]] = {}
        self._progress: object = None

    def show(self, project: Json) -> None:
        """Prints what has changed since the last time."""
        self.project = project
        for row in rows(project):
            now = (row.get("state"), row.get("attempts"), row.get("reason") in ("Backoff", "Removed"))
            if now != self._tasks.get(row["id"]) and (row["id"] in self._tasks or now != ("Pending", None, False)):
                self._say(event_line(row))
            self._tasks[row["id"]] = now
        status = project.get("status") or {}
        progress = (status.get("progress"), status.get("level"))
        if progress != self._progress and status.get("progress"):
            counts = status.get("counts") or {}
            self._say(
                f"level {status.get('level')}, {status['progress']} succeeded, "
                f"{counts.get('running', 0)} running, {counts.get('failed', 0)} failed"
            )
        self._progress = progress

    def _say(self, text: str) -> None:
        terminal.show(terminal.one_line(f"{time.strftime('%H:%M:%S')} {text}"))
        sys.stdout.flush()


def event_line(row: Json) -> str:
    """A row in a line: ``backend Failed: ExitCode 3 (attempt 2)``."""
    reason = row.get("reason") or (row.get("failure") if row.get("state") == "Pending" else None)
    text = f"{row['id']} {row.get('state')}"
    if reason:
        text += f": {reason}"
        if row.get("exitCode") is not None and row.get("state") == "Failed":
            text += f" {row['exitCode']}"
    return text + (f" (attempt {row['attempts']})" if row.get("attempts") else "")
