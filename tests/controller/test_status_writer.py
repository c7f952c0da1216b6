"""What a status write reports, whatever becomes of its answer."""

import asyncio
from collections.abc import Sequence
from copy import deepcopy
from types import SimpleNamespace
from typing import Any, cast

import pytest

from parallelproject.controller.projects.feed import Feed, Moment
from parallelproject.controller.projects.keeper import Keeper
from parallelproject.controller.projects.meter import Unmeasured
from parallelproject.controller.projects.project import Project
from parallelproject.controller.projects.status_writer import Writer
from parallelproject.core.report.changes import Event, What
from parallelproject.kube.client import Api, ApiError

Json = dict[str, Any]
RUNS: Json = {"conditions": [{"type": "Completed", "status": "False"}], "tasks": []}
ENDED: Json = {
    "completionTime": "2026-01-01T00:00:00Z",
    "conditions": [
        {"type": "Completed", "status": "True"},
        {"type": "Succeeded", "status": "True", "reason": "AllSucceeded", "message": "1 of 1"},
    ],
    "tasks": [],
}


class Server:
    """Stores a status, and loses the answer where that is asked for."""

    def __init__(self) -> None:
        self.body: Json = {"metadata": {"resourceVersion": "1", "uid": "u"}, "status": {}}
        self.loses = False

    async def request(self, method: str, path: str, body: Json | None = None, **_: object) -> Json:
        if body is not None:
            self.body["status"] = {key: value for key, value in body["status"].items() if value is not None}
            self.body["metadata"]["resourceVersion"] = str(int(self.body["metadata"]["resourceVersion"]) + 1)
            if self.loses:
                raise ApiError(0, "", "connection lost")
        return deepcopy(self.body)


class Object:
    path, owner = "/x", SimpleNamespace(uid="u")

    def __init__(self) -> None:
        self.resource_version, self.status = "1", dict[str, Any]()

    def update(self, body: Json) -> bool:
        if int(body["metadata"]["resourceVersion"]) <= int(self.resource_version):
            return False
        self.resource_version, self.status = body["metadata"]["resourceVersion"], dict(body["status"])
        return True


class Hears:
    moment = Moment.WRITTEN

    def __init__(self) -> None:
        self.events: list[What] = []

    def take(self, project: Project, events: Sequence[Event]) -> None:
        self.events += [event.what for event in events]


@pytest.mark.parametrize("loses", [False, True])
def test_an_end_is_reported_once_also_where_the_answer_to_its_write_is_lost(loses: bool) -> None:
    async def scenario() -> list[What]:
        server, project, hears, planned = Server(), Object(), Hears(), asyncio.Event()
        keeper = SimpleNamespace(again=lambda project, seconds=0.0: planned.set(), drop=None)
        writer = Writer(cast(Api, server), cast(Keeper, keeper), Unmeasured(), Feed([hears]))

        async def offer(completed: bool, status: Json) -> None:
            planned.clear()
            writer.offer(cast(Project, project), completed, lambda: deepcopy(status))
            while not planned.is_set() or writer._written(cast(Project, project)).writing:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

        await offer(False, RUNS)
        server.loses = loses
        await offer(True, ENDED)
        server.loses = False
        project.update(deepcopy(server.body))  # as the watch brings it
        for _ in range(2):
            writer.offer(cast(Project, project), True, lambda: deepcopy(ENDED))
        await writer.close()
        return hears.events

    events = asyncio.run(scenario())
    assert (events.count(What.FOUND), events.count(What.COMPLETED)) == (1, 1)
