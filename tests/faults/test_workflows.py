"""A sample of the sweep for projects whose tasks are Workflows: the same faults, the same laws.

With ``--deep`` all of it is run.
"""

from collections.abc import Iterator

import pytest

from rig.binaries import Binaries
from tests.faults.graphs import WORKFLOW_GRAPHS
from tests.faults.lab import Lab
from tests.faults.others import ALL, Disturbed
from tests.faults.others import RUNS as RUNS_OF_ACTOR
from tests.faults.planted import Planted
from tests.faults.planted_workflows import PLANTED, PLANTED_AMONG_OTHERS
from tests.faults.scenario import Outcome
from tests.faults.sweep import LANES, SMALL_WORKFLOWS, Trial, cases, run_all, sample, without_faults
from tests.faults.workflow_actors import WORKFLOW_ACTORS
from tests.sampling import Sampler

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

RUNS = 16


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
    for name, outcome in clean.items():
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
        assert outcome.notes == []
        assert outcome.counts["create-workflow"] == WORKFLOW_GRAPHS[name].jobs


def test_no_fault_doubles_or_loses_a_task_or_goes_over_the_cap(
    argo_lab: Lab, clean: dict[str, Outcome], sampled: Sampler
) -> None:
    found = [case for name in SMALL_WORKFLOWS for case in cases(name, clean[name].counts)]
    wanted = found if sampled.deep else sample(found, RUNS, sampled.number)  # evenly from all classes of fault
    fired = runs = 0
    for batch in sampled.batches(wanted, RUNS, 4 * LANES):
        for _, outcome in run_all(argo_lab, batch):
            assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
            fired, runs = fired + bool(outcome.fired), runs + 1
    assert fired > runs * 0.8 or sampled.is_cut
    assert argo_lab.quiet(seconds=2) == []


@pytest.mark.parametrize("actor", [*WORKFLOW_ACTORS, ALL])
def test_what_others_do_loses_and_doubles_nothing(argo_lab: Lab, sampled: Sampler, actor: str) -> None:
    trials: list[Trial] = [Disturbed(actor, seed, workflows=True) for seed in range(RUNS_OF_ACTOR)]
    for batch in sampled.batches(trials, 1, 2):
        for trial, outcome in run_all(argo_lab, batch, lanes=len(batch)):
            assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
            assert trial.took_place(outcome)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("bug", [*PLANTED, *PLANTED_AMONG_OTHERS], ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(argo_lab: Lab, bug: Planted) -> None:
    assert bug.caught(argo_lab) is not None


@pytest.mark.sampled(2)
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_the_runs_that_catch_a_bug_are_in_order_without_it(argo_lab: Lab, bug: Planted) -> None:
    for each in bug.tries:
        outcome = each.run(argo_lab)
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
