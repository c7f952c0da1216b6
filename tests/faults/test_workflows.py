"""A sample of the sweep for projects whose tasks are Workflows: the same faults, the same laws.

With ``--deep`` all of it is run.
"""

from collections.abc import Iterator

import pytest

from rig.binaries import Binaries
from tests.faults.lab import Lab
from tests.faults.others import ALL, RUNS, Disturbed
from tests.faults.planted import Planted
from tests.faults.planted_workflows import PLANTED, PLANTED_AMONG_OTHERS
from tests.faults.sampled_sweep import check_sample, check_without_faults
from tests.faults.scenario import Outcome
from tests.faults.sweep import SMALL_WORKFLOWS, Trial, run_all, without_faults
from tests.faults.workflow_actors import WORKFLOW_ACTORS
from tests.sampling import Sampler

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800), pytest.mark.one_file_of("sweeps")]


@pytest.fixture(scope="module")
def argo_lab(binaries: Binaries) -> Iterator[Lab]:
    """Where faults are tried, with a stand-in for Argo's controller."""
    with Lab(workflows=True) as made:
        yield made


@pytest.fixture(scope="module")
def clean(argo_lab: Lab) -> dict[str, Outcome]:
    """A run of each graph in which nothing goes wrong."""
    return without_faults(argo_lab, SMALL_WORKFLOWS)


def test_graphs_end_as_foretold_when_nothing_goes_wrong(clean: dict[str, Outcome]) -> None:
    check_without_faults(clean, "create-workflow")


def test_no_fault_doubles_or_loses_a_task_or_goes_over_the_cap(
    argo_lab: Lab, clean: dict[str, Outcome], sampled: Sampler
) -> None:
    check_sample(argo_lab, SMALL_WORKFLOWS, clean, sampled)


@pytest.mark.sampled(1, always=lambda actor: actor == ALL)  # in which each of them acts
@pytest.mark.parametrize("actor", [*WORKFLOW_ACTORS, ALL])
def test_what_others_do_loses_and_doubles_nothing(argo_lab: Lab, sampled: Sampler, actor: str) -> None:
    trials: list[Trial] = [Disturbed(actor, seed, workflows=True) for seed in range(RUNS)]
    for batch in sampled.batches(trials, 1, 2):
        for trial, outcome in run_all(argo_lab, batch, lanes=len(batch)):
            assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
            assert trial.took_place(outcome)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("bug", [*PLANTED, *PLANTED_AMONG_OTHERS], ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(argo_lab: Lab, bug: Planted) -> None:
    assert bug.caught(argo_lab) is not None


@pytest.mark.sampled(1)
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_the_runs_that_catch_a_bug_are_in_order_without_it(argo_lab: Lab, bug: Planted) -> None:
    for each in bug.tries:
        outcome = each.run(argo_lab)
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
