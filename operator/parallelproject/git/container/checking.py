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
from parallelproject.core.verification.printed_end import PRINTED_MAX
from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.git.branches.commit_to_check import RewrittenError, commit_to_check, later_part
from parallelproject.git.container.sidecar import WRAPPER, ReplacedError, SidecarFolder, equip, wait_for_end
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.outcome import ConflictError
from parallelproject.git.plumbing.store import GitStore, opened
from parallelproject.git.workspace.prepare import check_out, prepared_base


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
            said = "the branch was rewritten: the commit to check is no longer on it"
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
        why = "skipped: no file that matches its paths exists, or has changed since it passed"
        said = f"checks {found.commit[:10]}" if found.is_needed else why
        return _fitting(store, outcome, found.work, check.message_max, said)


def _fitting(store: GitStore, outcome: str, work: LandedWork, most: int, said: str) -> str:
    """The report, where it does not fit with fewer changes, the last ones: the culprit is searched in those first."""
    part, count = work, len(work.changes)
    while (message := checkout_message(outcome, part, most, said)) is None:
        count //= 2
        part = later_part(store, work, count)
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
            answer(end_message(ProbeOutcome.STOPPED, state.printed(PRINTED_MAX), most))
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    if prepared_base(place) is None:
        return end_message(SKIPPED, "", most)
    try:
        code, _ = wait_for_end(place, state, lambda: stopping)
    except ReplacedError:
        return end_message(ProbeOutcome.BROKEN, "", most, "the check removed its lock: its end is not known")
    if stopping or state.was_stopped():
        return end_message(ProbeOutcome.STOPPED, state.printed(PRINTED_MAX), most)
    if code is None or code == NOT_REPORTED:
        return end_message(ProbeOutcome.BROKEN, "", most, "the command of the check could not be run to its end")
    outcome = ProbeOutcome.FAILED if code else ProbeOutcome.PASSED
    return end_message(outcome, state.printed(PRINTED_MAX) if code else "", most)
