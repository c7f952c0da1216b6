"""An operator whose clock is wrong: waits are as long as the spec says, by the clock of those who wrote the times."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from parallelproject.core.times import epoch
from rig import ControlPlane
from tests.controller.cluster import Namespace, rows, spec, states, task
from tests.controller.fixtures import in_place_of
from tests.controller.operator_process import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.sampled(2, of_file=True)]

MINUTES = 10
BACKOFF = 3


@pytest.fixture
def shifted(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[Callable[[int], OperatorProcess]]:
    """Starts an operator whose clock is so many seconds ahead, in place of the other, which runs until then."""
    with ExitStack() as stack:

        def start(seconds: int) -> OperatorProcess:
            patch = f"import time; wall = time.time; time.time = lambda: wall() + {seconds}"
            made = OperatorProcess(cluster, name=f"shifted-{seconds}", patch=patch)
            stack.enter_context(in_place_of(operator, made))
            return made

        yield start


@pytest.mark.parametrize("minutes", [-MINUTES, MINUTES])
def test_waits_and_times_go_by_the_clock_of_the_api_server(
    ns: Namespace, shifted: Callable[[int], OperatorProcess], minutes: int
) -> None:
    operator = shifted(minutes * 60)
    made = ns.create(spec(task("a", fail_attempts=1), backoff=BACKOFF, ttlSecondsAfterFinished=3600))
    end = ns.wait_end()
    assert states(end) == {"a": "Succeeded"}
    first, second = ns.jobs("a")
    # The backoff counts from the pod's end. The Job's condition is written later, by a controller that may be slow.
    pod = next(p for p in ns.pods("a") if p["metadata"]["ownerReferences"][0]["uid"] == first["metadata"]["uid"])
    failed = pod["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"]
    waited = (epoch(second["metadata"]["creationTimestamp"]) or 0) - (epoch(failed) or 0)
    assert waited >= BACKOFF - 1  # both times are in whole seconds
    created = epoch(made["metadata"]["creationTimestamp"]) or 0
    told = [end["status"]["startTime"], end["status"]["completionTime"]]
    told += [condition["lastTransitionTime"] for condition in end["status"]["conditions"]]
    told += [row["startTime"] for row in rows(end).values()]
    assert all(-2 <= (epoch(text) or 0) - created < MINUTES * 30 for text in told), told
    skew = next(
        line for line in operator.metrics().splitlines() if line.startswith("parallelproject_clock_skew_seconds")
    )
    assert abs(float(skew.split()[-1]) - minutes * 60) < 30  # an answer may take seconds on a busy machine
    assert "differs from the API server's" in operator.output()


def test_a_deadline_is_as_long_as_the_spec_says(ns: Namespace, shifted: Callable[[int], OperatorProcess]) -> None:
    ns.create(spec(task("a", hold=True)))
    ns.wait_state("a", "Running")  # its start is written down by an operator whose clock is right
    shifted(-MINUTES * 60)
    ns.patch({"activeDeadlineSeconds": 5})
    assert states(ns.wait_end()) == {"a": "Skipped"}
