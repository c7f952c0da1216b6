"""Some runs in which others act: ``python -m tests.faults others`` makes more; PPROJ_TEST_SEEDS chooses others here."""

import os

import pytest

from tests.faults.actors import ACTORS
from tests.faults.lab import Lab
from tests.faults.others import ALL, Disturbed
from tests.faults.sweep import Trial, run_all

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

SEEDS = [int(seed) for seed in os.environ.get("PPROJ_TEST_SEEDS", "2,3").split(",")]


@pytest.mark.parametrize("actor", [*ACTORS, ALL])
def test_what_others_do_loses_and_doubles_nothing(lab: Lab, actor: str) -> None:
    trials: list[Trial] = [Disturbed(actor, seed) for seed in SEEDS]
    for trial, outcome in run_all(lab, trials, lanes=len(trials)):
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
        assert trial.took_place(outcome)
