"""Measuring: two ways to do a thing, in turns, so that a noisy machine is noisy for both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 7


@dataclass(frozen=True)
class Figure:
    """One measured figure beside its reference; times in seconds."""

    name: str
    median: float
    low: float
    high: float
    reference: float
    reference_name: str
    aim: str
    far_out: float
    """The ratio from which on something is broken; far above the aim, since machines are noisy."""

    @property
    def ratio(self) -> float:
        """Ours divided by the reference."""
        return self.median / self.reference if self.reference else 0.0

    @property
    def is_far_out(self) -> bool:
        """Whether it is no noise any more."""
        return self.ratio > self.far_out


def compare(
    name: str,
    ours: Callable[[], object],
    reference_name: str,
    reference: Callable[[], object],
    *,
    aim: str,
    far_out: float,
    rounds: int = ROUNDS,
) -> Figure:
    """Runs both in turns and takes the medians."""
    mine, theirs = [], []
    for _ in range(rounds):
        theirs.append(_timed(reference))
        mine.append(_timed(ours))
    return Figure(
        name, statistics.median(mine), min(mine), max(mine), statistics.median(theirs), reference_name, aim, far_out
    )


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
