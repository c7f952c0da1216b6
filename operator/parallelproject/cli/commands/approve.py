"""``pproj approve``: tasks that a person lets start."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parallelproject.cli.cluster.spec import approved_in, entries_with, floors_of, ids_of, refuse_unknown, spec_patch
from parallelproject.cli.cluster.state import rows
from parallelproject.cli.commands.asking import Asking
from parallelproject.cli.input.arguments import AnswerOutput, NameOrOnly, TasksOfProject, TextOrJson
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.model.problem import listed
from parallelproject.model.status import Reason

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectKeeper

Json = dict[str, Any]


@on_project
async def run(
    keeper: "ProjectKeeper",
    name: NameOrOnly = "",
    tasks: TasksOfProject = None,
    all_waiting: Annotated[bool, typer.Option("--all", help="Approve all tasks that wait for approval now.")] = False,
    output: AnswerOutput = TextOrJson.TEXT,
) -> None:
    """Let tasks start that wait for approval.

    A task with approval: true starts when a person has approved it; that may be before its turn has come. The approval
    holds for all attempts of the task, until pproj rerun runs it again from the start.
    """
    if bool(tasks) == all_waiting:
        found = "--all and TASK exclude each other" if tasks else "no task is named"
        raise Failure(found, hint="give the ids of the tasks after the NAME, or --all", code=2)
    wanted = list(dict.fromkeys(tasks or ()))
    lines: list[str] = []

    def patch(project: Json) -> Json | None:
        if all_waiting:
            wanted[:] = [row["id"] for row in rows(project) if row.get("reason") == Reason.WAITING_FOR_APPROVAL]
        found = approve_patch(project, wanted, f"{typed()} get{keeper.options} {name}")
        what = "is approved already" if len(wanted) == 1 else "are approved already"
        lines[:] = [f"{name}: {listed(wanted, 8)} {what}" if wanted else f"{name}: no task waits for approval"]
        if found:
            lines[:] = [f"{name}: {listed(wanted, 8)} {'is' if len(wanted) == 1 else 'are'} approved"]
        return found

    await Asking(keeper, name, output).change(patch, lambda: lines, lambda: wanted)


def approve_patch(project: Json, wanted: Sequence[str], look: str) -> Json | None:
    """A merge patch that approves tasks; None: they all are already.

    Args:
        project: The project.
        wanted: The tasks.
        look: The command that shows the tasks, for errors.

    Raises:
        Failure: one of them is not there, needs no approval, or has succeeded.
    """
    refuse_unknown(project, wanted, look)
    asking = {task["id"] for task in project["spec"].get("tasks") or () if task.get("approval")}
    states = {row["id"]: row for row in rows(project)}
    wrong = [f"{task} needs no approval: it has no approval: true" for task in wanted if task not in asking]
    wrong += [f"{task} has already succeeded" for task in wanted if states.get(task, {}).get("state") == "Succeeded"]
    if wrong:
        need = [id for id in ids_of(project) if id in asking]
        raise Failure(*wrong, hint=f"tasks with approval: {listed(need, 8) or 'none'}")
    # Not after the attempts so far: a rerun of exactly these has to ask again.
    floors, given = floors_of(project), approved_in(project)
    new: dict[str, Json] = {task: {"id": task, "after": floors.get(task, 0)} for task in wanted if task not in given}
    if not new:
        return None
    spec = {"approvals": entries_with(project, "approvals", new)}
    return spec_patch(project, spec)
