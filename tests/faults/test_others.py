"""Some runs in which others act: ``python -m tests.faults others`` makes more, and counts them."""

import pytest

from tests.faults.actors import ACTORS
from tests.faults.lab import Lab
from tests.faults.others import ALL, RUNS, Disturbed
from tests.faults.sweep import Trial, run_all
from tests.sampling import Sampler

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.mark.sampled(1, always=lambda actor: actor == ALL)  # in which each of them acts
@pytest.mark.parametrize("actor", [*ACTORS, ALL])
def test_what_others_do_loses_and_doubles_nothing(lab: Lab, sampled: Sampler, actor: str) -> None:
    trials: list[Trial] = [Disturbed(actor, seed) for seed in range(RUNS)]
    for batch in sampled.batches(trials, 1, 2):
        for trial, outcome in run_all(lab, batch, lanes=len(batch)):
            assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
            assert trial.took_place(outcome)
