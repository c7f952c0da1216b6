"""Leaders that stand still, and everything at once: a little of the campaigns ``frozen`` and ``storm``."""

import pytest

from tests.faults.campaigns import FROZEN
from tests.faults.frozen import Frozen
from tests.faults.lab import Lab
from tests.faults.storm import Storm
from tests.faults.sweep import run_all
from tests.sampling import Sampler

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800), pytest.mark.one_file_of("storms")]


# In this one everything is restarted once. With --deep there is one with many projects as well.
SHORT, LONG = Storm(1, projects=8, seconds=35, levels=3, restart_seconds=8), Storm(1)
OFTEN = (5, 19)
"""Seeds by which both operators stand still in most runs."""


def test_a_leader_that_stood_still_breaks_no_law_when_it_goes_on(lab: Lab, sampled: Sampler) -> None:
    took_place = 0
    for two in sampled.batches(range(1, FROZEN + 1), 0, 2, lambda seed: seed in OFTEN):
        for trial, outcome in run_all(lab, map(Frozen, two), lanes=2):
            assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
            assert outcome.notes == []
            took_place += trial.took_place(outcome)
    assert took_place or sampled.is_cut


def test_nothing_is_stuck_or_doubled_while_everything_is_killed_and_restarted(lab: Lab, sampled: Sampler) -> None:
    for storm in sampled((SHORT, LONG), 0, lambda storm: storm is SHORT):
        outcome = storm.run(lab)
        assert outcome.violations == []
        assert storm.took_place(outcome)
