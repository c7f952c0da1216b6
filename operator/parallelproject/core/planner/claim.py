"""What an attempt holds while it is active, as data: on the attempt, and as text on its Job.

An attempt keeps the claim that it was started with, whatever becomes of the spec: one that an earlier spec started has
another claim, and no other rule.
"""

import json
from functools import lru_cache
from typing import Any, NamedTuple

from parallelproject.core.graph.graph import CompiledGraph

_FILES_MAX, _PATTERN_MAX, _SLOTS_MAX = 100, 258, 1000
"""No claim of ours holds more; one that somebody has written must not keep the planner busy."""


class Claim(NamedTuple):
    """What one attempt holds."""

    role: str | None = None
    """The role that runs it, which may have a limit."""
    files: tuple[str, ...] = ()
    """The normalised patterns of the files that it may write: nothing that overlaps runs at the same time."""
    slots: int = 1
    """How many of the slots of ``spec.parallelism`` it takes."""

    def to_json(self) -> str:
        """The claim as compact JSON, without what is at its default: an annotation of the Job."""
        fields = {key: value for key, value in self._asdict().items() if value != self._field_defaults[key]}
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Claim | None":
        """The claim that a text says; None where it says none.

        Reads also the text of Jobs that releases up to 0.1 have made: the role, then the files, a line each. Others
        can change the text: whatever in it is not as we write it counts as absent, and unknown fields are ignored.
        """
        return _parsed(text)


def claim_of(graph: CompiledGraph, task: int) -> Claim:
    """What an attempt of a task holds that is started now."""
    return Claim(graph.role[task], graph.files[task])


@lru_cache(maxsize=4096)  # each change of a Job is one of a text that is known
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
    return _sound(found.get("role"), found.get("files"), found.get("slots"))


def _sound(role: object, files: object, slots: object) -> Claim:
    named = [file for file in files if isinstance(file, str)] if isinstance(files, list) else []
    kept = tuple(file for file in named[:_FILES_MAX] if 0 < len(file) <= _PATTERN_MAX)
    count = slots if isinstance(slots, int) and 1 <= slots <= _SLOTS_MAX else 1
    return Claim(role if isinstance(role, str) and role else None, kept, int(count))
