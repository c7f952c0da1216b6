"""An executor that nobody has thought of: an attempt is a ConfigMap, and ends when the test says so in it.

The controller runs it on a real API server, and knows no more of it than what stands here.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from parallelproject.controller.reconcile.controller import Controller
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.claim import Claim
from parallelproject.executors.base.executor import Change, Resource, TaskStart
from parallelproject.executors.base.identity import metadata
from parallelproject.kube.client import MERGE_PATCH, Api
from parallelproject.kube.lease import Leader
from parallelproject.model.names import ANNOTATION_CLAIM
from rig import ControlPlane
from rig.binaries import Binaries
from rig.project import project_manifests
from tests.controller.cluster import Client, Json, Namespace, rows, spec, states, task

pytestmark = pytest.mark.cluster

NAMESPACE = "made-up"
PHASES = {"running": Phase.ACTIVE, "well": Phase.SUCCEEDED, "badly": Phase.FAILED, "stopped": Phase.STOPPED}


class Note(NamedTuple):
    name: str
    uid: str
    version: int
    claim: str
    state: str

    def after(self, known: "Note") -> "Note":
        return self


class ConfigMaps:
    resource = Resource("ConfigMap", "/api/v1", "configmaps")

    def task(self, start: TaskStart) -> Json:
        identity = metadata(start.owner, start.key, start.claim)
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": identity, "data": {"state": "running"}}

    def stop(self, known: Note | None, why: str) -> Change:
        return Change({"data": {"state": "stopped"}}, MERGE_PATCH)

    def view(self, obj: Mapping[str, Any]) -> Note:
        found, claim = obj["metadata"], obj["metadata"]["annotations"][ANNOTATION_CLAIM]
        return Note(found["name"], found["uid"], int(found["resourceVersion"]), claim, obj["data"]["state"])

    def attempt(self, number: int, found: Note | None, parts: object, is_gone: bool) -> Attempt:
        if found is None or (is_gone and found.state == "running"):
            return Attempt(number, Phase.LOST)
        phase = PHASES[found.state]
        why = "Badly" if phase is Phase.FAILED else None
        claim = Claim.from_json(found.claim)
        return Attempt(number, phase, phase is Phase.ACTIVE, name=found.name, claim=claim, reason=why)


@pytest.fixture
def ns(binaries: Binaries) -> Iterator[Namespace]:
    """A namespace of a cluster in which the controller runs attempts as ConfigMaps."""
    with ControlPlane(binaries=binaries, manifests=project_manifests(), controllers=False) as cluster:
        cluster.create_namespace(NAMESPACE)
        client, runner = Client(str(cluster.kubeconfig)), asyncio.Runner()
        loop, work = runner.get_loop(), operate(str(cluster.kubeconfig))
        thread = threading.Thread(target=until_cancelled, args=(runner, work))
        thread.start()
        try:
            yield Namespace(cluster, client, NAMESPACE)
        finally:
            loop.call_soon_threadsafe(lambda: [each.cancel() for each in asyncio.all_tasks(loop)])
            thread.join()
            client.close()


def until_cancelled(runner: asyncio.Runner, work: Coroutine[Any, Any, None]) -> None:
    with runner, suppress(asyncio.CancelledError):
        runner.run(work)


async def operate(kubeconfig: str) -> None:
    """Runs the controller until it is cancelled."""
    async with await Api.connect(kubeconfig) as api:
        leader = Leader(api, "made-up")
        controller = Controller(api, leader, ConfigMaps(), (NAMESPACE,))
        await asyncio.gather(leader.run(), controller.run())


def end(ns: Namespace, task: str, attempt: int, state: str) -> None:
    """Ends an attempt, once it runs."""

    def attempts() -> list[Json]:
        found = ns._list("/api/v1", "configmaps", task)
        return [o for o in found if o["metadata"]["labels"].get("parallelproject.io/attempt") == str(attempt)]

    (found,) = ns.until(attempts, f"attempt {attempt} of {task}")
    path = f"/api/v1/namespaces/{ns.name}/configmaps/{found['metadata']['name']}"
    ns.client("PATCH", path, {"data": {"state": state}}, content_type=MERGE_PATCH)


def test_the_controller_runs_what_it_does_not_know(ns: Namespace) -> None:
    ns.create(spec(task("a"), task("b", "a"), task("c", "a"), task("d", "b"), scheduling="Graph"))
    end(ns, "a", 1, "well")
    end(ns, "b", 1, "badly")
    end(ns, "b", 2, "well")
    ns.wait_state("d", "Running")
    ns.patch({"stop": True})
    done = ns.wait_end()
    assert states(done) == {"a": "Succeeded", "b": "Succeeded", "c": "Skipped", "d": "Skipped"}
    assert {i: (row["attempts"], row.get("failures", 0)) for i, row in rows(done).items()} == {
        "a": (1, 0), "b": (2, 1), "c": (1, 0), "d": (1, 0),
    }  # fmt: skip
    ended = {o["data"]["state"] for i in "cd" for o in ns._list("/api/v1", "configmaps", i)}
    assert ended == {"stopped"}
    assert ns.jobs() == []
