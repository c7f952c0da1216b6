"""A sample of the sweep: whatever goes wrong between the operator and the API server, a run ends as without it.

With ``--deep`` all of it is run, and ``make faults`` counts it.
"""

import pytest

from tests.faults.lab import Lab
from tests.faults.sampled_sweep import check_sample, check_without_faults
from tests.faults.scenario import Outcome
from tests.faults.sweep import SMALL, without_faults
from tests.sampling import Sampler

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800), pytest.mark.one_file_of("sweeps")]


@pytest.fixture(scope="module")
def clean(fresh_lab: Lab) -> dict[str, Outcome]:
    """A run of each graph in which nothing goes wrong."""
    return without_faults(fresh_lab)


def test_graphs_end_as_foretold_when_nothing_goes_wrong(clean: dict[str, Outcome]) -> None:
    check_without_faults(clean, "create-job")


def test_no_fault_doubles_or_loses_a_task_or_goes_over_the_cap(
    fresh_lab: Lab, clean: dict[str, Outcome], sampled: Sampler
) -> None:
    check_sample(fresh_lab, SMALL, clean, sampled)
