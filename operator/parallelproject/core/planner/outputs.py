"""What a task puts out for the tasks that depend on it, as far as a status can hold it. Pure."""

from collections.abc import Mapping

Outputs = tuple[tuple[str, str], ...]
"""Names and values, in order of the names."""

TASK_BYTES, PROJECT_BYTES = 1024, 204_800
"""Maximum bytes of the outputs of one task, and of all tasks of a project: the status must fit into one object."""


def outputs_of(found: Mapping[str, str]) -> Outputs:
    """The outputs of an attempt, in order, up to the maximum of a task.

    One that does not fit is omitted: a value that is cut would be wrong.
    """
    return _fitting(tuple(sorted(found.items())), TASK_BYTES)


def kept(outputs: Outputs, tasks: int) -> Outputs:
    """Those that a status holds.

    Args:
        outputs: The outputs of a task.
        tasks: Number of tasks of the project: each has the same share.
    """
    return _fitting(outputs, min(TASK_BYTES, PROJECT_BYTES // max(1, tasks))) if outputs else ()


def _fitting(outputs: Outputs, most: int) -> Outputs:
    chosen, left = [], most
    for name, value in outputs:
        size = len(name.encode(errors="replace")) + len(value.encode(errors="replace"))
        if size <= left:
            chosen.append((name, value))
            left -= size
    return tuple(chosen)
