"""How a gate has judged the work, by the end of its command and by its report. It is called by the attempt of the gate.

Standard library only, to start fast.
"""

import os
from pathlib import Path

from parallelproject.core.steps.step import StepVerdict
from parallelproject.local.delivery.result import DeliveryResult
from parallelproject.local.delivery.step_order import StepOrder
from parallelproject.model.names import REJECTED as REJECTED_OUTPUT
from parallelproject.plain_file import open_plain

GATE_FAILED = "GateFailed"
"""A reason, as in ``model.status``, which would be slow to load."""
_TEXT_MAX = 64 * 1024
_NO_VERDICTS = frozenset({75, 126, 127})
"""Exit codes of a command that say nothing about the work: it asks to run later, or it could not start."""
_SIGNALS = range(129, 193)
"""Exit codes of a command that was killed by a signal, as a shell has them: 128 and the number of the signal."""


def rejection(
    step: StepOrder, failed: DeliveryResult | None, outputs: Path, printed: str, *, by_agent: bool
) -> DeliveryResult | None:
    """The result of a gate that has rejected the work; None: it has accepted the work, or has not judged it.

    A report in ``rejected.md`` rejects the work whatever the exit code is, unless the gate was stopped, or asks to run
    later. Without one, the exit code of a command decides. That of an agent says only how the agent ended.

    Args:
        step: The gate.
        failed: How its attempt failed, if it did.
        outputs: The folder of its outputs.
        printed: What its command has printed.
        by_agent: Whether a coding agent is the gate.
    """
    code = failed.exit_code if failed else 0
    if failed is not None and (failed.reason != "ExitCode" or code in _NO_VERDICTS or code in _SIGNALS):
        return None
    text = _text(outputs / REJECTED_OUTPUT)
    if text is None and (by_agent or not code):
        return None
    how = f"with exit code {code}" if code else f"in {REJECTED_OUTPUT}"
    message = f"{step.name} rejected the work {how}"
    return DeliveryResult(
        StepVerdict.REJECTED, GATE_FAILED, message, code or 1, printed=printed if text is None else text
    )


def _text(file: Path) -> str | None:
    """The text of a plain file; None where no such file is."""
    opened = open_plain(file)
    if opened is None:
        return None
    with os.fdopen(opened, "rb") as found:
        return found.read(_TEXT_MAX).decode(errors="replace")
