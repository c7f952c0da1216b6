"""The controller: what is seen goes in, the plan comes out, what it says is done.

One queue holds each project at most once; ``reconcile`` reads like its description and never waits: what
takes time (``actions``, ``writer``) runs beside it and puts the project back into the queue when it is done.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from parallelproject.controller.actions import Actions
from parallelproject.controller.capacity import Capacity
from parallelproject.controller.leader import Leader
from parallelproject.controller.metrics import Metrics
from parallelproject.controller.project import Json, Project
from parallelproject.controller.queue import Queue
from parallelproject.controller.traces import Traces, exporter_from_environment
from parallelproject.controller.verifier import Verifier
from parallelproject.controller.writer import Writer
from parallelproject.core.graph import CompiledGraph
from parallelproject.core.plan import Plan, plan, waits_for_merge
from parallelproject.core.publication import revision_of, stage
from parallelproject.core.publishing import Publishing, merged_now, publishing
from parallelproject.core.sharing import NO_LIMITS, Limits
from parallelproject.core.status import ATTEMPT_MAX, rejected_status, render_status
from parallelproject.executors.delivery_pod import IMAGE as GIT_IMAGE
from parallelproject.executors.observation import view_job, view_pod
from parallelproject.executors.sightings import PUBLISHING, Key, Sightings
from parallelproject.kube.api import METADATA_ONLY, Api, ApiError
from parallelproject.kube.reflector import Reflector
from parallelproject.model import names
from parallelproject.model.spec import Spec

log = logging.getLogger(__name__)

SELECTOR = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY},{names.LABEL_PROJECT_UID}"
_BACKOFF_MAX = 60.0
_KEPT = (
    "ttlSecondsAfterFinished is over, but a GitOps tool keeps this project: deleted, it would be created again and run "
    "from the start. Remove it from the repository, or the field"
)
_KNOWN_SECONDS = 30
"""Longest wait at the start for projects that are listed and not heard of."""
_KNOWN_POLL_SECONDS, _KNOWN_ERROR_SECONDS = 0.1, 1.0
_job_name = lru_cache(maxsize=8192)(names.job_name)  # asked for at every event


class Controller:
    """Runs every project that it is told of."""

    def __init__(
        self,
        api: Api,
        leader: Leader,
        namespaces: tuple[str, ...] = (),
        git_image: str = GIT_IMAGE,
        limits: Limits = NO_LIMITS,
    ) -> None:
        """Prepares it; ``run`` starts it.

        Args:
            api: An open connection.
            leader: This operator's part in the election; it does nothing before it is elected.
            namespaces: Where to look for Jobs and pods; empty: in all of them.
            git_image: The image that lands work.
            limits: How much may be at work at once, of all projects together.
        """
        self._api = api
        self._namespaces = namespaces or ("",)
        self.capacity = Capacity(limits, self._put, self._distribute_soon)
        self._distributing: asyncio.Handle | None = None
        self.left_nothing = False
        """Whether, at its end, no write of its own was under way."""
        self._projects: dict[tuple[str, str], Project] = {}  # by namespace and name
        self._sightings: dict[tuple[str, str], Sightings] = {}  # by namespace and project uid
        self.queue = Queue()
        self.metrics = Metrics()
        self._traces = Traces(exporter_from_environment(), self.metrics.traced)
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._writer = Writer(api, self._put, self._put_later, self._drop, self.metrics)
        self._actions = Actions(api, self._put, self._writer.warn, self._may_start, self._drop, git_image, self.metrics)
        self._verifier = Verifier(api, self._take)
        self._newest = 0  # revision of the newest project event
        self._leader = leader
        self.reflectors = [
            Reflector(api, path, SELECTOR, sink, leader)
            for namespace in self._namespaces
            for path, sink in (
                (_collection("/apis/batch/v1", namespace, "jobs"), _Jobs(self)),
                (_collection("/api/v1", namespace, "pods"), _Pods(self)),
            )
        ]
        if not namespaces:  # else there may be no right to see them: they are no part of any namespace
            self.reflectors.append(Reflector(api, "/api/v1/namespaces", "", self.capacity, leader))

    async def run(self) -> None:
        """Works until cancelled, once this operator leads."""
        await self._leader.elected.wait()
        async with asyncio.TaskGroup() as group:
            for reflector in self.reflectors:
                group.create_task(reflector.run())
            try:
                for reflector in self.reflectors:
                    await reflector.synced.wait()
                await self._wait_for_projects()
                log.info("all projects, Jobs and pods are known; planning starts")
                while True:
                    key, since = await self.queue.take()
                    with self.metrics.reconciling(since):
                        self._reconcile_safely(key)
                    self._distribute_soon()
                    await asyncio.sleep(0)  # others may run between two projects
            finally:
                self.left_nothing = await self._actions.close()
                await self._writer.close()
                await self._verifier.close()
                self._traces.close()

    async def _wait_for_projects(self) -> None:
        """Waits until every project is known that there is: what is at work of one counts for the limits of others, and
        one of them may go first."""
        deadline = time.monotonic() + _KNOWN_SECONDS
        while True:
            try:
                unknown = await self._unknown()
            except ApiError as error:
                log.warning("listing the names of projects: %s", error)
                await asyncio.sleep(_KNOWN_ERROR_SECONDS)
                deadline = time.monotonic() + _KNOWN_SECONDS
            else:
                if not unknown:
                    break
                if time.monotonic() > deadline:
                    told = sorted(unknown)[:10]
                    log.error("not known after %d s, and not counted for limits: %s", _KNOWN_SECONDS, told)
                    break
            await asyncio.sleep(_KNOWN_POLL_SECONDS)

    async def _unknown(self) -> set[str]:
        """Projects that there are, and that are not known; ApiError where that cannot be said."""
        found: set[str] = set()
        for namespace in self._namespaces:
            path, params = _collection(f"/apis/{names.API_VERSION}", namespace, names.PLURAL), {"limit": "500"}
            while True:
                page = await self._api.request("GET", path, params=params, accept=METADATA_ONLY)
                for metadata in (item["metadata"] for item in page.get("items") or ()):
                    known = self._projects.get((metadata["namespace"], metadata["name"]))
                    if known is None or known.owner.uid != metadata["uid"]:
                        found.add(f"{metadata['namespace']}/{metadata['name']}")
                if not page["metadata"].get("continue"):
                    break
                params = {"limit": "500", "continue": page["metadata"]["continue"]}
        return found

    @property
    def projects(self) -> Collection[Project]:
        """All that are known."""
        return self._projects.values()

    # What is seen.

    def project_event(self, kind: str | None, body: Mapping[str, Any]) -> None:
        """An event of the watch of ParallelProjects; ``kind`` as the server gives it, None for the first list."""
        metadata = body["metadata"]
        revision, uid = int(metadata["resourceVersion"]), metadata["uid"]
        project = self._projects.get((metadata["namespace"], metadata["name"]))
        is_known = project is not None and project.owner.uid == uid
        is_news = kind is not None and revision > max(self._newest, int(self._leader.revision or 0))
        self._newest = max(self._newest, revision)
        if kind == "DELETED":
            self._verifier.drop(uid)
            if project is not None and is_known:
                self._drop(project)
        elif project is not None and not is_known and revision < int(project.resource_version):
            pass  # late news of one that had the name before
        elif is_known or (is_news and not self._verifier.is_checking(uid)):
            self._take(body)
        else:
            self._verifier.check(body)

    def _take(self, body: Mapping[str, Any]) -> None:
        """A state of a project that is known, or known not to be old."""
        metadata = body["metadata"]
        key = (metadata["namespace"], metadata["name"])
        project = self._projects.get(key)
        if project is not None and project.owner.uid != metadata["uid"]:
            if int(metadata["resourceVersion"]) < int(project.resource_version):
                return
            self._drop(project)
            project = None
        if project is None:
            sightings = self.sightings(metadata["namespace"], metadata["uid"])
            project = self._projects[key] = Project(body, sightings)
            log.info("project seen", extra=_about(project))
            self._put(project)
        elif project.update(body):
            self._put(project)

    def sightings(self, namespace: str, uid: str) -> Sightings:
        """What is seen of a project's attempts, whether or not the project itself is known yet."""
        found = self._sightings.get((namespace, uid))
        if found is None:
            found = self._sightings[namespace, uid] = Sightings()
        return found

    def known(self, namespace: str, uid: str) -> Sightings | None:
        """The same; None where nothing was seen."""
        return self._sightings.get((namespace, uid))

    def forget(self, namespace: str, uid: str, key: Key) -> None:
        """Drops what was seen of an attempt whose project is gone as well."""
        sightings = self.sightings(namespace, uid)
        sightings.forget(key)
        self.capacity.remains(namespace, uid, sightings.attempts)
        if sightings.is_empty:
            del self._sightings[namespace, uid]

    def touch(self, namespace: str, name: str, uid: str) -> bool:
        """Something was seen of a project's attempts; says whether the project is known."""
        project = self._projects.get((namespace, name))
        if project is None or project.owner.uid != uid:
            self.capacity.remains(namespace, uid, self.sightings(namespace, uid).attempts)
            return False
        if project.sightings.changed:
            self._put(project)
        return True

    def asks_after(self, namespace: str, name: str, uid: str, key: Key) -> bool:
        """Whether an attempt that nobody knows to have ended is looked up, now that its Job is said to be gone."""
        project = self._projects.get((namespace, name))
        if project is None or project.owner.uid != uid or not project.sightings.is_active(key) or project.deleting:
            return False
        self._actions.look_up(project, key)
        return True

    # What is done about it.

    def _reconcile_safely(self, key: tuple[str, str]) -> None:
        """One odd object must not stop the others."""
        project = self._projects.get(key)
        if project is None:
            return
        try:
            self._reconcile(project)
            project.failures = 0
        except Exception:
            project.failures += 1
            delay = min(_BACKOFF_MAX, 2.0**project.failures)
            self.capacity.not_planned(project)  # what it was given is not kept from others
            log.exception("reconcile failed; again in %d s", delay, extra=_about(project))
            self._put_later(project, delay)

    def _reconcile(self, project: Project) -> None:
        """Sees, plans, acts, writes."""
        now = time.time()
        sightings, spec, graph = project.sightings, project.spec, project.graph
        sightings.changed = False
        if project.deleting:
            self.capacity.not_planned(project)
            return  # owner references take the Jobs along
        for attempt in sightings.unconfirmed:
            self._actions.look_up(project, attempt)
        if spec is None or graph is None:
            self.capacity.not_planned(project)
            status = rejected_status(project.problems, project.status, sightings.attempts, project.generation, now)
            self._writer.offer(project, (project.generation, "rejected"), lambda: status)
            return
        with self.metrics.planning():
            decided = plan(graph, spec, project.ledger, sightings.unsettled, now, self.capacity.share(project))
        self.capacity.planned(project, spec, decided)
        before, project.ledger = project.ledger, decided.ledger
        self._actions.launch(project, decided.launches)
        for stop in decided.stops:
            self._actions.stop(project, stop)
        for unseen in decided.unseen:
            self._actions.look_up(project, Key(unseen.id, unseen.number))
        self.metrics.planned(project.owner.namespace, before, decided.ledger, lands=spec.git is not None)
        published = self._publish(project, spec, graph, decided, now)
        headline = (project.generation, decided.completed, decided.stopped, published and published.condition)

        def render() -> Json:
            sightings.settle(decided.settled)  # now and then is enough
            last, troubles = project.status, sightings.troubles(now)
            refusals = {key.task: refusal.message for key, refusal in sightings.refusals.items()}
            return render_status(graph, spec, decided, last, project.generation, now, published, troubles, refusals)

        self._writer.offer(project, headline, render)
        if decided.completed and self._writer.is_written(project):
            self._traces.ended(project)
        wakes = (decided.wake_at, published and published.wake_at, sightings.next_trouble(now))
        wake = min((at for at in wakes if at is not None), default=None)
        is_done = decided.completed and (published is None or published.is_settled)
        if is_done and spec.ttl_seconds_after_finished is not None:
            expires = (decided.ledger.completion_time or now) + spec.ttl_seconds_after_finished
            if project.is_kept:
                if expires <= now and project.reports.is_due("ttl", time.monotonic()):
                    self._writer.warn(project, "NotDeleted", _KEPT)
            elif expires <= now and self._writer.is_written(project):
                self._actions.delete(project)
            wake = max(expires, now + 1) if expires > now or not project.is_kept else wake
        if wake is not None:
            self._put_later(project, max(0.0, wake - now))

    def _publish(
        self, project: Project, spec: Spec, graph: CompiledGraph, decided: Plan, now: float
    ) -> Publishing | None:
        """Has the work of the levels that are done published; None where there is no forge to publish it at."""
        if spec.git is None or spec.git.forge is None:
            return None
        state = (project.generation, stage(decided))
        if project.publication[0] != state:
            project.publication = (state, revision_of(graph, spec, decided))
        revision = project.publication[1]
        awaited = decided.level if waits_for_merge(spec) and not decided.completed else 0
        published = publishing(revision, project.status, project.sightings.publishings(), now, awaited)
        refused = next((found for key, found in project.sightings.refusals.items() if key.task == PUBLISHING), None)
        if refused is not None and not published.is_settled:
            published = published._replace(condition=("Unknown", str(refused.reason), refused.message))
        if published.launch is not None:
            self._actions.publish(project, decided, revision, published.launch)
        merged = merged_now(revision, published.record, decided)
        if merged != project.ledger.merged:
            project.ledger = replace(project.ledger, merged=merged)
            self._put(project)  # tasks may have waited for it
        return published

    # The queue.

    def _distribute_soon(self) -> None:
        """What projects share is divided anew, when nothing waits to be planned: then all is known that is wanted."""
        if self._distributing is None:
            self._distributing = asyncio.get_running_loop().call_soon(self._distribute)

    def _distribute(self) -> None:
        self._distributing = None
        if not self.queue:
            self.capacity.distribute()

    def _put(self, project: Project) -> None:
        if not self._is_current(project):
            self.capacity.remains(project.owner.namespace, project.owner.uid, project.sightings.attempts)
            return
        self.queue.put((project.owner.namespace, project.owner.name))

    def _put_later(self, project: Project, seconds: float) -> None:
        key = (project.owner.namespace, project.owner.name)
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds + 0.001  # the clocks differ a little; one planning too many is no harm
        timer = self._timers.get(key)
        if timer is not None:
            if loop.time() < timer.when() <= when and not timer.cancelled():
                return  # sooner: that planning will ask for the next
            timer.cancel()
        self._timers[key] = loop.call_at(when, self._put, project)

    def _is_current(self, project: Project) -> bool:
        return self._projects.get((project.owner.namespace, project.owner.name)) is project

    def _may_start(self, project: Project) -> bool:
        return self._is_current(project) and not project.deleting

    def _drop(self, project: Project) -> None:
        if self._is_current(project):
            key = (project.owner.namespace, project.owner.name)
            del self._projects[key]
            if not self.capacity.dropped(project):
                self._sightings.pop((project.owner.namespace, project.owner.uid), None)
            timer = self._timers.pop(key, None)
            if timer is not None:
                timer.cancel()
            log.info("project gone", extra=_about(project))


