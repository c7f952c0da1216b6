"""What became of an attempt whose work was to land, as its own process has written it down."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from parallelproject.core.steps.step import StepVerdict
from parallelproject.git.landing.land import Landed
from parallelproject.git.plumbing.outcome import DeliveryError, Outcome
from parallelproject.git.workspace.prepare import Prepared
from parallelproject.whole_file import write_whole

FAILED = Outcome.COMMAND_FAILED.value
MOVES_ON = (StepVerdict.HELD, StepVerdict.PASSED, StepVerdict.REJECTED)
"""Outcomes of attempts after which the task continues with another step."""
_GOOD = frozenset({Outcome.LANDED, Outcome.ALREADY_LANDED, Outcome.NO_CHANGE})


class DeliveryResult(NamedTuple):
    """The end of one attempt."""

    outcome: str
    """A word of ``git.outcome``, FAILED, or one of MOVES_ON."""
    reason: str = ""
    """One word in CamelCase, more exact than the outcome."""
    message: str = ""
    """For people."""
    exit_code: int = 0
    """That of the attempt's process."""
    commit: str | None = None
    """The task's commit on the branch."""
    ref: str | None = None
    """Where work is kept that did not land."""
    paths: Sequence[str] = ()
    """Those that it is about."""
    kept: Sequence[str] = ()
    """Work of the attempt that was not among its files, each as a sentence's end: where it was, and where it is now."""
    not_landed: Sequence[str] = ()
    """Changed paths that are no task's work."""
    hidden: Sequence[str] = ()
    """New paths that did not land, since rules of the base, or rules that the task itself has added, ignore them."""

    printed: str = ""
    """Of a check that failed, or a gate that rejected the work: the end of what it printed, or its report."""

    @property
    def is_good(self) -> bool:
        """Whether the task needs nothing more."""
        return self.outcome in _GOOD

    @property
    def moves_on(self) -> bool:
        """Whether the task continues with another step: the next one, or an earlier one again."""
        return self.outcome in MOVES_ON

    @property
    def changed_nothing(self) -> bool:
        """Whether there was nothing to land."""
        return self.outcome == Outcome.NO_CHANGE

    @property
    def is_delivery(self) -> bool:
        """Whether the outcome is that of the delivery, not of the command."""
        return self.outcome != FAILED


def of_landed(landed: Landed | Prepared) -> DeliveryResult:
    """Of work that is on the branch, or was found there."""
    if isinstance(landed, Prepared):
        return DeliveryResult(landed.outcome, commit=landed.commit)
    kept = tuple(map(str, landed.kept))
    return DeliveryResult(
        landed.outcome, commit=landed.commit, kept=kept, not_landed=landed.not_landed, hidden=landed.hidden
    )


def of_error(error: DeliveryError) -> DeliveryResult:
    """Of a delivery that did not reach its end."""
    return DeliveryResult(error.outcome, error.reason, str(error), error.exit_code, None, error.ref, error.paths)


def write(path: Path, result: DeliveryResult, *, is_synced: bool = False) -> None:
    """Writes it all, or nothing.

    Args:
        path: The file.
        result: What is written.
        is_synced: Whether it outlives a loss of power, as what the exit code of the attempt says does: that alone does
            not say whether the task is done.
    """
    write_whole(path, json.dumps(result._asdict()), is_synced=is_synced)


def read(path: Path) -> DeliveryResult | None:
    """What was written; None where nothing is, or nothing that can be read."""
    try:
        return DeliveryResult(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
