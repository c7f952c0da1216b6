"""Leaders that stand still, and everything at once: a little of the campaigns ``frozen`` and ``storm``."""

import pytest

from tests.faults.frozen import Frozen
from tests.faults.lab import Lab
from tests.faults.storm import Storm
from tests.faults.sweep import Trial, run_all

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]


def test_a_leader_that_stood_still_breaks_no_law_when_it_goes_on(lab: Lab) -> None:
    results = list(run_all(lab, [Frozen(5), Frozen(19)], lanes=2))
    for _, outcome in results:
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
        assert outcome.notes == []
    assert any(trial.took_place(outcome) for trial, outcome in results)


def test_nothing_is_stuck_or_doubled_while_everything_is_killed_and_restarted(lab: Lab) -> None:
    storm: Trial = Storm(1, projects=10, seconds=60, levels=4)
    outcome = storm.run(lab)
    assert outcome.violations == []
    assert storm.took_place(outcome)
