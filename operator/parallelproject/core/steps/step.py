"""A step of a task, and how an attempt at one has ended. Pure, and fast to load."""

from enum import StrEnum
from typing import NamedTuple

OWN = ""
"""The name of a task's own work, which is its first step."""


class TaskStep(NamedTuple):
    """One step after the task's own work."""

    name: str
    is_gate: bool
    """Whether it judges the work and changes nothing of it; else what it changes becomes part of the work."""
    max_rounds: int
    """How often a gate may reject the work; then it is done again."""
    role: str | None = None
    """The role that runs it; None: only its command does."""


class StepVerdict(StrEnum):
    """How an attempt at a step has ended, of those ends by which the task moves on or back."""

    HELD = "Held"
    """It has made work, which is kept for the next step."""
    PASSED = "Passed"
    """A gate has accepted the work."""
    REJECTED = "Rejected"
    """A gate has rejected the work."""
    CONFLICT = "Conflict"
    """The work could not land: all of it is done again."""


class StepEnd(NamedTuple):
    """The end of one attempt at a step."""

    step: str
    """Its name; ``OWN`` is the task's own work."""
    attempt: int
    verdict: StepVerdict
    failures: int = 0
    """The failures of the task up to then: what fails later belongs to the step after it."""
