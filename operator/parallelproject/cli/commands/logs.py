"""``pproj logs``: what tasks have printed, of their latest attempts."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parallelproject.cli.cluster.spec import refuse_unknown
from parallelproject.cli.cluster.state import rows
from parallelproject.cli.input.arguments import NameOrOnly, task_argument
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectKeeper

Json = dict[str, Any]


@on_project
async def run(
    keeper: "ProjectKeeper",
    name: NameOrOnly = "",
    task: Annotated[
        str | None,
        task_argument(
            "Id of the task; by default all started tasks, with the task's id before each line. A single "
            "word is a task of the only local run."
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "-f", "--follow", help="Follow the log until the attempt ends; without TASK, until the project ends."
        ),
    ] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Print the logs of all failed tasks.")] = False,
    container: Annotated[
        str | None,
        typer.Option("-c", "--container", metavar="NAME", help="In a cluster: print the log of this container."),
    ] = None,
) -> None:
    """Print the logs of tasks.

    Prints the log of the latest attempt of each task, also after the run has ended.
    """
    project = await keeper.get(name)
    if failed and (task or follow):
        raise Failure(
            "--failed prints the logs of all failed tasks, so it excludes TASK and -f", hint="omit TASK and -f", code=2
        )
    if task:
        refuse_unknown(project, [task], f"{typed()} get{keeper.options} {name}")
    found = {row["id"]: row for row in rows(project)}
    if task:
        row = found.get(task) or {}
        if not row.get("attempts") and not follow:
            where = ", ".join(str(row[key]) for key in ("state", "reason") if row.get(key)) or "Pending"
            hint = f"{typed()} why{keeper.options} {name} {task} says what it waits for"
            raise Failure(f"{task} has not started, so it has no log: it is {where}", hint=hint)
        chosen: list[str] | None = [task]
    elif failed:
        chosen = [row["id"] for row in rows(project) if row.get("state") == "Failed"]
        if not chosen:
            raise Failure(f"no task of {name} has failed", hint=f"{typed()} get{keeper.options} {name} shows all")
    else:
        started = [row for row in rows(project) if row.get("attempts")]
        chosen = None if follow else [row["id"] for row in sorted(started, key=lambda row: row.get("startTime") or "")]
        if chosen == []:
            raise Failure(f"no task of {name} has started yet", hint="-f waits for them")
    await _show(keeper, name, chosen, follow, container, one=bool(task))


async def _show(
    keeper: "ProjectKeeper", name: str, tasks: list[str] | None, follow: bool, container: str | None, *, one: bool
) -> None:
    """Writes the logs as they come: of one task as it is, else line by line with the task before each."""
    out = sys.stdout.buffer if hasattr(sys.stdout, "buffer") else None
    rest: dict[str, bytes] = {}

    def write(data: bytes) -> None:
        if out is None:
            sys.stdout.write(data.decode(errors="replace"))
        else:
            out.write(data)
            out.flush()

    sys.stdout.flush()
    async for task, data in keeper.logs(name, tasks, follow=follow, container=container):
        if one:
            write(data)
            continue
        *lines, rest[task] = (rest.get(task, b"") + data).split(b"\n")
        write(b"".join(task.encode() + b" | " + line + b"\n" for line in lines))
    for task, line in rest.items():
        if line:
            write(task.encode() + b" | " + line + b"\n")