class _Sink:
    """Finds the attempt that an object belongs to."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def _find(self, obj: Mapping[str, Any]) -> tuple[Key, tuple[str, str, str]] | None:
        metadata = obj["metadata"]
        marks = metadata.get("labels") or {}
        try:
            key = Key(marks[names.LABEL_TASK], int(marks[names.LABEL_ATTEMPT]))
            if not 0 < key.number <= ATTEMPT_MAX:
                return None
            return key, (metadata["namespace"], marks[names.LABEL_PROJECT], marks[names.LABEL_PROJECT_UID])
        except (KeyError, ValueError):
            return None  # not made by us, whatever its labels say

    @staticmethod
    def _is_made_by_us(name: str | None, key: Key, at: tuple[str, str, str]) -> bool:
        """Whether a Job has the name that we give: labels alone prove nothing."""
        return name == _job_name(at[1], at[2], key.task, key.number)


class _Jobs(_Sink):
    def seen(self, job: Mapping[str, Any]) -> None:
        """A Job; counts only where the project's uid controls it."""
        found = self._find(job)
        if found is None or not self._is_made_by_us(job["metadata"]["name"], *found):
            return
        key, at = found
        owners = job["metadata"].get("ownerReferences") or ()
        if any(ref.get("controller") and ref.get("uid") == at[2] for ref in owners):
            self._controller.sightings(at[0], at[2]).job_seen(key, view_job(job))
            self._controller.touch(*at)

    def gone(self, job: Mapping[str, Any]) -> None:
        """A Job was deleted."""
        if "status" in job:
            self.seen(job)
        found = self._find(job)
        if found is None or self._controller.asks_after(*found[1], found[0]):
            return
        key, at = found
        known = self._controller.known(at[0], at[2])
        if known is not None:
            known.job_gone(key, job["metadata"]["uid"])
            if not self._controller.touch(*at):
                self._controller.forget(at[0], at[2], key)


