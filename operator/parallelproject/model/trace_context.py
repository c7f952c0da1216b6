"""The trace of one attempt: what its task gets as ``TRACEPARENT``, so that spans of an agent belong together. Pure.

It is a trace of its own. The trace of the project has ids that follow from its end, which is not known when an attempt
starts; the span of the attempt in it links to this trace.
"""

import hashlib
from typing import NamedTuple


class TraceContext(NamedTuple):
    """A span of a trace (W3C Trace Context)."""

    trace: int
    """128 bits, never 0."""
    span: int
    """64 bits, never 0."""

    @property
    def traceparent(self) -> str:
        """The value of ``TRACEPARENT``; the last part says that it is sampled."""
        return f"00-{self.trace:032x}-{self.span:016x}-01"


def attempt_context(uid: str, task: str, number: int) -> TraceContext:
    """The context of an attempt: the same for the same attempt.

    Args:
        uid: Of the project, or of the run on one machine.
        task: The id of the task.
        number: Of the attempt.
    """
    place = f"{uid}//{task}/{number}"
    return TraceContext(derived_id(place, 16), derived_id(f"{place}/span", 8))


def derived_id(place: str, size: int) -> int:
    """An id of the given number of bytes: the same for the same place, and never all 0."""
    return int.from_bytes(hashlib.sha256(place.encode()).digest()[:size]) or 1
