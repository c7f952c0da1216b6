"""``pproj skip``: tasks that are not run, so that what depends on them runs without them."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from parallelproject.cli.cluster.spec import ids_of, spec_patch, unknown_tasks
from parallelproject.cli.cluster.state import rows
from parallelproject.cli.commands.asking import Asking
from parallelproject.cli.input.arguments import AnswerOutput, NameOrOnly, TasksOfProject, TextOrJson
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.output.failure import Failure
from parallelproject.model.problem import listed

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectKeeper

Json = dict[str, Any]


@on_project
async def run(
    keeper: "ProjectKeeper",
    name: NameOrOnly = "",
    tasks: TasksOfProject = None,
    output: AnswerOutput = TextOrJson.TEXT,
) -> None:
    """Do not run tasks; what depends on them runs without them.

    A task that is running is stopped. To run a skipped task after all, use pproj retry.
    """
    if not tasks:
        raise Failure("no task is named", hint="give the ids of the tasks to skip, after the NAME", code=2)
    tasks = list(dict.fromkeys(tasks))
    lines: list[str] = []

    def patch(project: Json) -> Json | None:
        found = skip_patch(project, tasks, keeper.skipped_for_once(project))
        lines[:] = _summary(project, tasks) if found else [f"{listed(tasks, 8)}: skipped already"]
        return found

    await Asking(keeper, name, output).change(patch, lambda: lines, lambda: tasks)


def skip_patch(project: Json, tasks: list[str], for_once: Collection[str] = ()) -> Json | None:
    """A merge patch that has tasks skipped; None: they all are already.

    Args:
        project: The project.
        tasks: The tasks.
        for_once: Those that are skipped now, and would run when the project continues.

    Raises:
        Failure: one of them is not there, or has succeeded.
    """
    states = {row["id"]: row.get("state") for row in rows(project)}
    wrong = unknown_tasks(project, tasks)
    wrong += [f"{task} has already succeeded" for task in tasks if states.get(task) == "Succeeded"]
    if wrong:
        raise Failure(*wrong)
    before = project["spec"].get("skip") or []
    wanted = [task for task in ids_of(project) if task in before or task in tasks]
    if all(task in before and task not in for_once for task in tasks):
        return None
    return spec_patch(project, {"skip": wanted})


def _summary(project: Json, tasks: list[str]) -> list[str]:
    running = [row["id"] for row in rows(project) if row.get("state") == "Running" and row["id"] in tasks]
    name = project["metadata"]["name"]
    text = (
        f"{name}: skipping {listed(tasks, 8)}; what depends on {'it' if len(tasks) == 1 else 'them'} runs all the same"
    )
    return [text, *([f"{listed(running, 8)}: being stopped"] if running else [])]
