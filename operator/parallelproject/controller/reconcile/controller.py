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

from parallelproject.controller.jobs.actions import Actions
from parallelproject.controller.jobs.evidence import Evidence, HeldJob
from parallelproject.controller.jobs.removal import Removal
from parallelproject.controller.projects.capacity import NOTHING_YET, Capacity
from parallelproject.controller.projects.project import Json, Project
from parallelproject.controller.projects.project_source import FRESH_SECONDS, ProjectSource
from parallelproject.controller.projects.queue import Queue
from parallelproject.controller.projects.status_writer import Writer
from parallelproject.controller.telemetry.metrics import Metrics
from parallelproject.controller.telemetry.traces import Traces, exporter_from_environment
from parallelproject.core.followups.publishing import Publishing, merged_now, publishing
from parallelproject.core.followups.revision import revision_of, stage
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.admission.shared_limits import NO_LIMITS, Limits
from parallelproject.core.planner.plan import Plan, plan, stops_of_all, waits_for_merge
from parallelproject.core.report.status import ATTEMPT_MAX, rejected_status, render_status
from parallelproject.executors.job.delivery_pod import IMAGE as GIT_IMAGE
from parallelproject.executors.job.observation import JobView, view_job, view_pod
from parallelproject.executors.job.sightings import PUBLISHING, Key, Sightings
from parallelproject.executors.job.single_run import controller_of
from parallelproject.kube.client import Api, collection
from parallelproject.kube.lease import Leader
from parallelproject.kube.reflector import Reflector
from parallelproject.model import names
from parallelproject.model.spec import Spec

log = logging.getLogger(__name__)

