"""When a gate has rejected the work: by its report, or by the exit code of its command. Pure, and fast to load."""

from typing import NamedTuple

from parallelproject.model.names import REJECTED

GATE_FAILED = "GateFailed"
"""A reason, as in ``model.status``, which would be slow to load."""
EXIT_CODE = "ExitCode"
"""The same for an attempt that failed by its exit code alone."""
_NO_VERDICTS = frozenset({75, 126, 127})
"""Exit codes of a command that say nothing about the work: it asks to run later, or it could not start."""
_SIGNALS = range(129, 193)
"""Exit codes of a command that was killed by a signal, as a shell has them: 128 and the number of the signal."""


class GateRejection(NamedTuple):
    """The verdict of a gate against the work."""

    message: str
    """One line for people."""
    exit_code: int
    report: str
    """What has to change: the text in the file, or what its command printed."""


def rejection_of(
    gate: str, reason: str, exit_code: int, text: str | None, printed: str, *, by_agent: bool
) -> GateRejection | None:
    """How a gate has rejected the work; None: it has accepted the work, or has not judged it.

    A report in ``rejected.md`` rejects the work whatever the exit code is, unless the gate was stopped, or asks to run
    later. Without one, the exit code of a command decides. That of an agent says only how the agent ended.

    Args:
        gate: Its name.
        reason: Why its attempt failed, if it did; ExitCode for no other reason than its exit code.
        exit_code: That of its attempt.
        text: The text in the file ``rejected.md`` of its outputs; None: it has left none.
        printed: What its command has printed.
        by_agent: Whether a coding agent is the gate.
    """
    if reason and (reason != EXIT_CODE or exit_code in _NO_VERDICTS or exit_code in _SIGNALS):
        return None
    code = exit_code if reason else 0
    if text is None and (by_agent or not code):
        return None
    how = f"with exit code {code}" if code else f"in {REJECTED}"
    return GateRejection(f"{gate} rejected the work {how}", code or 1, printed if text is None else text)
