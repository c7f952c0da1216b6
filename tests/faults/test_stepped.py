"""A sample of the sweep for projects with steps, gates and hooks: the same faults, and the laws of steps and hooks.

With ``--deep`` all of it is run.
"""

import pytest

from tests.faults.campaigns import STEPPED
from tests.faults.graphs import STEP_GRAPHS
from tests.faults.lab import Lab
from tests.faults.planted import Planted
from tests.faults.planted_steps import PLANTED
from tests.faults.sampled_sweep import check_sample, check_without_faults
from tests.faults.scenario import Outcome
from tests.faults.stepped import Stepped
from tests.faults.sweep import SMALL_STEPS, Trial, run_all, without_faults
from tests.sampling import Sampler

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800), pytest.mark.one_file_of("sweeps")]


@pytest.fixture(scope="module")
def clean(fresh_lab: Lab) -> dict[str, Outcome]:
    """A run of each graph in which nothing goes wrong."""
    return without_faults(fresh_lab, STEP_GRAPHS)


def test_graphs_end_as_foretold_when_nothing_goes_wrong(clean: dict[str, Outcome]) -> None:
    check_without_faults(clean, "create-job")


def test_no_fault_changes_what_lands_or_runs_a_step_or_a_hook_twice(
    fresh_lab: Lab, clean: dict[str, Outcome], sampled: Sampler
) -> None:
    check_sample(fresh_lab, SMALL_STEPS, clean, sampled)


def test_projects_that_are_drawn_end_as_foretold_whatever_goes_wrong(fresh_lab: Lab, sampled: Sampler) -> None:
    trials: list[Trial] = [Stepped(seed) for seed in range(1, STEPPED + 1)]
    fired = 0
    for batch in sampled.batches(trials, 4, 4):
        for _, outcome in run_all(fresh_lab, batch):
            assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
            fired += len(outcome.fired)
    assert fired or sampled.is_cut


@pytest.mark.sampled(3)  # those of a family stand together
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(fresh_lab: Lab, bug: Planted) -> None:
    assert bug.caught(fresh_lab) is not None


@pytest.mark.sampled(1)
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_the_runs_that_catch_a_bug_are_in_order_without_it(fresh_lab: Lab, bug: Planted) -> None:
    for each in bug.tries:
        outcome = each.run(fresh_lab)
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
