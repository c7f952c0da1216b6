"""How a gate has judged the work, by the end of its command and by its report. It is called by the attempt of the gate.

Standard library only, to start fast.
"""

from pathlib import Path

from parallelproject.core.steps.gate_verdict import GATE_FAILED, rejection_of
from parallelproject.core.steps.step import StepVerdict
from parallelproject.local.delivery.result import DeliveryResult
from parallelproject.local.delivery.step_order import StepOrder
from parallelproject.output_folder import read_rejection


def rejection(
    step: StepOrder, failed: DeliveryResult | None, outputs: Path, printed: str, *, by_agent: bool
) -> DeliveryResult | None:
    """The result of a gate that has rejected the work; None: it has accepted the work, or has not judged it.

    Args:
        step: The gate.
        failed: How its attempt failed, if it did.
        outputs: The folder of its outputs.
        printed: What its command has printed.
        by_agent: Whether a coding agent is the gate.
    """
    reason, code = (failed.reason, failed.exit_code) if failed else ("", 0)
    found = rejection_of(step.name, reason, code, read_rejection(str(outputs)), printed, by_agent=by_agent)
    if found is None:
        return None
    return DeliveryResult(StepVerdict.REJECTED, GATE_FAILED, found.message, found.exit_code, printed=found.report)
