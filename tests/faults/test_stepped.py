"""A sample of the sweep for projects with steps, gates and hooks: the same faults, and the laws of steps and hooks.

With ``--deep`` all of it is run.
"""

import pytest

from tests.faults.lab import Lab
from tests.faults.sampled_sweep import check_sample, check_without_faults
from tests.faults.scenario import Outcome
from tests.faults.sweep import SMALL_STEPS, without_faults
from tests.sampling import Sampler

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800), pytest.mark.one_file_of("sweeps")]


@pytest.fixture(scope="module")
def clean(fresh_lab: Lab) -> dict[str, Outcome]:
    """A run of each graph in which nothing goes wrong."""
    return without_faults(fresh_lab, SMALL_STEPS)


def test_graphs_end_as_foretold_when_nothing_goes_wrong(clean: dict[str, Outcome]) -> None:
    check_without_faults(clean, "create-job")


def test_no_fault_changes_what_lands_or_runs_a_step_or_a_hook_twice(
    fresh_lab: Lab, clean: dict[str, Outcome], sampled: Sampler
) -> None:
    check_sample(fresh_lab, SMALL_STEPS, clean, sampled)
