"""Jobs in queues of Kueue: its labels, by which it finds and orders them. Pure."""

from parallelproject.model.names import LABEL_QUEUE, LABEL_QUEUE_PRIORITY
from parallelproject.model.spec import ProjectPriority, Spec


def queue_labels(spec: Spec, queue: str | None) -> dict[str, str]:
    """The labels of a Job of a queue.

    The usual priority has no class: Kueue does not admit a Job whose class does not exist.

    Args:
        spec: The spec of its project.
        queue: The LocalQueue; None: Kueue has nothing to do with it.
    """
    if queue is None:
        return {}
    usual = ProjectPriority.P2
    more = {} if spec.priority is usual else {LABEL_QUEUE_PRIORITY: priority_class(spec.priority)}
    return {LABEL_QUEUE: queue} | more


def priority_class(priority: ProjectPriority) -> str:
    """The name of the WorkloadPriorityClass of projects of a priority."""
    return f"parallelproject-{priority.value.lower()}"
