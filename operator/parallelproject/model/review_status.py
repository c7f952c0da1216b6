"""What the status of a project records of its followed pull request. The whole is one text, as of a verification."""

from typing import Annotated

from pydantic import Field

from parallelproject.model.base import Model
from parallelproject.model.spec import MAX_TASKS
from parallelproject.model.verification_status import TEXT_MAX, Count


class RoundsStatus(Model):
    """The rounds of a task."""

    task: Annotated[str, Field(max_length=63)]
    """The task."""
    rounds: Count
    """How often it ran because of feedback."""


class ReviewStatus(Model):
    """The record of the feedback. It is written before anything follows from it."""

    url: Annotated[str, Field(max_length=2048)] | None = None
    """Address of the pull request."""
    attempts: Count
    """Number of the last Job that followed it."""
    rounds: Annotated[list[RoundsStatus], Field(max_length=MAX_TASKS)] = []
    """The tasks that ran because of feedback."""
    record: Annotated[list[Annotated[str, Field(max_length=TEXT_MAX)]], Field(min_length=1, max_length=2)]
    """All that is recorded: JSON, compressed by zlib, in base85; in pieces."""
