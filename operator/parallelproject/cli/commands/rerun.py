"""``pproj rerun``: results that no longer count, so that tasks run again from the start."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from parallelproject.cli.cluster.spec import retries_with, spec_patch
from parallelproject.cli.cluster.state import ProjectState, rows, standing
from parallelproject.cli.input.arguments import NameOrOnly, task_argument
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.core.graph.walk import reachable
from parallelproject.model.problem import listed
from parallelproject.model.suggest import did_you_mean

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectKeeper

Json = dict[str, Any]


@on_project
async def run(
    keeper: "ProjectKeeper",
    name: NameOrOnly = "",
    tasks: Annotated[
        list[str] | None,
        task_argument("Ids of tasks that run again, with all that depend on them; by default all."),
    ] = None,
) -> None:
    """Run a project, or some of its tasks, again from the start.

    Earlier results of these tasks no longer count, also successes; their attempt numbers continue. To run only failed
    tasks, use pproj retry. Work that has landed in git is never done again. A local run starts over with pproj run
    --fresh.
    """
    affected: list[str] = []

    def patch(project: Json) -> Json:
        keeper.refuse_rerun(project)
        affected[:] = affected_tasks(project, tasks or [])
        return rerun_patch(project, affected)

    await keeper.change(name, patch)
    count = f"{len(affected)} task{'' if len(affected) == 1 else 's'}"
    terminal.show(f"{name}: {count} to run again from the start: {listed(affected, 8)}")


def affected_tasks(project: Json, wanted: Sequence[str]) -> list[str]:
    """The tasks that run again: those that are wanted and all that depend on them, or all.

    Raises:
        Failure: one of them runs, or is not there.
    """
    name, spec = project["metadata"]["name"], project["spec"]
    known = {task["id"]: task.get("dependencies") or [] for task in spec.get("tasks") or ()}
    if unknown := [task for task in wanted if task not in known]:
        close = did_you_mean(unknown[0], list(known))
        raise Failure(f"{name} has no task {unknown[0]}", hint=close or f"{typed()} get {name} shows all")
    affected = _with_dependents(known, wanted) if wanted else list(known)
    running = [row["id"] for row in rows(project) if row.get("state") == "Running" and row["id"] in affected]
    ended = standing(project) in (ProjectState.SUCCEEDED, ProjectState.FAILED)
    if running or not (ended or wanted):
        what = f"{listed(running, 8)} {'runs' if len(running) == 1 else 'run'}" if running else f"{name} has not ended"
        raise Failure(f"{what}: nothing is run again while it runs", hint=f"wait, or {typed()} stop {name} first")
    return affected


def _with_dependents(dependencies: Mapping[str, Sequence[str]], wanted: Sequence[str]) -> list[str]:
    """Tasks and all that depend on them, in the order of the spec."""
    ids = list(dependencies)
    place = {task: i for i, task in enumerate(ids)}
    waiting: list[list[int]] = [[] for _ in ids]
    for task, needs in dependencies.items():
        for need in needs:
            if need in place:
                waiting[place[need]].append(place[task])
    starts = [place[task] for task in wanted]
    return [ids[i] for i in sorted({*starts, *reachable(starts, waiting)})]


def rerun_patch(project: Json, affected: Sequence[str]) -> Json:
    """A merge patch by which no attempt of these tasks so far counts; a stopped project continues."""
    attempts = {row["id"]: int(row.get("attempts") or 0) for row in rows(project)}
    entries: dict[str, Json] = {
        task: {"rerunAfter": attempts[task], "forgive": 0, "forgiveConflicts": 0, "forgiveRejections": 0, "id": task}
        for task in affected
        if attempts.get(task)
    }
    spec: Json = {"retries": retries_with(project, entries)}
    if project["spec"].get("stop"):
        spec["stop"] = False
    return spec_patch(project, spec)
