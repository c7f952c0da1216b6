"""A run of a check in a pod: one container checks out what is verified, another one waits for the command's end.

Both report by their termination messages (``core.verification.check_message``). Nothing in the repository changes, so
the pod may end at any moment: a run without a report runs again.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from parallelproject.core.verification.check_message import (
    CHECKED_OUT,
    NOT_REPORTED,
    SKIPPED,
    checkout_message,
    end_message,
)
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.git.branches.commit_to_check import RewrittenError, commit_to_check, later_part
from parallelproject.git.container.sidecar import WRAPPER, ReplacedError, SidecarFolder, equip, wait_for_end
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.outcome import ConflictError
from parallelproject.git.plumbing.store import GitStore, opened
from parallelproject.git.workspace.prepare import check_out, prepared_base

_PRINTED_MAX = 400_000
"""Most bytes that are read of what a check has printed: the end."""


@dataclass(frozen=True, slots=True)
class PodCheck:
    """What is checked, as the instruction names it."""

    message_max: int
    """Maximum bytes of a report."""
    probe: str = ""
    """The name of the part of the work; empty: all of it."""
    base: str = ""
    """The base of the work that an earlier run has found; empty: this one finds it."""
    tip: str = ""
    since: str = ""
    """The commit that was verified last; empty: none was."""
    paths: tuple[str, ...] = ()


def check_out_pod(
    delivery: Delivery, place: Place, check: PodCheck, state: SidecarFolder, tools: Path, wrapper: Path = WRAPPER
) -> str:
    """Checks out what is verified; returns the report.

    Args:
        delivery: The branch.
        place: Where.
        check: What is verified.
        state: The folder that the containers share.
        tools: The folder that the wrapper is copied to.
        wrapper: The wrapper.

    Raises:
        DeliveryError, GitFailedError: the repository cannot be read.
    """
    equip(place, state, tools, wrapper)
    probe = Probe.parse(check.probe) if check.probe else None
    known = (check.base, check.tip) if check.tip else None
    with opened(delivery, place) as store:
        try:
            found = commit_to_check(store, probe, known, check.since, check.paths)
        except RewrittenError:
            state.skip()
            said = "somebody has rewritten the branch: what is to be checked is not there any more"
            return str(checkout_message(ProbeOutcome.STALE, None, check.message_max, said))
        except ConflictError as error:
            state.skip()
            said = f"this part of the work cannot be built: {error}"
            return str(checkout_message(ProbeOutcome.CONFLICT, None, check.message_max, said))
        if found.is_needed:
            check_out(store, found.commit)
            state.keep_output()
        else:
            state.skip()
        outcome = CHECKED_OUT if found.is_needed else SKIPPED
        said = f"checks {found.commit[:10]}" if found.is_needed else "nothing has changed that the check is about"
        return _fitting(store, outcome, found.work, check.message_max, said)


def _fitting(store: GitStore, outcome: str, work: LandedWork, most: int, said: str) -> str:
    """The report, where it does not fit with as many of the last changes as do: the culprit is searched in those."""
    count = len(work.changes)
    while (message := checkout_message(outcome, work, most, said)) is None:
        count //= 2
        work = later_part(store, work, count)
    return message


def report_check(place: Place, state: SidecarFolder, most: int, answer: Callable[[str], None]) -> str:
    """Waits for the end of the command; returns the report.

    Args:
        place: Where the check was checked out.
        state: The folder that the containers share.
        most: Maximum bytes of the report.
        answer: Writes a report. It is called when the pod is asked to end: its command may not end in time.

    Raises:
        StoppedError: SIGTERM came before the command had started.
    """
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        if not stopping and state.has_started():
            answer(end_message(ProbeOutcome.STOPPED, None, state.printed(_PRINTED_MAX), most))
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    if prepared_base(place) is None:
        return end_message(SKIPPED, None, "", most)
    try:
        code, _ = wait_for_end(place, state, lambda: stopping)
    except ReplacedError:
        return end_message(ProbeOutcome.BROKEN, None, "", most, "the check removed its lock: its end is not known")
    if stopping:
        return end_message(ProbeOutcome.STOPPED, code, state.printed(_PRINTED_MAX), most)
    if code is None or code == NOT_REPORTED:
        return end_message(ProbeOutcome.BROKEN, code, "", most, "the command of the check could not be run to its end")
    outcome = ProbeOutcome.FAILED if code else ProbeOutcome.PASSED
    return end_message(outcome, code, state.printed(_PRINTED_MAX) if code else "", most)
