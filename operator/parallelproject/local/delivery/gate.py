"""A gate in the process of its attempt: how it has judged the work.

Standard library only, to start fast.
"""

import os
from pathlib import Path

from parallelproject.git.plumbing.delivery import Place
from parallelproject.local.delivery.result import REJECTED, DeliveryResult
from parallelproject.local.delivery.step_order import StepOrder
from parallelproject.model.names import REJECTED as REJECTED_OUTPUT
from parallelproject.plain_file import open_plain

GATE_FAILED = "GateFailed"
"""A reason, as in ``model.status``, which would be slow to load."""
_MARKER = "gate"
_TEXT_MAX = 64 * 1024
_NO_VERDICTS = frozenset({0, 75, 126, 127})
"""Exit codes of a command that say nothing about the work: it is to be run later, or could not start."""
_SIGNALS = 128
"""Exit codes from this on are those of a command that was killed, as a shell has them."""


def note_gate(place: Place) -> None:
    """Notes that nothing in a place is work: it is that of a gate."""
    place.private.mkdir(parents=True, exist_ok=True)
    (place.private / _MARKER).touch()


def is_of_gate(place: Place) -> bool:
    """Whether a place is that of a gate."""
    return (place.private / _MARKER).exists()


def rejection(
    step: StepOrder, failed: DeliveryResult | None, outputs: Path, printed: str, *, by_agent: bool
) -> DeliveryResult | None:
    """How a gate has rejected the work, if its attempt has ended with a verdict and that is none for it.

    The text in the file counts whatever the exit code is, unless the gate was cut off or is to run later. The exit code
    of a command is a verdict, and that of an agent is not: it says how the agent ended.

    Args:
        step: The gate.
        failed: How its attempt failed, if it did.
        outputs: The folder of its outputs.
        printed: What its command has printed.
        by_agent: Whether a coding agent is the gate.
    """
    code = failed.exit_code if failed else 0
    if failed is not None and (failed.reason != "ExitCode" or code in _NO_VERDICTS or code >= _SIGNALS):
        return None
    text = _text(outputs / REJECTED_OUTPUT)
    if text is None and (by_agent or not code):
        return None
    how = f"with exit code {code}" if code else f"in {REJECTED_OUTPUT}"
    message = f"{step.name} rejected the work {how}"
    return DeliveryResult(REJECTED, GATE_FAILED, message, code or 1, printed=printed if text is None else text)


def _text(file: Path) -> str | None:
    """The text of a plain file; None where no such file is."""
    opened = open_plain(file)
    if opened is None:
        return None
    with os.fdopen(opened, "rb") as found:
        return found.read(_TEXT_MAX).decode(errors="replace")
