"""The search for who broke a check, beside halving and beside one check for each task: verifications and rounds.

A round is what runs at once in the free slots, so rounds are time in units of one run of the check. Halving and one by
one only find the commit at which the check starts to fail: of two culprits they miss one, and of a pair they do not see
that it is one. They are taken as they are.
"""

import math
from collections.abc import Iterator
from statistics import mean

from bench.figure import Aim, Figure, Of, at_most
from bench.histories import TASKS, BrokenHistory, Cause, Clarity, Cost, history, search
from bench.setting import Setting
from parallelproject.core.verification.probe import Probe, ProbeOutcome

SLOTS = 4
_HISTORIES = 200


def run(setting: Setting) -> Iterator[Figure]:
    """Generated histories of 16 tasks: one culprit, two, and pairs of which each passes alone."""
    count = 30 if setting.short else _HISTORIES
    for clarity in (Clarity.NAMED, Clarity.SILENT):
        broken = [history(seed, list(Cause)[seed % 3], clarity, flaky=seed % 2 == 1) for seed in range(count)]
        at_once, one_slot = [search(each, SLOTS) for each in broken], [search(each, 1) for each in broken]
        named = clarity is Clarity.NAMED
        what = f"{count} histories of {TASKS} tasks, half of them flaky, output {clarity}"
        yield _figure(
            f"rounds with {SLOTS} slots, {what}", [cost.rounds for cost in at_once], [_halving(TASKS)] * count,
            "halving", at_most(2.5, far_out=5) if named else None,
        )  # fmt: skip
        yield _figure(
            f"verifications with one slot, {what}", [cost.verifications for cost in one_slot],
            [_one_by_one(each) for each in broken], "one by one", at_most(4, far_out=8) if named else None,
        )  # fmt: skip
        yield Figure(
            "culprits",
            f"right culprits, {what}",
            "%",
            (100 * mean(_right(each, cost) for each, cost in zip(broken * 2, at_once + one_slot, strict=True)),),
            (100 * mean(_first_alone(each) for each in broken),),
            "halving",
            Aim(Of.VALUE, 99, 90, at_least=True) if named else None,
        )


def _figure(name: str, ours: list[int], reference: list[int], reference_name: str, aim: Aim | None) -> Figure:
    return Figure("culprits", name, "", (mean(ours),), (mean(reference),), reference_name, aim)


def _right(broken: BrokenHistory, cost: Cost) -> bool:
    return cost.is_right(broken)


def _halving(tasks: int) -> int:
    return math.ceil(math.log2(tasks))


def _one_by_one(broken: BrokenHistory) -> int:
    """Verifies the commits of the branch in their order until one fails."""
    verify = broken.oracle()
    for position in range(1, len(broken.changes) + 1):
        if verify(Probe(position)) is ProbeOutcome.FAILED:
            return position
    return len(broken.changes)


def _first_alone(broken: BrokenHistory) -> bool:
    """Whether halving finds all: one culprit, and a check that does not lie to it."""
    verify, passes, fails = broken.oracle(), 0, len(broken.changes)
    while fails - passes > 1:
        middle = (passes + fails) // 2
        passes, fails = (passes, middle) if verify(Probe(middle)) is ProbeOutcome.FAILED else (middle, fails)
    return broken.faults == {frozenset({broken.changes[fails - 1].task})}
