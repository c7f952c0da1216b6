"""A sample of the sweep: whatever goes wrong between the operator and the API server, a run ends as without it.

With ``--deep`` all of it is run, and ``make faults`` counts it.
"""

import pytest

from tests.faults.graphs import GRAPHS
from tests.faults.lab import Lab
from tests.faults.scenario import Outcome
from tests.faults.sweep import LANES, SMALL, cases, run_all, sample, without_faults
from tests.sampling import Sampler

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

RUNS = 16


@pytest.fixture(scope="module")
def clean(lab: Lab) -> dict[str, Outcome]:
    """A run of each graph in which nothing goes wrong."""
    return without_faults(lab)


def test_graphs_end_as_foretold_when_nothing_goes_wrong(clean: dict[str, Outcome]) -> None:
    for name, outcome in clean.items():
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
        assert outcome.notes == []
        assert outcome.counts["create-job"] == GRAPHS[name].jobs


def test_no_fault_doubles_or_loses_a_task_or_goes_over_the_cap(
    lab: Lab, clean: dict[str, Outcome], sampled: Sampler
) -> None:
    found = [case for name in SMALL for case in cases(name, clean[name].counts)]
    wanted = found if sampled.deep else sample(found, RUNS, sampled.number)  # evenly from all classes of fault
    fired = runs = 0
    for batch in sampled.batches(wanted, RUNS, 4 * LANES):
        for _, outcome in run_all(lab, batch):
            assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
            fired, runs = fired + bool(outcome.fired), runs + 1
    assert fired > runs * 0.8 or sampled.is_cut
    assert lab.quiet(seconds=2) == []
