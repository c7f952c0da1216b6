"""What the attempt at a step of a task is asked for. Imports nothing, since every run loads it."""

from typing import NamedTuple


class StepOrder(NamedTuple):
    """The step of an attempt."""

    name: str
    """Empty: the task's own work."""
    is_gate: bool
    is_last: bool
    """Whether the work lands when it ends well; else it is held for the next step."""
