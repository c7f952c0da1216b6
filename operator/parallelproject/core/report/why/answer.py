"""The answer to why a task stands where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from parallelproject.core.planner.explanation import View
from parallelproject.model.problem import quoted
from parallelproject.model.spec import Executor


class UnknownTaskError(Exception):
    """The project has no such task."""

    def __init__(self, task: str, hint: str) -> None:
        super().__init__(f"{quoted(task)} is not a task")
        self.hint = hint
        """``did you mean "api-schema"?``, where one is close."""


@dataclass(frozen=True, slots=True)
class Why:
    """The answer."""

    task: str
    state: str
    """Pending, Running, Succeeded, Failed or Skipped."""
    reason: str
    """The word for it, as in the row; empty where the state says it all."""
    answer: str
    """A sentence."""
    more: tuple[str, ...] = ()
    """Further sentences."""
    tasks: tuple[str, ...] = ()
    """The tasks that it is because of."""
    job: str = ""
    """The Job of the last attempt."""
    hint: str = ""
    """What could be done about it: ``retry``, ``resume``, ``resume-job``, ``graph`` or nothing."""
    look: str = ""
    """What there is to look at: ``logs`` or ``follow`` (of the Job's pod), ``pod``, ``job`` or nothing."""
    container: str = ""
    """The container whose log it is; empty: all of them."""
    kind: str = Executor.JOB.value
    """What ``job`` is: a Job or a Workflow."""


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


def container_of(view: View, i: int) -> str:
    """The container that runs a task: others may stand before it in a pod."""
    role = view.spec.role(view.graph.role[i])
    return role.pod_template.spec.containers[0].name if role and role.pod_template else ""
