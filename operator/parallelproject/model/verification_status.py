"""What the status of a project records of its verification.

Its runs are one text: nobody reads them there, and the schema of each field costs bytes of the CRD.
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
_Commit = Annotated[str, Field(max_length=64)]


class VerificationResult(Model):
    """The condition Verified with the last result."""

    status: Annotated[str, Field(max_length=7, json_schema_extra={"enum": ["True", "False", "Unknown"]})]
    """True, False or Unknown."""
    reason: Annotated[str, Field(max_length=64)]
    """One word, for programs."""
    message: Annotated[str, Field(max_length=32_768)] = ""
    """A sentence, for people."""


class CheckNumber(Model):
    """How often a check ran."""

    name: _Name
    """The check."""
    runs: Count
    """Number of its last run that has ended."""


class RepairStatus(Model):
    """The repairs of what a task has landed."""

    task: _Name
    """The task."""
    repairs: Count
    """Their number."""
    forgiven: Count | None = None
    """How many of them do not count for maxRepairs, since the task was retried."""
    after_attempt: Count
    """Its attempts up to this number do not count for the last repair."""
    check: _Name
    """The check that its work breaks."""
    run: Count
    """Number of the run that failed."""
    commit: _Commit | None = None
    """The commit that the check failed on."""
    other: _Name | None = None
    """The task whose work breaks the check only together with it."""


class VerificationStatus(Model):
    """The record of the verification. It is written before anything follows from it."""

    observed_generation: Annotated[int, Field(ge=0)]
    """Generation of the spec when the result changed last."""
    levels: Count
    """Number of levels that are verified, from the first on."""
    succeeded: Count
    """Number of tasks that had succeeded in them."""
    commit: _Commit | None = None
    """The last commit that was verified."""
    revision: Annotated[str, Field(max_length=64)] | None = None
    """A fingerprint of what was verified last."""
    result: VerificationResult
    """The last result."""
    stopped: bool | None = None
    """True if the project stops because of it."""
    repairs: Annotated[list[RepairStatus], Field(max_length=MAX_TASKS)] = []
    """The tasks that repair what they have landed."""
    failed: Annotated[list[_Name], Field(max_length=MAX_TASKS)] = []
    """The tasks that have failed because their work breaks a check, and that are not repaired again."""
    flaky: Annotated[list[_Name], Field(max_length=_CHECKS_MAX)] = []
    """Checks that failed and passed on the same commit."""
    checks: Annotated[list[CheckNumber], Field(max_length=_CHECKS_MAX)] = []
    """How often each check ran."""
    runs: Annotated[list[Annotated[str, Field(max_length=TEXT_MAX)]], Field(max_length=10)] = []
    """The runs whose results are needed: lines of JSON, compressed by zlib, in base85; in pieces."""
