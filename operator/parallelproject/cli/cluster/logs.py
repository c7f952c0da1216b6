"""The logs of a project's pods."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from parallelproject.cli.cluster.state import has_ended, rows
from parallelproject.cli.output.failure import Failure
from parallelproject.core.planner.attempt import NEW
from parallelproject.core.report.status import read_row
from parallelproject.core.steps.step import OWN
from parallelproject.executors.job.setup_pod import AFTER_SETUP, SETUP
from parallelproject.kube.client import Api, ApiError
from parallelproject.model.names import KUBECTL_CONTAINER, job_name
from parallelproject.model.work import WorkKey

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader

Json = dict[str, Any]
Piece = tuple[str, bytes]

_POLL_SECONDS = 1.0


class PodLogs:
    """The logs of one project, by the API server. Every method may raise ``Failure``."""

    def __init__(self, api: Api, cluster: "ProjectReader", name: str, container: str | None) -> None:
        self._api = api
        self._cluster = cluster
        self._name = name
        self._container = container

    async def written(self, tasks: list[str]) -> AsyncIterator[Piece]:
        """What the pods of the latest attempts have printed, as (task, piece)."""
        project = await self._cluster.get(self._name)
        for task in tasks:
            async for data in self._of_attempt(project, task, _attempts(project, task), follow=False):
                yield task, data

    async def followed(self, tasks: list[str] | None) -> AsyncIterator[Piece]:
        """The same as it is printed: of the next or running attempt of each task, or of all until the project ends.

        Args:
            tasks: The tasks; None: all, as they start.
        """
        pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(tasks, pieces))
            while piece := await pieces.get():
                yield piece

    async def _follow(self, tasks: list[str] | None, pieces: "asyncio.Queue[Piece | None]") -> None:
        async def read(project: Json, task: str, number: int) -> None:
            async for data in self._of_attempt(project, task, number, follow=True):
                pieces.put_nowait((task, data))

        started: set[str | tuple[str, int]] = set()
        try:
            async with asyncio.TaskGroup() as group:
                async for project in self._cluster.follow(self._name):
                    if project is None:
                        break
                    for task, number in _started(project, tasks):
                        key = (task, number) if tasks is None else task
                        if key not in started:
                            started.add(key)
                            group.create_task(read(project, task, number))
                    if has_ended(project) or (tasks is not None and started.issuperset(tasks)):
                        break
        finally:
            pieces.put_nowait(None)

    async def _of_attempt(self, project: Json, task: str, number: int, *, follow: bool) -> AsyncIterator[bytes]:
        metadata = project["metadata"]
        job = job_name(metadata["name"], metadata["uid"], WorkKey.of_task(task, number, _step(project, task, number)))
        pods = f"/api/v1/namespaces/{metadata['namespace']}/pods"
        pod = await self._pod(pods, job)
        has_setup_log = False
        while follow and pod is not None and _is_pending(pod):  # it has no log before it has started
            if self._container is None and not has_setup_log and _setup_of(pod):
                has_setup_log = True
                async for data in self._log(pods, pod, task, SETUP, follow=True):
                    yield data
            else:
                await asyncio.sleep(_POLL_SECONDS)
            pod = await self._pod(pods, job)
        if pod is None:
            hint = f"its pod was deleted or never created: kubectl describe job -n {metadata['namespace']} {job}"
            raise Failure(f"{task}: attempt {number} has no pod", hint=hint)
        if self._container is None and (setup := _setup_of(pod)):
            if not has_setup_log:
                async for data in self._log(pods, pod, task, SETUP, follow=False):
                    yield data
            if (setup.get("terminated") or {}).get("exitCode") != 0:
                return  # the command has not started
        annotations = pod["metadata"].get("annotations") or {}
        container = self._container or annotations.get(KUBECTL_CONTAINER) or pod["spec"]["containers"][0]["name"]
        async for data in self._log(pods, pod, task, container, follow=follow):
            yield data

    async def _log(self, pods: str, pod: Json, task: str, container: str, *, follow: bool) -> AsyncIterator[bytes]:
        params = {"container": container} | ({"follow": "true"} if follow else {})
        try:
            async for data in self._api.stream(f"{pods}/{pod['metadata']['name']}/log", params):
                yield data
        except ApiError as error:
            raise Failure(f"{task}: the log of pod {pod['metadata']['name']} cannot be read: {error}") from None

    async def _pod(self, pods: str, job: str) -> Json | None:
        try:
            found = (await self._api.request("GET", pods, params={"labelSelector": f"job-name={job}"}))["items"]
        except ApiError as error:
            raise Failure(f"the pods of Job {job} cannot be listed: {error}") from None
        return max(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)


def _is_pending(pod: Json) -> bool:
    return bool((pod.get("status") or {}).get("phase", "Pending") == "Pending")


def _setup_of(pod: Json) -> Json:
    """The state of the container with ``spec.workspace.setup``; empty: none, or it has not started."""
    containers = {each["name"]: each for each in (pod.get("status") or {}).get("initContainerStatuses") or ()}
    state: Json = (containers.get(SETUP) or {}).get("state") or {}
    return state if AFTER_SETUP in containers and {"running", "terminated"} & state.keys() else {}


def _attempts(project: Json, task: str) -> int:
    return next((int(row.get("attempts") or 0) for row in rows(project) if row["id"] == task), 0)


def _step(project: Json, task: str, number: int) -> str:
    """The step that an attempt was at; empty for the task's own work."""
    record = next((read_row(row) for row in rows(project) if row["id"] == task), NEW)
    if number == record.attempts:
        return record.step
    return next((end.step for end in record.steps if end.attempt == number), OWN)


def _started(project: Json, tasks: list[str] | None) -> Iterator[tuple[str, int]]:
    """The attempts to follow: of named tasks the latest, of all those that are running."""
    for row in rows(project):
        wanted = row.get("state") == "Running" if tasks is None else row["id"] in tasks
        if wanted and row.get("attempts"):
            yield row["id"], int(row["attempts"])