class _Pods(_Sink):
    def seen(self, pod: Mapping[str, Any]) -> None:
        """A pod; whether it counts depends on the Job that controls it."""
        found = self._find(pod)
        if found is None:
            return
        key, at = found
        owners = pod["metadata"].get("ownerReferences") or ()
        name = next((ref.get("name") for ref in owners if ref.get("controller")), None)
        if self._is_made_by_us(name, key, at):
            self._controller.sightings(at[0], at[2])
        elif name is not None:
            return
        known = self._controller.known(at[0], at[2])
        if known is not None:
            known.pod_seen(key, pod["metadata"]["uid"], view_pod(pod))
            self._controller.touch(*at)

    def gone(self, pod: Mapping[str, Any]) -> None:
        """A pod was deleted."""
        if "status" in pod:
            self.seen(pod)
        found = self._find(pod)
        known = found and self._controller.known(found[1][0], found[1][2])
        if found and known is not None:
            key, at = found
            known.pod_gone(key, pod["metadata"]["uid"])
            if not self._controller.touch(*at):
                self._controller.forget(at[0], at[2], key)


def _collection(group: str, namespace: str, plural: str) -> str:
    return f"{group}/namespaces/{namespace}/{plural}" if namespace else f"{group}/{plural}"


def _about(project: Project) -> dict[str, Any]:
    """Fields of a structured log line."""
    return {"namespace": project.owner.namespace, "project": project.owner.name, "uid": project.owner.uid}
