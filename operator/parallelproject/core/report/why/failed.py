"""A task that has failed for good."""

from parallelproject.core.graph.walk import reachable
from parallelproject.core.planner.attempt import QUESTIONS_MAX
from parallelproject.core.planner.explanation import NAMED, View, failure
from parallelproject.core.planner.inputs import missing, outputs_in_status, source_words
from parallelproject.core.planner.snapshot import standing_of
from parallelproject.core.report.step_words import failed_by_gate
from parallelproject.core.report.why.answer import Why, container_of, deadline, of_task
from parallelproject.core.report.why.delivery import BEHIND, look_of, times
from parallelproject.core.times import iso
from parallelproject.model.problem import listed
from parallelproject.model.spec import MergeConflict
from parallelproject.model.status import ConditionType, Reason

_WITHOUT_JOB = frozenset({Reason.LOST, Reason.INVALID_POD_TEMPLATE, Reason.NAME_CONFLICT})
"""Failures of an attempt that has no Job, or whose Job was deleted."""

_OF_WORKSPACE: dict[str | None, str] = {
    Reason.SETUP_FAILED: "spec.workspace.setup failed before the task's command: its output is in the log",
}
"""What lies behind a failure before the task's command."""

_OF_AGENTS: dict[str | None, str] = {
    Reason.AGENT_AUTH: "the provider refuses the agent's key or login: set the key, or log in, then retry",
    Reason.AGENT_DENIED: "the agent was not allowed to use a tool that it needed: allow it in the agent's settings",
    Reason.NEEDS_INPUT: (
        f"it asked a person more than {QUESTIONS_MAX} times: say in its description what it needs to know, then retry"
    ),
    Reason.NO_CHANGE: "the agent changed nothing and did not write why to PPROJ_OUTPUTS/no-change",
    Reason.AGENT_ERROR: "the agent's output ends with an error, or without its final event",
    Reason.TURN_LIMIT: "the agent reached its own limit of turns: raise it, or make the task smaller",
    Reason.BUDGET_HIT: "the agent reached its own limit of money: raise it, or make the task smaller",
}
"""What lies behind a failure that an agent's output shows."""


def failed(view: View, i: int) -> Why:
    """The answer for this state."""
    record, rules = view.record(i), view.spec.conflicts
    if view.row(i).reason == Reason.OUTPUT_MISSING:
        return _without_value(view, i)
    if view.row(i).reason == Reason.VERIFICATION_FAILED:
        return _broken(view, i)
    tried = f"all {record.attempts} attempts failed; the last one" if record.attempts > 1 else "its only attempt failed"
    rejected = failed_by_gate(view.graph, i, record)
    answer = rejected or f"{tried} with {failure(record)}"
    if record.ended is not None:
        answer += f", at {iso(int(record.ended))}"
    is_of_delivery = record.reason in BEHIND
    more = [text for known in (BEHIND, _OF_WORKSPACE, _OF_AGENTS) if (text := known.get(record.reason))]
    if record.reason == Reason.CONFLICT:
        again = rules.on_merge_conflict is MergeConflict.RERUN
        limit = f"maxReruns is {rules.max_reruns}" if again else "onMergeConflict is Fail"
        more.append(f"it was in conflict {times(record.conflicts)}, and {limit}")
    if record.reason == Reason.DEADLINE_EXCEEDED and (limit := deadline(view, i)):
        more.append(limit)
    if rejected and (work := standing_of(view.graph, i, record).work):
        more.append(f"its work did not land; that of attempt {work} is kept, in the ref of the task held/{work}")
    job = None if record.reason in _WITHOUT_JOB else record.job
    if job:
        more.append(f"the {view.spec.executor.value} of the last attempt is {job}")
    more += _skipped_below(view, i)
    container = "" if is_of_delivery else container_of(view, i)
    return of_task(view, i, answer, more, job=job, fix="retry", look=look_of(record), container=container)


def _broken(view: View, i: int) -> Why:
    """The answer for a task whose work has landed and breaks a check."""
    _, message = view.condition(ConditionType.VERIFIED)
    answer = "its work breaks a check, and it is not repaired again"
    return of_task(view, i, answer, [f"verification reports: {message}", *_skipped_below(view, i)], fix="retry")


def _skipped_below(view: View, i: int) -> list[str]:
    below = sorted(reachable([i], view.graph.children))
    skipped = [j for j in below if view.row(j).reason == Reason.DEPENDENCY_FAILED]
    return [f"{view.named(skipped, states=False)} did not run because of it"] if skipped else []


def _without_value(view: View, i: int) -> Why:
    """The answer for a task that has not started, because there is no value of an output that it takes."""
    records = {task: view.record(j) for task, j in view.graph.index.items()}
    lacking = missing(view.graph, i, records)
    answer = "it did not start: " + "; ".join(source_words(view.graph, source, records) for source in lacking)
    more = [f"{view.graph.ids[task]} has {_outputs(view, task)}" for task in dict.fromkeys(s.task for s in lacking)]
    more.append("a default in valueFrom is used where an output does not exist")
    return of_task(view, i, answer, more, tasks=[*dict.fromkeys(source.task for source in lacking)])


def _outputs(view: View, task: int) -> str:
    names = [name for name, _ in outputs_in_status(view.graph, task, view.record(task))]
    return f"these outputs: {listed(names, NAMED)}" if names else "no output that may be used as a value"
