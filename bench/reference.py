"""The reference: a bare client that runs graphs of Jobs as fast as the API server lets it, and does nothing else.

``python -m bench.reference KUBECONFIG`` reads its work from the first line of its input, says ``ready``, begins at
the next line, says ``done``, and ends with its input.

It has no custom resource, no status, no retries, no memory of earlier runs, and sees no failure. It creates the next
Job the moment it may: when the pod of the last dependency has succeeded, which comes before the Job says so. The
server tells it of nothing but pods that have succeeded, which is the least that a client can be told; or of all that
happens to its Pods and Jobs, if its work says ``everything``.
"""

import asyncio
import heapq
import json
import ssl
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import yaml

Json = dict[str, Any]

LABEL = "bench"
"""Every Job and every pod of its own has it."""
CREATES_AT_ONCE = 16
"""More do not make an API server on two processors faster (8 to 64 tried)."""


class Graph:
    """The tasks of one graph, by their place in the list: the first that is ready goes first."""

    def __init__(self, cap: int, jobs: list[Json], after: list[list[int]]) -> None:
        self.names = [job["metadata"]["name"] for job in jobs]
        self.bodies = [json.dumps(job, separators=(",", ":")).encode() for job in jobs]
        self._free = cap
        self._waiting = [len(above) for above in after]
        self._children: list[list[int]] = [[] for _ in jobs]
        for task, above in enumerate(after):
            for parent in above:
                self._children[parent].append(task)
        self._ready = [task for task, count in enumerate(self._waiting) if not count]

    def take(self) -> list[bytes]:
        """The Jobs that may be created now; they are running from now on."""
        taken = []
        while self._free and self._ready:
            self._free -= 1
            taken.append(self.bodies[heapq.heappop(self._ready)])
        return taken

    def done(self, task: int) -> None:
        """A task has succeeded."""
        self._free += 1
        for child in self._children[task]:
            self._waiting[child] -= 1
            if not self._waiting[child]:
                heapq.heappush(self._ready, child)


async def run(server: str, session: aiohttp.ClientSession, work: Json) -> None:
    """Runs all graphs of the work to their end; begins when a line is read."""
    graphs = [Graph(**graph) for graph in work["graphs"]]
    open_ = {name: (graph, task) for graph in graphs for task, name in enumerate(graph.names)}
    to_create: asyncio.Queue[bytes] = asyncio.Queue()
    jobs = f"{server}/apis/batch/v1/namespaces/{work['namespace']}/jobs"
    pods = f"{server}/api/v1/namespaces/{work['namespace']}/pods"

    async def create() -> None:
        while True:
            async with session.post(jobs, data=await to_create.get()) as answer:
                await answer.read()
                if answer.status != 201:
                    raise RuntimeError(f"HTTP {answer.status}: {await answer.text()}")

    watching = asyncio.Event()

    everything = bool(work["everything"])

    async def follow() -> None:
        async for pod in _seen(
            session, pods, {} if everything else {"fieldSelector": "status.phase=Succeeded"}, watching
        ):
            name = pod["metadata"]["labels"]["job-name"]
            if name in open_ and pod["status"]["phase"] == "Succeeded":
                graph, task = open_.pop(name)
                graph.done(task)
                for body in graph.take():
                    to_create.put_nowait(body)
            if not open_:
                return

    async def follow_jobs() -> None:
        async for _ in _seen(session, jobs, {}, asyncio.Event()):
            pass

    async with asyncio.TaskGroup() as group:
        following = group.create_task(follow())
        beside = [group.create_task(follow_jobs())] if everything else []
        creating = [group.create_task(create()) for _ in range(CREATES_AT_ONCE)]
        await watching.wait()
        _say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        for graph in graphs:
            for body in graph.take():
                to_create.put_nowait(body)
        await following
        for worker in (*creating, *beside):
            worker.cancel()
    _say("done")


async def _seen(
    session: aiohttp.ClientSession, path: str, wanted: dict[str, str], watching: asyncio.Event
) -> AsyncIterator[Json]:
    """The objects of its own of a collection, each time that they change, some of them more often; never ends."""
    wanted = {"labelSelector": LABEL} | wanted
    while True:  # the server may end a watch whenever it likes
        async with session.get(path, params=wanted) as answer:
            listed = await answer.json()
        for found in listed["items"]:
            yield found
        since = {"watch": "1", "resourceVersion": listed["metadata"]["resourceVersion"]}
        async with session.get(path, params=wanted | since) as answer:
            watching.set()
            rest = b""
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise RuntimeError(f"watch: {event['object']}")
                    yield event["object"]


def _say(word: str) -> None:
    print(word, flush=True)


async def main(config: Json) -> None:
    """Connects as the kubeconfig says, and does the work."""
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    tls = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
    headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(ssl=tls, limit=0)
    unlimited = aiohttp.ClientTimeout(total=None)
    work = json.loads(await asyncio.to_thread(sys.stdin.readline))
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=unlimited) as session:
        await run(cluster["server"], session, work)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(yaml.safe_load(Path(sys.argv[1]).read_text())))
