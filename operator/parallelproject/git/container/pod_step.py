"""A step of a task in a pod: what became of the work, or the verdict of a gate on it.

The work between two steps is in a ref of the task (``landing.hold``), so each step may run on another node and in
another image. A verdict reaches the operator by the exit code and the result of the git container; nothing lands before
the last step has ended well, and then exactly what it was given.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from parallelproject.core.steps.gate_verdict import EXIT_CODE, GateRejection, rejection_of
from parallelproject.core.steps.step import StepVerdict
from parallelproject.git.landing.hold import NothingHeldError, forget_held, hold, is_held, land_held, set_aside
from parallelproject.git.landing.land import Landed, land
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.outcome import DeliveryError, Outcome
from parallelproject.output_folder import read_rejection

PRINTED_MAX = 64 * 1024
"""Most bytes that are read of what a gate has printed: the end."""
_HELD_BEFORE = "held-before"
"""In the private folder: notes that an earlier pod of the attempt has held its work."""


@dataclass(frozen=True, slots=True)
class PodStep:
    """The step of an attempt, as the instruction names it."""

    name: str = ""
    """Empty: the task's own work."""
    gate: bool = False
    """Whether it judges the work; what it leaves in its workspace is none."""
    last: bool = False
    """Whether the work lands when it ends well; else it is held for the next step."""
    only_lands: bool = False
    """Whether all steps have passed, so that nothing runs."""
    message_max: int = 4096
    """Maximum bytes of a result with the report of a gate."""


@dataclass(frozen=True, slots=True)
class StepEnded:
    """An attempt at a step by which its task moves on to another step."""

    outcome: StepVerdict
    """HELD, PASSED or REJECTED."""
    exit_code: int | None = None
    """Of a gate that has rejected the work: that of its command, or 1."""
    ref: str | None = None
    """The ref that holds the work."""
    kept: tuple[str, ...] = ()
    """Work outside of the files of the workspace, and where each piece is kept."""
    message: str = ""
    report: str = ""
    """What has to change, of a gate that has rejected the work."""
    is_printed: bool = False
    """Whether the report is what its command has printed, of which the end matters most."""


def is_done_before(delivery: Delivery, place: Place, step: PodStep) -> bool:
    """Whether there is nothing to run: all steps have passed, or a pod of this attempt has held its work and was lost
    before it could report that. Work that waits to land and was not judged by the steps as they are is set aside.

    Raises:
        DeliveryError: the remote cannot be asked.
    """
    if step.gate or step.only_lands or not step.last:
        set_aside(delivery, place)
    if step.only_lands:
        return True
    if step.gate or step.last or not is_held(delivery, place):
        return False
    (place.private / _HELD_BEFORE).touch()
    return True


def end_without_command(delivery: Delivery, place: Place, step: PodStep) -> Landed | StepEnded:
    """The end of an attempt whose command did not run, as ``is_done_before`` and ``prepare`` have found.

    Raises:
        DeliveryError: the work did not land.
    """
    if step.only_lands:
        return land_judged(delivery, place)
    if (place.private / _HELD_BEFORE).exists():
        return StepEnded(StepVerdict.HELD, ref=delivery.refs.held(delivery.attempt))
    return _landed(delivery, place, land(delivery, place))


def keep_work(
    delivery: Delivery, place: Place, step: PodStep, may_change_nothing: Callable[[], bool]
) -> Landed | StepEnded | None:
    """Lands what a step that is no gate has made, or holds it for the next step; None: it changed nothing, and may not
    do that.

    Raises:
        DeliveryError: the work may not land, or cannot be held.
    """
    if step.last:
        return _landed(delivery, place, land(delivery, place))
    try:
        held = hold(delivery, place, delivery.attempt, may_change_nothing)
    except NothingHeldError:
        return None
    return StepEnded(StepVerdict.HELD, ref=held.ref, kept=tuple(map(str, held.kept)))


def land_judged(delivery: Delivery, place: Place) -> Landed:
    """Lands the work that has passed all gates, exactly as they have seen it.

    Raises:
        DeliveryError: it did not land.
    """
    return _landed(delivery, place, land_held(delivery, place))


def rejected(
    delivery: Delivery,
    step: PodStep,
    reason: str,
    exit_code: int,
    outputs: Path | None,
    printed: str,
    *,
    by_agent: bool,
) -> StepEnded | None:
    """How a gate has rejected the work; None: it has accepted it, or there is no verdict.

    Args:
        delivery: The attempt.
        step: The gate.
        reason: Why its attempt failed by more than its exit code, if it did.
        exit_code: That of its attempt.
        outputs: The folder of its outputs.
        printed: The end of what its command has printed.
        by_agent: Whether a coding agent is the gate.
    """
    text = read_rejection(str(outputs)) if outputs else None
    why = reason or (EXIT_CODE if exit_code else "")
    found: GateRejection | None = rejection_of(step.name, why, exit_code, text, printed, by_agent=by_agent)
    if found is None:
        return None
    return StepEnded(
        StepVerdict.REJECTED,
        found.exit_code,
        delivery.continues,
        message=found.message,
        report=found.report,
        is_printed=text is None,
    )


def _landed(delivery: Delivery, place: Place, landed: Landed) -> Landed:
    """The result of a task that has landed: nothing needs to be held for it any more. The repository does not show that
    one has ended that changed nothing, so what is held for it may be asked for again."""
    if landed.outcome is not Outcome.NO_CHANGE:
        with suppress(DeliveryError):  # the work has landed all the same
            forget_held(delivery, place)
    return landed
