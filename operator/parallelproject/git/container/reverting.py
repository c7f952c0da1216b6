"""A run that takes work off the branch, in a pod: one container makes the commit, and reports it.

The report is its termination message (``core.verification.revert_message``). The pod may end at any moment: a run
without a report is repeated, and finds the commit of this one.
"""

import sys
from dataclasses import dataclass

from parallelproject.core.verification.probe import ProbeOutcome
from parallelproject.core.verification.revert_message import not_taken_out_message, read_request, taken_out_message
from parallelproject.git.branches.taken_out import take_out
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.outcome import ConflictError, DeliveryError, PolicyError
from parallelproject.git.plumbing.store import opened
from parallelproject.model.problem import listed

_NAMED = 20


@dataclass(frozen=True, slots=True)
class PodRevert:
    """What is taken out, as the instruction names it: see ``revert_message.request_fields``."""

    number: int
    tasks: tuple[str, ...]
    graph: str
    since: str = ""
    why: str = ""


def revert_in_pod(delivery: Delivery, place: Place, wanted: PodRevert) -> tuple[int, str]:
    """Takes out the work; the exit code, and the report.

    Raises:
        PolicyError: the instruction is invalid.
    """
    try:
        request = read_request(wanted.number, wanted.tasks, wanted.graph, wanted.since, wanted.why)
    except ValueError as error:
        raise PolicyError("InvalidInstruction", f"the instruction is not valid: graph: {error}") from None
    try:
        with opened(delivery, place) as store:
            done = take_out(store, request)
    except ConflictError as error:
        _say(f"the work cannot be taken off the branch: {error}")
        return 0, not_taken_out_message(ProbeOutcome.CONFLICT, str(error))
    except (DeliveryError, GitFailedError) as error:
        failed = error.as_outcome() if isinstance(error, GitFailedError) else error
        _say(str(failed))
        return failed.exit_code, not_taken_out_message(ProbeOutcome.BROKEN, str(failed))
    what = f"commit {done.commit[:10]} takes off the branch" if done.commit else "nothing is on the branch any more"
    _say(f"{what}: {listed(list(done.tasks or request.tasks), _NAMED)}")
    return 0, taken_out_message(done.commit, done.tasks, list(request.dependents))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
