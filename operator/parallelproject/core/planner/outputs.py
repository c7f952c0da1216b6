"""What a task puts out for the tasks that depend on it, as far as a status can hold it. Pure."""

import json
from collections.abc import Mapping

from parallelproject.model.status import OUTPUTS_MAX, QUESTION_MAX

Outputs = tuple[tuple[str, str], ...]
"""Names and values, in order of the names."""

TASK_BYTES, PROJECT_BYTES = 1024, 204_800
"""Maximum bytes of the outputs of one task, and of all tasks of a project, as JSON: the status must fit into one
object."""


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


def kept_text(text: str, tasks: int) -> str:
    """What a status holds of a text that people read: as much of its start as fits.

    Args:
        text: The text.
        tasks: Number of tasks that have one: each has the same share.
    """
    most = min(QUESTION_MAX, PROJECT_BYTES // max(1, tasks))
    while _bytes(text) > most:
        text = text[: len(text) * most // _bytes(text) - 2] + "…"
    return text


def _fitting(outputs: Outputs, most: int) -> Outputs:
    chosen: list[tuple[str, str]] = []
    left = most
    for name, value in outputs:
        size = _bytes(name) + _bytes(value)
        if size <= left and len(chosen) < OUTPUTS_MAX:
            chosen.append((name, value))
            left -= size
    return tuple(chosen)


def _bytes(text: str) -> int:
    """Size of a text in the JSON that the API server stores, which also has escapes for characters of HTML."""
    return len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) + 5 * sum(
        map(text.count, "<>&\u2028\u2029")
    )
