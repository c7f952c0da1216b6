"""A sample of the sweep of ``python -m tests.local.faults``, whole with ``--deep``; and whether it would tell a bug."""

import multiprocessing
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.local.disk import can_mount
from tests.local.faults import bugs
from tests.local.faults.sweep import Case, Outcome, attempt, no_room, points, sample, single
from tests.local.faults.task import SLOW_SECONDS
from tests.sampling import Sampler

_LANES = os.cpu_count() or 1


def test_killed_anywhere_it_goes_on_as_if_nothing_had_happened(tmp_path: Path, sampled: Sampler) -> None:
    carry_out(single(points(tmp_path)), 12, sampled)


@pytest.mark.skipif(not can_mount(), reason="only root can make a small disk")
def test_with_no_room_for_anything_it_stops_and_goes_on_when_there_is_room(tmp_path: Path, sampled: Sampler) -> None:
    carry_out(no_room(points(tmp_path)), 6, sampled)


def carry_out(cases: Iterable[Case], keep: int, sampled: Sampler) -> None:
    found = list(cases)
    wanted = found if sampled.deep else sample(found, keep, sampled.number)  # of as many kinds as possible
    outcomes: list[Outcome] = []
    with multiprocessing.get_context("fork").Pool(_LANES) as pool:
        for batch in sampled.batches(wanted, keep, 4 * _LANES):
            outcomes += pool.map(attempt, batch, chunksize=1)
    assert [f"{o.case}: {o.violations}" for o in outcomes if o.violations] == []
    struck = sum(outcome.struck for outcome in outcomes)
    assert struck > len(outcomes) / 2 or sampled.is_cut  # else it would prove nothing


@pytest.mark.sampled(1, by=("of",))
@pytest.mark.parametrize(
    ("of", "bug"), [*(("engine", bug) for bug in bugs.ENGINE), *(("supervisor", bug) for bug in bugs.SUPERVISOR)]
)
def test_a_planted_bug_is_told(of: str, bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if bug == "what_is_left_is_not_looked_for":  # something is to be left when the next session has started
        monkeypatch.setenv(SLOW_SECONDS, "4")
    moments = range(8, 20)  # some show it only if a task is about to end just then
    assert any(attempt(Case.parse(bugs.CASES[bug].format(moment)), bug).violations for moment in moments)
