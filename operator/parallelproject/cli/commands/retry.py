"""``pproj retry``: failures that no longer count, so that tasks run again."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parallelproject.cli.cluster.spec import ids_of, retries_with, spec_patch, unknown_tasks
from parallelproject.cli.cluster.state import rows
from parallelproject.cli.commands.asking import Asking
from parallelproject.cli.input.arguments import AnswerOutput, NameOrOnly, TextOrJson, task_argument
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.core.report.attention import needs_of_status
from parallelproject.core.report.status import condition, read_row
from parallelproject.model.problem import listed
from parallelproject.model.status import Reason

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectKeeper

Json = dict[str, Any]


@on_project
async def run(
    keeper: "ProjectKeeper",
    name: NameOrOnly = "",
    tasks: Annotated[
        list[str] | None,
        task_argument("Ids of failed or skipped tasks; by default all that failed."),
    ] = None,
    all_failed: Annotated[bool, typer.Option("--failed", help="Retry all failed tasks, as without TASK.")] = False,
    start: Annotated[
        bool, typer.Option("--run", help="Also start a local run again, if it is not running.", show_default=False)
    ] = False,
    output: AnswerOutput = TextOrJson.TEXT,
) -> None:
    """Run failed tasks again, and resume a stopped project.

    Earlier failures of these tasks no longer count: each has its full number of attempts again. Tasks that were skipped
    because of them run too. A TASK that pproj skip has skipped runs after all. Nothing waits any more for the limit of
    an agent's provider, or because a task ended with exit code 75. Where no task failed, a hook or a check that has
    stopped the project runs again.
    """
    if tasks and all_failed:
        raise Failure("--failed and TASK exclude each other", hint="omit one of them", code=2)
    if start and output is TextOrJson.JSON:
        raise Failure("-o json and --run exclude each other", hint="start the run with pproj run -o json", code=2)
    tasks = list(dict.fromkeys(tasks or ()))
    lines: list[str] = []
    retried: list[str] = []

    def patch(project: Json) -> Json | None:
        failed, stopped = failed_tasks(project, tasks), bool(project["spec"].get("stop"))
        wanted = list(dict.fromkeys([*failed, *skipped_tasks(project, tasks)]))  # one that failed may be skipped since
        deferred = deferred_tasks(project, tasks)
        if not wanted and not stopped and not deferred and (again := checked_again(project)):
            lines[:] = [f"{name}: {again}"]
            return recheck_patch(project)
        if not wanted and not stopped and not deferred:
            lines[:] = [_nothing(project)]
            return None
        lines[:], retried[:] = _summary(name, wanted, stopped, list(deferred)), [*wanted, *deferred]
        return retry_patch(project, failed | deferred, wanted)

    asking = Asking(keeper, name, output, starts=start)
    await asking.change(patch, lambda: lines, lambda: retried, terminal.show)


def checked_again(project: Json) -> str:
    """What runs again of a project that has ended by no task: a check of what has landed, or a hook; else nothing."""
    status = project.get("status") or {}
    if needs_of_status(status, ()):
        return "what has landed is verified again"
    if condition(status, "Succeeded").get("reason") == Reason.HOOK_FAILED:
        return "the hook that failed runs again, and the project continues"
    return ""


def recheck_patch(project: Json) -> Json:
    """A merge patch with which failed checks and hooks run again, and no task does."""
    return spec_patch(project, {"recheck": int(project["spec"].get("recheck") or 0) + 1})


def _entry(row: Mapping[str, Any]) -> Json:
    """The entry of spec.retries that forgives what a failed task has behind it."""
    if row.get("reason") == Reason.VERIFICATION_FAILED:
        return {"id": row["id"], "repairAfter": int(row.get("attempts") or 0)}
    conflicts = int(row.get("conflicts") or 0)
    rejections = read_row(row).rejections
    forgive = int(row.get("failures") or 0) or (0 if conflicts or rejections else 1)
    others = {"forgiveConflicts": conflicts, "forgiveRejections": rejections}
    return {"id": row["id"], "forgive": forgive} | {field: count for field, count in others.items() if count}


def failed_tasks(project: Json, wanted: Sequence[str]) -> dict[str, Json]:
    """The failed tasks that are meant, each with the entry of spec.retries that forgives its failures so far.

    Raises:
        Failure: one that is named is not there, or has not failed.
    """
    failures = {row["id"]: _entry(row) for row in rows(project) if row.get("state") == "Failed"}
    if not wanted:
        return failures
    skipped = skipped_tasks(project, wanted)
    states = {row["id"]: row.get("state", "Pending") for row in rows(project)}
    known, waiting = ids_of(project), _waiting(project)
    wrong = []
    for task in wanted:
        wrong += unknown_tasks(project, [task])
        if task in known and task not in failures and task not in skipped and task not in waiting:
            wrong.append(f"{task} has not failed: it is {states.get(task, 'Pending')}")
    if wrong:
        raise Failure(*wrong, hint=f"failed: {', '.join(failures) or 'none'}")
    return {task: failures[task] for task in wanted if task in failures}


def deferred_tasks(project: Json, wanted: Sequence[str]) -> dict[str, Json]:
    """The tasks whose last attempt was deferred and that wait, each with the entry of spec.retries that ends its wait.

    Where some are named, they are only meant if one of the named ones waits: for its own limit, or for that of another.
    """
    waiting = _waiting(project)
    if wanted and waiting.keys().isdisjoint(wanted):
        return {}
    counts = {task: row["deferrals"] for task, row in waiting.items() if row.get("deferrals")}
    return {task: {"id": task, "forgiveDeferrals": count} for task, count in counts.items()}


def _waiting(project: Json) -> dict[str, Mapping[str, Any]]:
    """The rows of tasks that wait for a limit, or after an attempt that was deferred."""
    limit, backoff = Reason.WAITING_FOR_LIMIT, Reason.BACKOFF
    return {
        row["id"]: row
        for row in rows(project)
        if row.get("reason") == limit or (row.get("reason") == backoff and read_row(row).is_deferred)
    }


def skipped_tasks(project: Json, wanted: Sequence[str]) -> list[str]:
    """Those of some tasks that somebody has skipped (``spec.skip``)."""
    skipped = project["spec"].get("skip") or ()
    return [task for task in wanted if task in skipped]


def retry_patch(project: Json, failed: Mapping[str, Json], wanted: Sequence[str] = ()) -> Json:
    """A merge patch that forgives these failures, skips these tasks no more, and lets a stopped project continue."""
    spec: Json = {}
    if failed:
        spec["retries"] = retries_with(project, failed)
    skipped = project["spec"].get("skip") or []
    if not set(skipped).isdisjoint(wanted):
        spec["skip"] = [task for task in skipped if task not in wanted]
    if project["spec"].get("stop"):
        spec["stop"] = False
    return spec_patch(project, spec)


def _nothing(project: Json) -> str:
    name = project["metadata"]["name"]
    ended = condition(project.get("status") or {}, "Completed").get("reason")
    if ended == "DeadlineExceeded":
        limit = project["spec"].get("activeDeadlineSeconds")
        hint = "raise spec.activeDeadlineSeconds to continue"
        raise Failure(f"{name} has no failed task; its deadline of {limit} s is over", hint=hint)
    return f"{name} has no failed task: nothing to retry"


def _summary(name: str, tasks: Sequence[str], stopped: bool, deferred: Sequence[str]) -> list[str]:
    again = f"{name}: {len(tasks)} task{'' if len(tasks) == 1 else 's'} to run again: {listed(tasks, 8)}"
    ended = f"{name}: no task waits any more for what {listed(deferred, 8)} met"
    return [again] * bool(tasks) + [ended] * bool(deferred) + [f"{name} is no longer stopped: it resumes"] * stopped
