"""What may be wrong, and how probable that is, given the outcomes of probes. Pure.

A hypothesis is a set of faults. A fault is a set of changes, as bits: a probe fails that has all changes of one of the
faults. So ``(0b100,)`` says that the third change breaks the check, ``(0b101,)`` that the first and the third do so
together, and ``(0b001, 0b100)`` that each of both does. The base is broken with ``(0,)``, and ``()`` is a sound tree
with a flaky check.

A check may lie. How often it does is not known, so the probability of the outcomes is an average over a few rates.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from parallelproject.core.verification.probe import positions_of

BASE = (0,)
FLAKY = ()

_PRIOR = {"one": 0.55, "two": 0.17, "pair": 0.23, "flaky": 0.03, "base": 0.02}
_FURTHER = {"one": 0.2, "two": 0.04, "pair": 0.08}
"""The probability of further faults, next to those that are known."""
_FALSE_ALARM = ((0.002, 0.95), (0.1, 0.03), (0.3, 0.02))
"""Rates at which a check fails on a sound tree, and the probability of each, where its output names the failed tests:
another test that fails is no failure then, see ``judge``."""
_FALSE_ALARM_UNNAMED = ((0.002, 0.70), (0.1, 0.15), (0.3, 0.15))
"""The same where one failure looks like another."""
_FALSE_PASS = ((0.002, 0.93), (0.1, 0.04), (0.3, 0.03))
"""Rates at which it passes on a broken one."""
_UNEXPLAINED = 0.02
"""The weight of a clue that a hypothesis does not explain: some failures show far from their cause."""
_SILENT = 0.4
"""The weight of a fault that explains no clue, although there are clues."""
_SHARED = 0.1
"""The weight of each fault more than there are failed tests: faults that are independent rarely fail the same test."""
_OWN = 0.3
_TOGETHER = 0.35
"""The weight of a fault of two changes of which each explains a clue at least so well, where several tests failed: what
only two changes do together is mostly seen in one test."""
_CLUES_FULL = 3
"""So many clues count fully. More of them are rarely independent of each other."""
_ALL_PAIRS_MAX = 64
"""Up to so many changes, each two of them are considered; above, only those with a suspect."""
_SUSPECTS_MAX = 24

Faults = tuple[int, ...]


class Votes(NamedTuple):
    """The outcomes of one probe."""

    passed: int
    failed: int


class WeighedHypotheses(NamedTuple):
    """Hypotheses with their probabilities, best first; the improbable ones are dropped."""

    faults: tuple[Faults, ...]
    probabilities: tuple[float, ...]


def breaks(faults: Faults, mask: int) -> bool:
    """Whether these changes fail by this hypothesis."""
    # The innermost loop of a search: any() with a generator takes three times as long.
    for fault in faults:  # noqa: SIM110
        if fault & mask == fault:
            return True
    return False


def weigh(
    weights: Sequence[float],
    clues: Sequence[Sequence[float]],
    needs: Sequence[int],
    votes: Mapping[int, Votes],
    keep: int,
    *,
    failed_tests: int,
) -> WeighedHypotheses:
    """The most probable hypotheses.

    Args:
        weights: By change, its probability to be wrong before anything is known.
        clues: See ``suspicion.clues``.
        needs: By change, all that it builds on, as bits.
        votes: By changes, as bits, the outcomes with them.
        keep: How many to return at most.
        failed_tests: How many failed tests the output of the check names.
    """
    alarms = _FALSE_ALARM if failed_tests else _FALSE_ALARM_UNNAMED
    prior = _Prior(weights, clues, failed_tests)
    counts = [(mask, passed, failed) for mask, (passed, failed) in votes.items()]
    scored: dict[Faults, float] = {}
    for faults, probability in _all(weights, clues, needs, votes):
        if faults in scored:
            continue
        false_alarms = true_passes = false_passes = true_failures = 0
        for mask, passed, failed in counts:
            if breaks(faults, mask):
                false_passes += passed
                true_failures += failed
            else:
                false_alarms += failed
                true_passes += passed
        likelihood = _rate(alarms, false_alarms, true_passes) * _rate(_FALSE_PASS, false_passes, true_failures)
        scored[faults] = probability * prior.explains(faults) * likelihood
    total = sum(scored.values())
    best = sorted(scored.items(), key=lambda item: (-item[1], len(item[0]), item[0]))[:keep]
    kept = [(faults, score / total) for faults, score in best if score > total * 1e-5]
    return WeighedHypotheses(tuple(faults for faults, _ in kept), tuple(probability for _, probability in kept))


class _Prior:
    """How well hypotheses explain what the output names."""

    def __init__(self, weights: Sequence[float], clues: Sequence[Sequence[float]], failed_tests: int) -> None:
        self._failed_tests = failed_tests
        self._clues = clues
        self._power = min(1.0, _CLUES_FULL / len(clues)) if clues else 1.0
        self._explained = [max((clue[i] for clue in clues), default=0.0) for i in range(len(weights))]

    def explains(self, faults: Faults) -> float:
        if not self._clues or not faults:
            return math.pow(2 * _UNEXPLAINED, len(self._clues) * self._power) if self._clues else 1.0
        members = [position - 1 for fault in faults for position in positions_of(fault)]
        score = 1.0
        for clue in self._clues:
            score *= _UNEXPLAINED + max((clue[i] for i in members), default=0.0)
        score = math.pow(score, self._power)
        for fault in faults:
            explained = [self._explained[position - 1] for position in positions_of(fault)]
            if not any(explained):
                score *= _SILENT
            if self._failed_tests > 1 and fault.bit_count() > 1 and min(explained) >= _OWN:
                score *= _TOGETHER
        return score * math.pow(_SHARED, max(0, len(faults) - self._failed_tests)) if self._failed_tests else score


def _all(
    weights: Sequence[float], clues: Sequence[Sequence[float]], needs: Sequence[int], votes: Mapping[int, Votes]
) -> Iterator[tuple[Faults, float]]:
    """The hypotheses, each with its prior probability."""
    yield FLAKY, _PRIOR["flaky"]
    yield BASE, _PRIOR["base"]
    for i, weight in enumerate(weights):
        yield (1 << i,), _PRIOR["one"] * weight
    couples = list(_couples(weights, clues, needs))
    norm = sum(weights[i] * weights[j] for i, j in couples) or 1.0
    for i, j in couples:
        both = weights[i] * weights[j] / norm
        yield (1 << i, 1 << j), _PRIOR["two"] * both
        yield (1 << i | 1 << j,), _PRIOR["pair"] * both
    found = _failed_alone(votes)
    if not found:
        return
    hit, known = 0, _PRIOR["one"]
    for fault in found:
        hit |= fault
        known *= _FURTHER["one"] * math.prod(weights[position - 1] for position in positions_of(fault))
    known /= _FURTHER["one"]
    yield found, known
    for i, weight in enumerate(weights):
        if not hit >> i & 1:
            yield _with(found, 1 << i), known * _FURTHER["one"] * weight
    for i, j in couples:
        both, couple = weights[i] * weights[j] / norm, 1 << i | 1 << j
        if couple & hit == 0:
            yield _with(found, 1 << i, 1 << j), known * _FURTHER["two"] * both
        if not any(fault & couple == fault for fault in found):
            yield _with(found, couple), known * _FURTHER["pair"] * both


def _with(found: Faults, *more: int) -> Faults:
    return tuple(sorted({*found, *more}))


def _failed_alone(votes: Mapping[int, Votes]) -> Faults:
    """Faults that are known, whatever else there is: single changes that failed, and two that pass one by one."""
    failed = {mask for mask, (passed, failed) in votes.items() if mask and failed > passed}
    passed = [mask for mask, (passed, failed) in votes.items() if passed > failed]

    def passes(change: int) -> bool:
        return any(mask & change == change for mask in passed)

    return tuple(
        sorted(
            mask
            for mask in failed
            if mask.bit_count() == 1
            or (mask.bit_count() == 2 and all(passes(1 << position - 1) for position in positions_of(mask)))
        )
    )


def _couples(
    weights: Sequence[float], clues: Sequence[Sequence[float]], needs: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Two changes each, by index, of which the later one does not build on the earlier one."""
    count = len(weights)
    suspects = set(range(count))
    if count > _ALL_PAIRS_MAX:
        suspicion = [weights[i] * (_UNEXPLAINED + max((clue[i] for clue in clues), default=0.0)) for i in range(count)]
        suspects = set(sorted(range(count), key=lambda i: (-suspicion[i], i))[:_SUSPECTS_MAX])
    for i, j in combinations(range(count), 2):
        if not needs[j] >> i & 1 and (i in suspects or j in suspects):
            yield i, j


@lru_cache(maxsize=4096)
def _rate(rates: tuple[tuple[float, float], ...], wrong: int, right: int) -> float:
    return math.fsum(share * math.pow(rate, wrong) * math.pow(1 - rate, right) for rate, share in rates)
