"""Which tasks people have approved: the one rule, for the spec and for a project as plain data. Pure."""

from collections.abc import Iterable


def approved_tasks(approvals: Iterable[tuple[str, int]], reruns: Iterable[tuple[str, int]]) -> frozenset[str]:
    """The tasks whose approval counts. One that was given before a task was run again from the start is over.

    Args:
        approvals: Ids of approved tasks, and the number of attempts after which each was given.
        reruns: Ids of tasks that run again from the start, and the number of the last attempt that counts no more.
    """
    floors = dict(reruns)
    return frozenset(task for task, after in approvals if after >= floors.get(task, 0))
