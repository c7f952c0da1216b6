"""What a task puts out for the tasks that depend on it, as far as a status can hold it. Pure."""

import json
from collections.abc import Mapping, Set
from functools import lru_cache

from parallelproject.model.output_values import OUTPUT_MAX
from parallelproject.model.status import OUTPUTS_MAX, QUESTION_MAX

Outputs = tuple[tuple[str, str], ...]
"""Names and values, in order of the names."""

TASK_BYTES, PROJECT_BYTES = 4096, 131_072
"""Maximum bytes of the outputs of one task, and of all tasks of a project, as JSON: the status must fit into one
object."""


def outputs_of(found: Mapping[str, str]) -> Outputs:
    """The outputs of an attempt, in order, up to the maximum of a task.

    One that does not fit is omitted: a value that is cut would be wrong.
    """
    return kept(tuple(sorted(found.items())), TASK_BYTES)


def share(tasks: int, needed: int, is_needed: bool) -> int:
    """Maximum bytes of the outputs of one task in a status. Where tasks name outputs of others, most is for those.

    Args:
        tasks: Number of tasks of the project.
        needed: Number of those whose outputs are named.
        is_needed: Whether it is one of these.
    """
    common = PROJECT_BYTES // 4 if needed else PROJECT_BYTES
    more = (PROJECT_BYTES - common) // needed if is_needed else 0
    return min(TASK_BYTES, common // max(1, tasks) + more)


@lru_cache(maxsize=4096)
def kept(outputs: Outputs, most: int, first: Set[str] = frozenset()) -> Outputs:
    """Those that fit. The same of a result is the result.

    Args:
        outputs: The outputs of a task.
        most: Maximum bytes.
        first: Names of those that others must not displace.
    """
    chosen: list[tuple[str, str]] = []
    left = most
    for name, value in sorted(outputs, key=lambda each: (each[0] not in first, each[0])):
        size = _bytes(name) + _bytes(value)
        if size <= left and len(chosen) < OUTPUTS_MAX and len(value.encode(errors="replace")) <= OUTPUT_MAX:
            chosen.append((name, value))
            left -= size
    return tuple(sorted(chosen))


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


def _bytes(text: str) -> int:
    """Size of a text in the JSON that the API server stores, which also has escapes for characters of HTML."""
    return len(json.dumps(text, ensure_ascii=False).encode(errors="replace")) + 5 * sum(
        map(text.count, "<>&\u2028\u2029")
    )
