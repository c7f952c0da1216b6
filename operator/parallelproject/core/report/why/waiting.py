"""A task that waits: the constraint that blocks it explains why."""

from collections.abc import Sequence

from parallelproject.core.planner.constraints.constraint import Constraint
from parallelproject.core.planner.explanation import View
from parallelproject.core.report.step_words import step_lines
from parallelproject.core.report.why.answer import Why, container_of, of_task
from parallelproject.core.report.why.delivery import BEHIND, look_of
from parallelproject.model.status import Reason


def waiting(view: View, i: int, constraints: Sequence[type[Constraint]]) -> Why:
    """The answer for a pending task."""
    reason = view.row(i).reason
    if reason == Reason.STARTING:
        answer = f"nothing blocks it: attempt {view.record(i).attempts + 1} is being created"
        return of_task(view, i, answer, step_lines(view.graph, i, view.record(i)))
    if view.row(i).is_queued:
        return _queued(view, i)
    constraint = next((each for each in constraints if reason in each.reasons), None)
    if constraint is None:
        return of_task(view, i, f"it waits: {reason}" if reason else "it waits for the operator's next round")
    found = constraint.explain(view, i, reason)
    more = [*step_lines(view.graph, i, view.record(i)), *found.more]
    look = container = ""
    if reason == Reason.BACKOFF:  # what has failed is to be looked at while it waits
        look, container = look_of(view.record(i)), "" if view.record(i).reason in BEHIND else container_of(view, i)
    return of_task(view, i, found.answer, more, found.tasks, found.job, found.fix, look, container)


def _queued(view: View, i: int) -> Why:
    """The answer for an attempt that Kueue does not admit."""
    record = view.record(i)
    answer = f"attempt {record.attempts} waits{view.since(record)} in queue {view.graph.queue[i]}, as Job {record.job}"
    more = ["Kueue starts it when the quota allows; it takes no slot of parallelism, and no deadline of it runs"]
    return of_task(view, i, answer, more, job=record.job, look="workload")
