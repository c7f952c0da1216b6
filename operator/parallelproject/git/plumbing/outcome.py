"""How a step of a delivery ends, as words and as exit codes."""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar


class Outcome(StrEnum):
    """The outcome of a step, as in results and conditions."""

    PREPARED = "Prepared"
    """The base is checked out: run the command."""
    LAND_ONLY = "LandOnly"
    """The work of an earlier run of the command is safe on the remote: it only has to land."""
    LANDED = "Landed"
    ALREADY_LANDED = "AlreadyLanded"
    """This task's work was on the branch before."""
    NO_CHANGE = "NoChange"
    """The task changed nothing."""
    ENDED = "Ended"
    """The task's command has succeeded, and there is no repository for its work."""
    SALVAGED = "Salvaged"
    COMMAND_FAILED = "Failed"
    """The task's command failed."""
    CONFLICT = "Conflict"
    BRANCH_REWRITTEN = "BranchRewritten"
    POLICY = "Policy"
    AUTH_OR_PROTECTED = "AuthOrProtected"
    EXHAUSTED = "Exhausted"
    TRANSIENT = "Transient"


AGENT_FAILED = 26
"""Exit code of a step whose coding agent has failed, whatever the exit code of its command."""

GATE_REJECTED = 27
"""Exit code of a step that is a gate of its task and has rejected the work."""


class DeliveryError(Exception):
    """A step that failed. The message is for people and contains no credential."""

    outcome: ClassVar[Outcome]
    exit_code: ClassVar[int]

    def __init__(self, reason: str, message: str, paths: Sequence[str] = (), ref: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        """One word in CamelCase, more specific than the outcome."""
        self.paths = tuple(paths)
        """The paths that it is about."""
        self.ref = ref
        """Where the work is kept on the remote."""


class ConflictError(DeliveryError):
    """The work conflicts with landed work: the task has to run again, on the new state."""

    outcome, exit_code = Outcome.CONFLICT, 20


class BranchRewrittenError(DeliveryError):
    """The branch no longer contains the commit that the work is based on."""

    outcome, exit_code = Outcome.BRANCH_REWRITTEN, 21


class PolicyError(DeliveryError):
    """The work, or the request, is not allowed."""

    outcome, exit_code = Outcome.POLICY, 22


class AuthOrProtectedError(DeliveryError):
    """The remote refuses, and will refuse again."""

    outcome, exit_code = Outcome.AUTH_OR_PROTECTED, 23


class ExhaustedError(DeliveryError):
    """The branch moved at every try. The work is safe in ``result``."""

    outcome, exit_code = Outcome.EXHAUSTED, 24


class TransientError(DeliveryError):
    """The remote could not be reached, or this machine failed: worth another try later."""

    outcome, exit_code = Outcome.TRANSIENT, 25
