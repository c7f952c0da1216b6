"""A sample of the sweep for projects whose Jobs wait in a queue of a real Kueue: the same faults, the same laws.

With ``--deep`` all of it is run.
"""

from collections.abc import Iterator

import pytest

from rig.binaries import Binaries
from tests.faults.graphs import ALL_GRAPHS
from tests.faults.kinds import WRITE
from tests.faults.lab import Lab
from tests.faults.plan import Action, Fault
from tests.faults.planted import Planted
from tests.faults.planted_queues import DRAINED, PLANTED, drain
from tests.faults.sampled_sweep import check_sample, check_without_faults
from tests.faults.scenario import Outcome, run_one
from tests.faults.sweep import SMALL_QUEUES, without_faults
from tests.sampling import Sampler

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800), pytest.mark.one_file_of("sweeps")]


@pytest.fixture(scope="module")
def queue_lab(binaries: Binaries, kueue_program: Binaries) -> Iterator[Lab]:
    """Where faults are tried, with a real Kueue."""
    with Lab(queues=True) as made:
        yield made


@pytest.fixture(scope="module")
def clean(queue_lab: Lab) -> dict[str, Outcome]:
    """A run of each graph in which nothing goes wrong."""
    return without_faults(queue_lab, SMALL_QUEUES)


def test_graphs_end_as_foretold_when_nothing_goes_wrong(clean: dict[str, Outcome]) -> None:
    check_without_faults(clean, "create-job")


def test_no_fault_doubles_or_loses_a_task(queue_lab: Lab, clean: dict[str, Outcome], sampled: Sampler) -> None:
    check_sample(queue_lab, SMALL_QUEUES, clean, sampled)


def test_an_eviction_and_a_kill_cost_no_attempt(queue_lab: Lab, sampled: Sampler) -> None:
    """The operator is killed at each of its writes, while the queue takes back what it has admitted."""
    plain = DRAINED.run(queue_lab)
    assert plain.violations == [], f"{plain}\n{plain.evidence}"
    cases = [
        (action, k) for action in (Action.KILL_BEFORE, Action.KILL_AFTER) for k in range(1, plain.counts[WRITE] + 1)
    ]
    for action, k in sampled(cases, 2):
        faults = (Fault(action, WRITE, k),)
        outcome = run_one(queue_lab, ALL_GRAPHS[DRAINED.graph], faults, meanwhile=drain)
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(queue_lab: Lab, bug: Planted) -> None:
    assert bug.caught(queue_lab) is not None
