"""``pproj retry``: failures that no longer count, so that tasks run again."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parallelproject.cli.cluster.state import rows
from parallelproject.cli.input.arguments import Name
from parallelproject.cli.input.cluster_options import on_cluster
from parallelproject.cli.input.completion import task_ids
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.core.report.status import condition
from parallelproject.model.problem import listed
from parallelproject.model.suggest import did_you_mean

if TYPE_CHECKING:
    from parallelproject.cli.cluster.projects import Cluster

Json = dict[str, Any]


@on_cluster
async def run(
    cluster: "Cluster",
    name: Name,
    tasks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TASK",
            help="Ids of failed tasks; by default all that failed.",
            autocompletion=task_ids,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run failed tasks again, and a stopped project on.

    Failures so far no longer count for these tasks, so they have all their attempts again. What was skipped because
    of them runs too.
    """
    failed: dict[str, Json] = {}
    stopped = False

    def patch(project: Json) -> Json | None:
        nonlocal failed, stopped
        failed, stopped = failed_tasks(project, tasks or []), bool(project["spec"].get("stop"))
        if not failed and not stopped:
            _nothing(project)
            return None
        return retry_patch(project, failed)

    if await cluster.change(name, patch):
        _report(name, list(failed), stopped)


def _entry(row: Mapping[str, Any]) -> Json:
    """The entry of spec.retries that forgives what a failed task has behind it."""
    conflicts = int(row.get("conflicts") or 0)
    forgive = int(row.get("failures") or 0) or (0 if conflicts else 1)
    return {"id": row["id"], "forgive": forgive} | ({"forgiveConflicts": conflicts} if conflicts else {})


def failed_tasks(project: Json, wanted: Sequence[str]) -> dict[str, Json]:
    """The failed tasks that are meant, each with the entry of spec.retries that forgives its failures so far.

    Raises:
        Failure: one that is named is not there, or has not failed.
    """
    name = project["metadata"]["name"]
    failures = {row["id"]: _entry(row) for row in rows(project) if row.get("state") == "Failed"}
    if not wanted:
        return failures
    states = {row["id"]: row.get("state", "Pending") for row in rows(project)}
    known = [task["id"] for task in project["spec"].get("tasks") or ()]
    wrong = []
    for task in wanted:
        if task not in known:
            close = did_you_mean(task, known)
            wrong.append(f"{name} has no task {task}" + (f" ({close})" if close else ""))
        elif task not in failures:
            wrong.append(f"{task} has not failed: it is {states.get(task, 'Pending')}")
    if wrong:
        raise Failure(*wrong, hint=f"failed: {', '.join(failures) or 'none'}")
    return {task: failures[task] for task in wanted}


def with_entries(project: Json, changed: Mapping[str, Json]) -> list[Json]:
    """spec.retries with the fields of these entries set, by task; without tasks that are not there any more."""
    entries = {entry["id"]: entry for entry in project["spec"].get("retries") or ()}
    for id, entry in changed.items():
        entries[id] = {**entries.get(id, {}), **entry}
    known = {task["id"] for task in project["spec"].get("tasks") or ()}
    return [entry for id, entry in entries.items() if id in known]


def retry_patch(project: Json, failed: dict[str, Json]) -> Json:
    """A merge patch that forgives these failures and lets a stopped project go on."""
    spec: Json = {}
    if failed:
        spec["retries"] = with_entries(project, failed)
    if project["spec"].get("stop"):
        spec["stop"] = False
    return {"metadata": {"resourceVersion": project["metadata"]["resourceVersion"]}, "spec": spec}


def _nothing(project: Json) -> None:
    name = project["metadata"]["name"]
    ended = condition(project.get("status") or {}, "Completed").get("reason")
    if ended == "DeadlineExceeded":
        limit = project["spec"].get("activeDeadlineSeconds")
        hint = "raise spec.activeDeadlineSeconds to go on"
        raise Failure(f"{name} has no failed task; its deadline of {limit} s is over", hint=hint)
    terminal.show(f"{name} has no failed task: nothing to retry")


def _report(name: str, tasks: list[str], stopped: bool) -> None:
    if tasks:
        terminal.show(f"{name}: {len(tasks)} task{'' if len(tasks) == 1 else 's'} to run again: {listed(tasks, 8)}")
    if stopped:
        terminal.show(f"{name} is no longer stopped: it resumes")
