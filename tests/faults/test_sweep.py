"""A sample of the sweep: whatever goes wrong between the operator and the API server, a run ends as without it.

``make faults`` runs all of it; PPROJ_TEST_SEEDS chooses other samples.
"""

import os

import pytest

from tests.faults.graphs import GRAPHS
from tests.faults.lab import Lab
from tests.faults.scenario import Outcome
from tests.faults.sweep import SMALL, cases, run_all, sample, without_faults

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

RUNS = 24
SEEDS = [int(seed) for seed in os.environ.get("PPROJ_TEST_SEEDS", "1").split(",")]


@pytest.fixture(scope="module")
def clean(lab: Lab) -> dict[str, Outcome]:
    """A run of each graph in which nothing goes wrong."""
    return without_faults(lab)


def test_graphs_end_as_foretold_when_nothing_goes_wrong(clean: dict[str, Outcome]) -> None:
    for name, outcome in clean.items():
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
        assert outcome.notes == []
        assert outcome.counts["create-job"] == GRAPHS[name].jobs


@pytest.mark.parametrize("seed", SEEDS)
def test_no_fault_doubles_or_loses_a_task_or_goes_over_the_cap(lab: Lab, clean: dict[str, Outcome], seed: int) -> None:
    found = [case for name in SMALL for case in cases(name, clean[name].counts)]
    results = [outcome for _, outcome in run_all(lab, sample(found, RUNS, seed))]
    for outcome in results:
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
    assert sum(bool(outcome.fired) for outcome in results) > RUNS * 0.8
    assert lab.quiet(seconds=2) == []
