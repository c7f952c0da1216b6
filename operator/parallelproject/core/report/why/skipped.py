"""A task that will not run."""

from parallelproject.core.graph.walk import reachable
from parallelproject.core.planner.explanation import View
from parallelproject.core.planner.failures import PROJECT_REASONS, ROLE_REASONS, needed_roles
from parallelproject.core.planner.inputs import condition_words
from parallelproject.core.planner.snapshot import ran_by
from parallelproject.core.report.attention import need_of_verification
from parallelproject.core.report.why.answer import Why, of_task
from parallelproject.core.times import duration
from parallelproject.model.spec import FailurePolicy
from parallelproject.model.status import ConditionType, Reason, TaskState


def skipped(view: View, i: int) -> Why:
    """The answer for this state."""
    if view.row(i).reason == Reason.DEPENDENCY_FAILED:
        above = reachable([i], view.graph.parents)
        failed = [j for j in above if view.state(j) == TaskState.FAILED]
        stopped = [j for j in above if view.row(j).reason == Reason.STOPPED]
        if stopped and not failed:  # with the other tasks of its role
            cause = skipped(view, stopped[0])
            answer = f"it depends on {view.named(stopped)}: {cause.answer}"
            return of_task(view, i, answer, tasks=[view.graph.index[task] for task in cause.tasks], fix="retry")
        answer = f"it depends on {view.named(failed)}" if failed else "a task that it depends on failed"
        return of_task(view, i, answer, tasks=failed, fix="retry")
    if view.row(i).reason == Reason.SKIP_REQUESTED:
        answer = "it is skipped by request (spec.skip); what depends on it runs without it"
        return of_task(view, i, answer, tasks=[i], fix="retry")
    if view.row(i).reason == Reason.CONDITION_FALSE:
        return _by_condition(view, i)
    turn = "while it was running" if view.record(i).attempts else "before it started"
    if view.spec.stop:
        return of_task(view, i, f"the project was stopped {turn}", fix="retry")
    if view.row(i).reason == Reason.HOOK_FAILED:
        found = view.condition(ConditionType.HOOKS_SUCCEEDED).message
        answer = f"a hook failed {turn}, which stops the project"
        return of_task(view, i, f"{answer}: {found}" if found else answer, fix="retry")
    verified = view.condition(ConditionType.VERIFIED)
    if need := need_of_verification(("False", verified.reason, verified.message)):
        return of_task(view, i, f"the verification stopped the run {turn}", [need.text], fix="retry")
    if view.condition(ConditionType.COMPLETED).reason == Reason.DEADLINE_EXCEEDED:
        limit = view.spec.active_deadline_seconds or 0
        return of_task(view, i, f"the project's deadline ({duration(limit)}) passed {turn}")
    failed = [j for j in range(len(view.graph.ids)) if view.state(j) == TaskState.FAILED]
    needed = needed_roles(view.graph, i, view.record(i))
    if everywhere := [j for j in failed if view.record(j).reason in PROJECT_REASONS]:
        answer = f"{view.named(everywhere)}, and every other task would fail in the same way"
        return of_task(view, i, answer, tasks=everywhere, fix="retry")
    refusals = {j: ran_by(view.graph, j, view.record(j)) for j in failed if view.record(j).reason in ROLE_REASONS}
    refused = [j for j, role in refusals.items() if role in needed]
    if refused:
        role = refusals[refused[0]]
        whose = f"the role {role}" if role else "the same agent"
        answer = f"{view.named(refused)}, and every other task of {whose} would fail in the same way"
        return of_task(view, i, answer, tasks=refused, fix="retry")
    policy = view.spec.failure_policy
    if failed and policy is not FailurePolicy.CONTINUE:
        then = "all other tasks are stopped" if policy is FailurePolicy.FAIL_FAST else "no further level starts"
        answer = f"{view.named(failed)}; with failurePolicy {policy} {then} after that"
        return of_task(view, i, answer, tasks=failed, fix="retry")
    return of_task(view, i, f"the project ended {turn}", fix="retry")


def _by_condition(view: View, i: int) -> Why:
    """The answer for a task with conditions that do not all hold."""
    records = {task: view.record(j) for task, j in view.graph.index.items()}
    words = [
        condition_words(view.graph, i, test, view.state(test.task) if test.task >= 0 else "", records)
        for test in view.graph.conditions.tests.get(i, ())
    ]
    false = [text for text, holds in words if not holds]
    answer = f"a condition does not hold: {'; '.join(false)}" if false else "one of its conditions does not hold"
    return of_task(view, i, answer, ["what depends on it runs without it, after what it depends on"])
