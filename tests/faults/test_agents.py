"""The operator is killed at its writes while agents run, fail and meet limits: a run ends as without it.

tests/git/test_agent_killed.py has the same for the containers of their pods. With ``--deep`` each write has its turn.
"""

import pytest

from tests.faults.graphs import AGENT_GRAPHS
from tests.faults.lab import Lab
from tests.faults.planted import Planted, Try
from tests.faults.sampled_sweep import check_sample, check_without_faults
from tests.faults.scenario import Outcome
from tests.faults.sweep import without_faults
from tests.sampling import Sampler

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800), pytest.mark.one_file_of("sweeps")]
PLANTED = (
    Planted(
        "an agent that has met a limit has failed",
        """
import parallelproject.core.planner.attempt as attempt
attempt.asks_for_later = lambda reason, exit_code: False
""",
        (Try("agents-git"),),
        seconds=30,
    ),
    Planted(
        "the container that only reads is not listened to",
        """
import parallelproject.executors.job.delivery_pod as delivery_pod
import parallelproject.executors.job.observation as observation
class Deaf:
    PREPARE, GIT, READER = delivery_pod.PREPARE, delivery_pod.GIT, "nobody"
observation.delivery_pod = Deaf
""",
        (Try("agents-alone"),),
        seconds=30,
    ),
)


@pytest.fixture(scope="module")
def clean(fresh_lab: Lab) -> dict[str, Outcome]:
    """A run of each graph in which nothing goes wrong."""
    return without_faults(fresh_lab, AGENT_GRAPHS)


def test_agents_end_as_foretold_when_nothing_goes_wrong(clean: dict[str, Outcome]) -> None:
    check_without_faults(clean, "create-job")


def test_no_death_of_the_operator_doubles_or_loses_an_agent(
    fresh_lab: Lab, clean: dict[str, Outcome], sampled: Sampler
) -> None:
    check_sample(fresh_lab, tuple(AGENT_GRAPHS), clean, sampled)


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(fresh_lab: Lab, bug: Planted) -> None:
    assert bug.caught(fresh_lab) is not None
