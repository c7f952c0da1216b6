"""What an attempt holds while it is active, as data: on the attempt, and as text on its Job.

An attempt keeps the claim that it was started with, even if the spec changes. An attempt of an earlier spec only has
another claim; the rules are the same.
"""

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.steps.step import OWN
from parallelproject.model.spec import ROLE_PATTERN

_FILES_MAX, _PATTERN_MAX, _SLOTS_MAX = 100, 258, 1000
"""The operator's claims are smaller. A claim that someone else wrote must not block the planner."""
_ROLE = re.compile(ROLE_PATTERN.removesuffix("$"))


class Claim(NamedTuple):
    """What one attempt holds."""

    role: str | None = None
    """The role that runs it, which may have a limit."""
    files: tuple[str, ...] = ()
    """The normalised patterns of the files that it may write: no attempt with overlapping files runs at the same
    time."""
    slots: int = 1
    """How many slots of ``spec.parallelism`` it takes. 0: it was created for a queue, and takes one when that admits
    it."""
    is_fallback: bool = False
    """Whether its role runs it in place of the role of the task, whose limit is used up."""
    step: str = OWN
    """The step of the task that it is at; ``OWN`` is the task's own work."""

    @property
    def fallback(self) -> str | None:
        """The role that runs it in place of the role of its task."""
        return self.role if self.is_fallback else None

    def to_json(self) -> str:
        """The claim as compact JSON, without default values: an annotation of the Job."""
        fields = {key: value for key, value in self._asdict().items() if value != self._field_defaults[key]}
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Claim | None":
        """The claim in a text; None if it has none.

        Also reads the text of Jobs of releases up to 0.1: the role, then the files, a line each. Others can change the
        text: a part that is not in our format counts as absent, and unknown fields are ignored.
        """
        return _parsed(text)


def claim_of(graph: CompiledGraph, task: int, fallback: str | None = None, step: str = OWN) -> Claim:
    """The claim of an attempt that is started now.

    Args:
        graph: The compiled spec.
        task: The task.
        fallback: The role that runs it in place of that of the step.
        step: The step of the task that it is at. Its Job goes to the queue of the task.
    """
    slots = 0 if graph.queue[task] else 1
    return Claim(fallback or graph.role_at(task, step), graph.files[task], slots, fallback is not None, step)


@lru_cache(maxsize=4096)  # most changes of a Job leave this text unchanged
def _parsed(text: str) -> Claim | None:
    if not text:
        return None
    if not text.startswith("{"):
        role, *files = text.split("\n")
        return _sound(role, files, 1)
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    claim = _sound(found.get("role"), found.get("files"), found.get("slots"), found.get("is_fallback"))
    step = found.get("step")
    return claim._replace(
        step=step if isinstance(step, str) and _ROLE.fullmatch(step) else OWN,
    )


def _sound(role: object, files: object, slots: object, is_fallback: object = False) -> Claim:
    named = [file for file in files if isinstance(file, str)] if isinstance(files, list) else []
    kept = tuple(file for file in named[:_FILES_MAX] if 0 < len(file) <= _PATTERN_MAX)
    count = slots if isinstance(slots, int) and 0 <= slots <= _SLOTS_MAX else 1
    named_role = role if isinstance(role, str) and _ROLE.fullmatch(role) else None
    return Claim(named_role, kept, int(count), is_fallback is True)
