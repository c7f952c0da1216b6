"""The answer to why a task is in its state."""

from collections.abc import Sequence
from dataclasses import dataclass

from parallelproject.core.planner.explanation import View
from parallelproject.core.planner.snapshot import ran_by
from parallelproject.core.times import duration
from parallelproject.model.problem import quoted
from parallelproject.model.spec import ExecutorKind, Role
from parallelproject.model.status import Reason, TaskState

_RETRIED = 3
"""Most tasks that a command names."""


class UnknownTaskError(Exception):
    """The project has no such task."""

    def __init__(self, task: str, hint: str) -> None:
        super().__init__(f"{quoted(task)} is not a task")
        self.task = task
        self.hint = hint
        """``did you mean "api-schema"?``, if one is close."""


@dataclass(frozen=True, slots=True)
class Why:
    """The answer."""

    task: str
    state: str
    """Pending, Running, Succeeded, Failed or Skipped."""
    reason: str
    """The reason, as in the row; empty if the state is enough."""
    answer: str
    """A sentence."""
    more: tuple[str, ...] = ()
    """Further sentences."""
    tasks: tuple[str, ...] = ()
    """The tasks that caused it."""
    job: str = ""
    """The Job of the last attempt."""
    hint: str = ""
    """What a user could do about it: ``retry``, ``resume``, ``resume-job``, ``graph``, ``approve``, ``answer`` or
    nothing."""
    look: str = ""
    """What a user could look at: ``logs`` or ``follow`` (of the Job's pod), ``pod``, ``job``, ``workload`` (of Kueue)
    or nothing."""
    container: str = ""
    """The container of that log; empty: all containers."""
    kind: str = ExecutorKind.JOB.value
    """What ``job`` is: a Job or a Workflow."""

    @property
    def to_retry(self) -> tuple[str, ...]:
        """The tasks that a retry is to name; empty: all that failed."""
        is_itself = self.state == TaskState.FAILED or self.reason == Reason.SKIP_REQUESTED
        return self.tasks[:_RETRIED] or ((self.task,) if is_itself else ())


def of_task(
    view: View,
    i: int,
    answer: str,
    more: Sequence[str] = (),
    tasks: Sequence[int] = (),
    job: str | None = None,
    fix: str = "",
    look: str = "",
    container: str = "",
) -> Why:
    """The answer for a task of the graph."""
    named = tuple(view.graph.ids[j] for j in tasks)
    row = view.row(i)
    return Why(
        view.graph.ids[i], row.state, row.reason, answer, tuple(more), named, job or "", fix, look, container,
        view.spec.executor.value,
    )  # fmt: skip


DEADLINE = "activeDeadlineSeconds"
"""The field that a deadline is of, as answers name it."""


def deadline(view: View, i: int) -> str:
    """How long the last attempt of a task may take; empty where nothing limits it."""
    at = view.record(i).step
    of_step = next((step.deadline_seconds for step in view.spec.steps if step.name == at), None)
    seconds = view.graph.tasks[i].active_deadline_seconds or view.spec.defaults.active_deadline_seconds
    if of_step:
        return f"an attempt at step {at} is stopped after {duration(of_step)} (deadlineSeconds)"
    return f"an attempt of it is stopped after {duration(seconds)} ({DEADLINE})" if seconds else ""


def role_of(view: View, i: int) -> Role | None:
    """The role in whose pod template the last attempt of a task runs."""
    return view.spec.role(ran_by(view.graph, i, view.record(i)) or view.graph.role[i])


def container_of(view: View, i: int) -> str:
    """The container that runs a task: in a pod others may come before it."""
    role = role_of(view, i)
    return role.pod_template.spec.containers[0].name if role and role.pod_template else ""