SELECTOR = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY},{names.LABEL_PROJECT_UID}"
_BACKOFF_MAX = 60.0
_REFUSED_POLL_SECONDS = 1.0
_REMOVE_AGAIN_SECONDS = 30.0
_KEPT = (
    "ttlSecondsAfterFinished is over, but a GitOps tool keeps this project: deleted, it would be created again and run "
    "from the start. Remove it from the repository, or the field"
)
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
        self.clock = api.clock
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
        self._removal = Removal(
            api,
            self._projects.values,
            self._writer.say,
            lambda project: self._put_later(project, _REMOVE_AGAIN_SECONDS),
        )
        self._actions = Actions(
            api, self._put, self._writer.warn, self._is_current, self._drop, git_image, self.metrics, self._removal
        )
        self._evidence = Evidence(api)
        self._unowned: dict[HeldJob, tuple[str, str]] | None = {}
        """Jobs that we hold of unknown projects, with the name and uid of those. None once all projects are known."""
        self.source = ProjectSource(api, leader, namespaces, self, self.metrics.kopf_ended, self.metrics.project_missed)
        self._leader = leader
        self._reflectors = [
            Reflector(api, path, SELECTOR, sink, leader)
            for namespace in namespaces or ("",)
            for path, sink in (
                (collection("/apis/batch/v1", namespace, "jobs"), _Jobs(self)),
                (collection("/api/v1", namespace, "pods"), _Pods(self)),
            )
        ]
        if not namespaces:  # else there may be no right to see them: they are no part of any namespace
            self._reflectors.append(Reflector(api, "/api/v1/namespaces", "", self.capacity, leader))

    @property
    def reflectors(self) -> list[Reflector]:
        """The watches of projects, Jobs, pods and namespaces."""
        return [*self.source.reflectors, *self._reflectors]

    async def run(self) -> None:
        """Works until cancelled, once this operator leads."""
        await self._leader.elected.wait()
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors:
                group.create_task(reflector.run())
            group.create_task(self.source.run())
            try:
                for reflector in self._reflectors:
                    await reflector.synced.wait()
                await self._wait_for_projects()
                log.info("all projects, Jobs and pods are known; planning starts")
                self._release_unowned()
                while True:
                    key, since = await self.queue.take()
                    with self.metrics.reconciling(since):
                        self._reconcile_safely(key)
                    self._distribute_soon()
                    await asyncio.sleep(0)  # others may run between two projects
            finally:
                self.left_nothing = await self._actions.close()
                await self._evidence.close()
                await self._removal.close()
                await self._writer.close()
                self._traces.close()

    async def _wait_for_projects(self) -> None:
        """Waits until all projects are known. Where the server does not serve them, Jobs of them are let go by then."""
        known = asyncio.create_task(self.source.known())
        try:
            while not known.done():
                await asyncio.wait({known}, timeout=_REFUSED_POLL_SECONDS)
                if any(reflector.is_refused for reflector in self.source.reflectors):
                    self._release_unowned()
            await known
        finally:
            known.cancel()

    @property
    def projects(self) -> Collection[Project]:
        """All that are known."""
        return self._projects.values()

    # What is seen.

    def known(self, namespace: str, name: str) -> tuple[str, int] | None:
        """The uid and the resourceVersion of the project that has this name; None where none is known."""
        project = self._projects.get((namespace, name))
        return None if project is None else (project.owner.uid, int(project.resource_version))

    def take(self, body: Mapping[str, Any]) -> None:
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
            self.capacity.known(project)
            self._put(project)
        elif project.update(body):
            self._put(project)

    def read(self, body: Mapping[str, Any]) -> None:
        """The same, just read: what the project wants to start may start."""
        self.take(body)
        project = self._projects.get((body["metadata"]["namespace"], body["metadata"]["name"]))
        if project is not None and project.owner.uid == body["metadata"]["uid"]:
            project.confirmed = time.monotonic()
            self._put(project)

    def gone(self, namespace: str, name: str, uid: str) -> None:
        """A project is not there any more."""
        project = self._projects.get((namespace, name))
        if project is not None and project.owner.uid == uid:
            self._drop(project)

    def sightings(self, namespace: str, uid: str) -> Sightings:
        """What is seen of a project's attempts, whether or not the project itself is known yet."""
        found = self._sightings.get((namespace, uid))
        if found is None:
            found = self._sightings[namespace, uid] = Sightings()
        return found

    def known_sightings(self, namespace: str, uid: str) -> Sightings | None:
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

    def unowned(self, namespace: str, name: str, uid: str, job: JobView) -> None:
        """A Job that we hold was seen, and its project is not known: it is let go if there is none."""
        held = HeldJob(namespace, job.name, job.uid)
        if self._unowned is not None:
            self._unowned[held] = (name, uid)
        else:
            self._evidence.release_if_unowned(held, name, uid)

    def _release_unowned(self) -> None:
        waiting, self._unowned = self._unowned or {}, None
        for held, (name, uid) in waiting.items():
            project = self._projects.get((held.namespace, name))
            if project is None or project.owner.uid != uid:
                self._evidence.release_if_unowned(held, name, uid)

    def _let_go(self, project: Project) -> None:
        """Lets the Jobs go whose result is written down; all of them where the project is going."""
        sightings = project.sightings
        found = sightings.held() if project.deleting else map(sightings.job, sightings.releasable(project.is_recorded))
        for job in found:
            if job is not None:
                self._evidence.release(HeldJob(project.owner.namespace, job.name, job.uid))

    def restore(self, namespace: str, name: str, uid: str, key: Key, job_uid: str) -> None:
        """A Job of an attempt has lost its labels or its owner."""
        project = self._projects.get((namespace, name))
        if project is not None and project.owner.uid == uid and not project.is_going:
            self._actions.restore(project, key, job_uid)

    def asks_after(self, namespace: str, name: str, uid: str, key: Key) -> bool:
        """Whether an attempt is looked up, now that its Job is said to be gone: one that nobody knows to have ended, or
        that we hold. Its labels may be gone, and not the Job."""
        project = self._projects.get((namespace, name))
        if project is None or project.owner.uid != uid or project.deleting:
            return False
        job = project.sightings.job(key)
        if not project.sightings.is_active(key) and not (job is not None and job.held):
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
        now = self.clock.now()
        sightings, spec, graph = project.sightings, project.spec, project.graph
        sightings.changed = False
        self._let_go(project)
        deletion = project.deletion
        if project.is_going:
            self.capacity.not_planned(project)
            return  # owner references take the Jobs along
        for attempt in sightings.unconfirmed:
            self._actions.look_up(project, attempt)
        if spec is None or graph is None:
            self.capacity.not_planned(project)
            if deletion is not None:
                for stop in stops_of_all(sightings.attempts):
                    self._actions.stop(project, stop)
            status = rejected_status(
                project.problems, project.status, sightings.attempts, project.generation, now, deletion
            )
            self._writer.offer(project, (project.generation, "rejected"), lambda: status)
            return
        if deletion is not None:
            spec = spec.model_copy(update={"stop": True})
            for stop in stops_of_all({PUBLISHING: sightings.of_publishing}):
                self._actions.stop(project, stop)
        with self.metrics.planning():
            decided = plan(graph, spec, project.ledger, sightings.unsettled, now, self.capacity.share(project))
            if decided.launches and not self._is_surely_there(project):
                decided = plan(graph, spec, project.ledger, sightings.unsettled, now, NOTHING_YET)
        self.capacity.planned(project, spec, decided)
        project.decided = decided
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
            return render_status(
                graph, spec, decided, last, project.generation, now, published, troubles, refusals, deletion
            )

        if decided.share is not NOTHING_YET or not self.capacity.is_awaited(project):
            self._writer.offer(project, headline, render)
        self._removal.enforce(project, decided)
        if decided.completed and self._writer.is_written(project):
            self._traces.ended(project, now)
        wakes = (decided.wake_at, published and published.wake_at, sightings.next_trouble(now))
        wake = min((at for at in wakes if at is not None), default=None)
        is_done = decided.completed and (published is None or published.is_settled)
        if is_done and not project.deleting and spec.ttl_seconds_after_finished is not None:
            expires = (decided.ledger.completion_time or now) + spec.ttl_seconds_after_finished
            if project.is_kept:
                if expires <= now and project.reports.is_due("ttl", time.monotonic()):
                    self._writer.warn(project, "NotDeleted", _KEPT)
            elif expires <= now and self._writer.is_written(project):
                self._actions.delete(project)
            wake = max(expires, now + 1) if expires > now or not project.is_kept else wake
        if wake is not None:
            self._put_later(project, max(0.0, wake - now))

    def _is_surely_there(self, project: Project) -> bool:
        """Whether a project was not deleted, as far as can be known before something starts for it; else it is read.

        A process that was stopped wakes up with timers that are over, and hears of deletions only after that.
        """
        if self.source.is_current(project.owner.namespace):
            return True
        if time.monotonic() - project.confirmed < FRESH_SECONDS:
            return True
        self.source.confirm(project.owner.namespace, project.owner.name, project.owner.uid)
        return False

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
        if published.launch is not None and not project.deleting:
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

    def _remove_again(self, project: Project) -> None:
        self._put_later(project, _REMOVE_AGAIN_SECONDS)

    def _is_current(self, project: Project) -> bool:
        return self._projects.get((project.owner.namespace, project.owner.name)) is project

    def _drop(self, project: Project) -> None:
        if self._is_current(project):
            key = (project.owner.namespace, project.owner.name)
            del self._projects[key]
            for job in project.sightings.held():
                self._evidence.release(HeldJob(project.owner.namespace, job.name, job.uid))
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
        """A Job; counts only where the project's uid controls it, or nobody does, or it is known already."""
        found = self._find(job)
        controller = controller_of(job)
        if found is None or not self._is_made_by_us(job["metadata"]["name"], *found):
            self._seen_changed(job, controller)
            return
        key, at = found
        if controller in ("", at[2]) or self._is_known(at, key, job["metadata"]["uid"]):
            view = view_job(job)
            self._controller.sightings(at[0], at[2]).job_seen(key, view)
            if not self._controller.touch(*at):
                if view.held:
                    self._controller.unowned(*at, view)
            elif controller != at[2]:
                self._controller.restore(*at, key, view.uid)

    def _is_known(self, at: tuple[str, str, str], key: Key, uid: str) -> bool:
        known = self._controller.known_sightings(at[0], at[2])
        job = known.job(key) if known is not None else None
        return job is not None and job.uid == uid

    def _seen_changed(self, job: Mapping[str, Any], controller: str) -> None:
        """A Job whose labels are not those that we gave it: still that of its attempt, where it is known."""
        metadata = job["metadata"]
        known = self._controller.known_sightings(metadata["namespace"], controller)
        key = known.key_of(metadata["uid"]) if known is not None else None
        name = next((r.get("name") for r in metadata.get("ownerReferences") or () if r.get("uid") == controller), "")
        if known is not None and key is not None:
            known.job_seen(key, view_job(job))
            at = (metadata["namespace"], str(name), controller)
            if self._controller.touch(*at):
                self._controller.restore(*at, key, metadata["uid"])

    def gone(self, job: Mapping[str, Any]) -> None:
        """A Job was deleted."""
        if "status" in job:
            self.seen(job)
        found = self._find(job)
        if found is None or self._controller.asks_after(*found[1], found[0]):
            return
        key, at = found
        known = self._controller.known_sightings(at[0], at[2])
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
        known = self._controller.known_sightings(at[0], at[2])
        if known is not None:
            known.pod_seen(key, pod["metadata"]["uid"], view_pod(pod))
            self._controller.touch(*at)

    def gone(self, pod: Mapping[str, Any]) -> None:
        """A pod was deleted."""
        if "status" in pod:
            self.seen(pod)
        found = self._find(pod)
        known = found and self._controller.known_sightings(found[1][0], found[1][2])
        if found and known is not None:
            key, at = found
            known.pod_gone(key, pod["metadata"]["uid"])
            if not self._controller.touch(*at):
                self._controller.forget(at[0], at[2], key)


def _about(project: Project) -> dict[str, Any]:
    """Fields of a structured log line."""
    return {"namespace": project.owner.namespace, "project": project.owner.name, "uid": project.owner.uid}
