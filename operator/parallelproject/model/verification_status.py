"""What the status of a project records of its verification.

People need a few fields of it. The whole is one text: the schema of each field costs bytes of the CRD.
"""

from typing import Annotated

from pydantic import Field

from parallelproject.model.base import Model
from parallelproject.model.spec import MAX_TASKS

WORK_BYTES = 4_096
"""Maximum size of what a run has found on the branch."""
TEXT_MAX = 65_536
"""Maximum size of one text."""
COUNT_MAX = 1_000_000
"""No task has more attempts, and no check more runs."""
_CHECKS_MAX = 100

Count = Annotated[int, Field(ge=0, le=COUNT_MAX)]
_Name = Annotated[str, Field(max_length=63)]


class RepairStatus(Model):
    """The repairs of what a task has landed."""

    task: _Name
    """The task."""
    repairs: Count
    """Their number."""
    check: _Name
    """The check that its work breaks."""


class VerificationStatus(Model):
    """The record of the verification. It is written before anything follows from it."""

    observed_generation: Annotated[int, Field(ge=0)]
    """Generation of the spec when the result changed last."""
    levels: Count
    """Number of levels that are verified, from the first on."""
    stopped: bool | None = None
    """True if the project stops because of the result."""
    repairs: Annotated[list[RepairStatus], Field(max_length=MAX_TASKS)] = []
    """The tasks that repair what they have landed, or have repaired it."""
    failed: Annotated[list[_Name], Field(max_length=MAX_TASKS)] = []
    """The tasks that have failed because their work breaks a check."""
    reverted: Annotated[list[_Name], Field(max_length=MAX_TASKS)] = []
    """Those of them whose work was taken off the branch."""
    flaky: Annotated[list[_Name], Field(max_length=_CHECKS_MAX)] = []
    """Checks that failed and passed on the same commit."""
    record: Annotated[list[Annotated[str, Field(max_length=TEXT_MAX)]], Field(min_length=1, max_length=20)]
    """All that is recorded, also runs of checks whose results are needed: lines of JSON, compressed by zlib, in base85; in
    pieces."""
