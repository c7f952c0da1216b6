"""Thousands of malformed and hostile projects: each is answered, none stops the operator or the project beside them."""

import asyncio
import collections
import logging
import random
import time

import pytest

from parallelproject.kube.client import MERGE_PATCH, Api, ApiError
from tests.controller.cluster import Json, Namespace, condition, spec, states, task
from tests.controller.hostile import Hostile
from tests.controller.operator_process import OperatorProcess
from tests.sampling import Sampler

said = logging.getLogger(__name__)
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

COUNT, SAMPLE = 2000, 200
TAMPERED = 0.1
_AT_ONCE = 16


class Crowd:
    """Many requests at once."""

    def __init__(self, kubeconfig: str, namespace: Namespace) -> None:
        self._kubeconfig = kubeconfig
        self._path = namespace.path()
        self.refused: list[ApiError] = []
        self.lost: list[ApiError] = []
        """What a server that is out of breath did not answer; it may have been done."""
        self.created = 0

    async def send(self, hostile: Hostile, numbers: range) -> None:
        """Creates hostile projects, and tampers with the status of some."""
        chance = random.Random(numbers.start)
        bodies = iter([hostile.project(number) for number in numbers])
        tampering = [(chance.random() < TAMPERED, hostile.status()) for _ in numbers]

        async def work(api: Api) -> None:
            for body in bodies:
                try:
                    made = await api.request("POST", self._path, body)
                    self.created += 1
                    tamper, status = tampering.pop()
                    if tamper:
                        await asyncio.sleep(chance.random() / 2)  # before, during or after the operator's own write
                        path = f"{self._path}/{made['metadata']['name']}/status"
                        await api.request("PATCH", path, {"status": status}, content_type=MERGE_PATCH)
                except ApiError as error:
                    (self.refused if error.is_definite else self.lost).append(error)

        async with await Api.connect(self._kubeconfig) as api, asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work(api))

    async def unanswered(self) -> list[str]:
        """Projects without a verdict on what they say now, or that should have ended and have not."""
        found = []
        async with await Api.connect(self._kubeconfig) as api:
            params = {"limit": "200"}
            while True:
                page = await api.request("GET", self._path, params=params)
                found += [item["metadata"]["name"] for item in page["items"] if not _is_answered(item)]
                if not page["metadata"].get("continue"):
                    return found
                params["continue"] = page["metadata"]["continue"]


def _is_answered(project: Json) -> bool:
    accepted = condition(project, "Accepted")
    if "deletionTimestamp" in project["metadata"]:
        return True  # its time was over
    if accepted.get("observedGeneration") != project["metadata"]["generation"]:
        return False
    if accepted["status"] == "False" or project["spec"].get("suspend"):
        return True
    return bool(condition(project, "Completed")["status"] == "True")


def test_every_hostile_project_is_answered_and_a_good_one_beside_them_finishes(
    ns: Namespace, operator: OperatorProcess, sampled: Sampler
) -> None:
    count = COUNT if sampled.deep else SAMPLE
    pid, log = operator.pid, operator.position()
    kubeconfig = str(ns.cluster.kubeconfig)
    crowd = Crowd(kubeconfig, ns)
    hostile = Hostile(sampled.number)
    began = time.monotonic()
    asyncio.run(crowd.send(hostile, range(count // 2)))
    ns.create(spec(*(task(f"g{i}", *([f"g{i - 4}"] if i >= 4 else [])) for i in range(20)), scheduling="Graph"), "good")
    asyncio.run(crowd.send(hostile, range(count // 2, count)))
    good = ns.wait_end("good", seconds=300)
    assert set(states(good).values()) == {"Succeeded"}
    said.info("the good project took %s s", good["status"]["metrics"]["wallSeconds"])
    left: list[str] = []

    def all_answered() -> bool:
        left[:] = asyncio.run(crowd.unanswered())
        return not left

    try:
        ns.until(all_answered, "an answer to every project", seconds=300)
    except Exception as error:
        error.add_note(f"{len(left)} without: {[ns.get(name) for name in left[:3]]}"[:6000])
        raise
    codes = collections.Counter(error.status for error in crowd.refused)
    lost = len(crowd.lost)
    said.info("%s let in, refused: %s, no answer: %s; %.0f s", crowd.created, codes, lost, time.monotonic() - began)
    assert crowd.created > count / 4
    assert all(error.status and str(error) for error in crowd.refused), "a refusal without a reason"
    operator.check()
    assert operator.pid == pid
    assert operator.probe("readyz") == 200
    assert "Traceback" not in operator.output(log)
