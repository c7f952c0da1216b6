"""An upgrade in the middle of a run: this operator takes over what the last release has left.

The objects are recorded as that release wrote them, and put into etcd as they are, with their uids: names of Jobs are a
function of the uid of their project.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from parallelproject.model.names import GROUP, PLURAL
from rig import ControlPlane
from tests.controller.cluster import Client, Json, Namespace, condition, rows
from tests.controller.operator_process import OperatorProcess
from tests.controller.upgrade.scene import NAMESPACE, PROJECT, RECORDING

pytestmark = pytest.mark.cluster

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def recording() -> Json:
    """The recording, as if it had been made just now: deadlines run from the times in it."""
    text = RECORDING.read_text()
    newest = max(datetime.strptime(found, _FORMAT) for found in _TIME.findall(text))
    since = datetime.now(UTC).replace(tzinfo=None) - newest
    moved: Json = json.loads(
        _TIME.sub(lambda found: (datetime.strptime(found[0], _FORMAT) + since).strftime(_FORMAT), text)
    )
    return moved


LEFT = recording()


@pytest.fixture
def taken_over(cluster: ControlPlane, client: Client, operator: OperatorProcess) -> Iterator[Namespace]:
    """What the last release has left, and an operator of now that has just started."""
    operator.kill()
    cluster.create_namespace(NAMESPACE)
    cluster.store(f"{GROUP}/{PLURAL}/{NAMESPACE}/{PROJECT}", LEFT["project"])
    for job in LEFT["jobs"]:
        cluster.store(f"jobs/{NAMESPACE}/{job['metadata']['name']}", job)
    ns = Namespace(cluster, client, NAMESPACE)
    ns.until(lambda: len(ns.jobs()) == len(LEFT["jobs"]), "the API server to serve what was stored")
    operator.start()
    yield ns
    cluster.delete_namespace(NAMESPACE)


def names(jobs: list[Json]) -> dict[str, str]:
    return {job["metadata"]["name"]: job["metadata"]["uid"] for job in jobs}


def test_an_upgrade_in_the_middle_of_a_run_runs_nothing_twice_and_goes_on_publishing(
    taken_over: Namespace,
) -> None:
    ns, before = taken_over, names(LEFT["jobs"])
    of_old = [job["metadata"]["labels"] for job in LEFT["jobs"] if f"{GROUP}/level" not in job["metadata"]["labels"]]
    assert [labels[f"{GROUP}/task"] for labels in of_old] == ["", ""]  # as publishing was labelled
    ns.wait_state("ended", "Succeeded", name=PROJECT)
    project = ns.get(PROJECT)
    assert condition(project, "Published")["reason"] == "Publishing"
    assert names(ns.jobs()) == before
    assert {row["attempts"] for row in rows(project).values() if "attempts" in row} == {1}
    for task in ("recorded", "published"):
        assert rows(project)[task] == next(r for r in LEFT["project"]["status"]["tasks"] if r["id"] == task)
    ns.release("running", "", name=PROJECT)
    done = ns.wait(
        lambda p: condition(p, "Completed")["status"] == "True" and condition(p, "Published")["status"] == "True",
        "the end of what the last release has begun",
        PROJECT,
    )
    assert {row["attempts"] for row in rows(done).values()} == {1}
    after = names(ns.jobs())
    assert after.items() >= before.items()
    new = [job["metadata"]["labels"] for job in ns.jobs() if job["metadata"]["name"] not in before]
    assert [found[f"{GROUP}/task"] for found in new if f"{GROUP}/task" in found] == ["next"]
    attempts = [found[f"{GROUP}/attempt"] for found in new if found.get(f"{GROUP}/kind") == "Publish"]
    assert attempts == [str(3 + i) for i in range(len(attempts))]
    assert done["status"]["publication"]["attempts"] == 2 + len(attempts)
    assert not [reason for reason, _ in ns.events(PROJECT) if reason in ("JobRestored", "NameConflict")]
