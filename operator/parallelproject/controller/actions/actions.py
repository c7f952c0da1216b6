"""Carries out a plan: launches and stops attempts. Each request ends only when its outcome is known."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from parallelproject.controller.actions.creation import Creation
from parallelproject.controller.actions.lookup import Lookup
from parallelproject.controller.actions.removal import Removal
from parallelproject.controller.actions.requests import Requests, pause
from parallelproject.controller.actions.templates import Templates
from parallelproject.controller.projects.feed import Feed
from parallelproject.controller.projects.keeper import Keeper
from parallelproject.controller.projects.meter import Meter
from parallelproject.controller.projects.project import Json, Project
from parallelproject.core.hooks.hook_runs import HookLaunch
from parallelproject.core.planner.attempt import NEW
from parallelproject.core.planner.claim import claim_of
from parallelproject.core.planner.plan import Launch, Plan
from parallelproject.core.planner.step_at import step_at
from parallelproject.core.verification.check_run import CheckLaunch
from parallelproject.executors.base.executor import CheckStart, HookStart, PublishStart, RepairStart, TaskStart
from parallelproject.executors.base.optional import Publishes, RunsHooks, Verifies
from parallelproject.kube.client import Api, ApiError
from parallelproject.model.status import Reason
from parallelproject.model.work import WorkKey

log = logging.getLogger(__name__)


class Actions:
    """Carries out launches and stops."""

    def __init__(self, api: Api, keeper: Keeper, feed: Feed, removal: Removal, meter: Meter) -> None:
        """Prepares them.

        Args:
            api: An open connection.
            keeper: Keeps the projects.
            feed: Reports what no status shows.
            removal: Removes finished objects if a quota counts them.
            meter: Measures when a task was released.
        """
        self._api = api
        self._keeper = keeper
        self._meter = meter
        self._requests = Requests(keeper)
        self.lookup = Lookup(api, keeper, self._requests, feed)
        """Looks up what is not observed, and restores removed labels and owners."""
        self.templates = Templates(api, keeper, self._requests)
        """Reads the templates that specs name."""
        self._creation = Creation(api, keeper, self.lookup, removal, feed, meter)

    def launch(
        self,
        project: Project,
        launches: Sequence[Launch],
        acting: Mapping[str | None, str],
        repair_of: Callable[[str], RepairStart | None],
    ) -> None:
        """Starts attempts; each counts as launching at once.

        Args:
            project: The project.
            launches: The attempts.
            acting: By role, the fallback that runs its tasks for now.
            repair_of: The repair that a task, by its id, makes of what it has landed, if it does.
        """
        spec, graph, observed = project.spec, project.graph, project.observed
        if graph is None or spec is None:
            return
        for launch in launches:
            task, records = graph.ids[launch.task], project.ledger.records
            record = records.get(task, NEW)
            at = step_at(graph, spec, launch.task, record)
            key = WorkKey.of_task(task, launch.number, at.name)
            before = WorkKey.of_task(task, launch.number - 1, record.step)
            earlier, previous = observed.parts(before), observed.view(before)
            fallback = at.fallback(graph.role_at(launch.task, at.name), acting)
            claim = claim_of(graph, launch.task, fallback, at.name).to_json()
            judged = at.reported(record)
            start = TaskStart(
                key, project.owner, project.metadata, spec, graph, launch.task, claim, records, earlier,
                previous, project.templates, fallback, repair_of(key.task), at,
                observed.parts_of(task, judged) if judged else (),
            )  # fmt: skip
            try:
                manifest = project.executor.task(start)
            except Exception:  # one malformed template must not stop the other tasks
                log.exception("building the object of %s of %s failed", key, project.path)
                observed.refused(key, Reason.INVALID_POD_TEMPLATE, self._api.clock.now())
                self._keeper.again(project)
                continue
            self._create(project, key, manifest, claim, self._meter.woken)

    def publish(self, project: Project, plan: Plan, revision: str, number: int, follow: Json | None = None) -> None:
        """Starts an attempt at publishing; it counts as launching at once.

        Args:
            project: The project.
            plan: The states of its tasks.
            revision: What is published.
            number: Of the attempt.
            follow: The fields of ``FollowRequest``: a process that follows the pull request starts in its place.
        """
        spec, graph = project.spec, project.graph
        key = WorkKey.of_following(number) if follow else WorkKey.of_publishing(number)
        publishes = project.executor if isinstance(project.executor, Publishes) else None
        if graph is None or spec is None or publishes is None:
            return
        start = PublishStart(
            key, project.owner, project.metadata, spec, graph, plan, revision, project.templates, follow
        )
        self._create(project, key, publishes.publishing(start), revision)

    def hook(self, project: Project, launch: HookLaunch, claim: str) -> None:
        """Starts a run of a hook; it counts as launching at once."""
        runs = project.executor if isinstance(project.executor, RunsHooks) else None
        if project.spec is None or runs is None:
            return
        start = HookStart(project.owner, project.metadata, project.spec, launch, claim)
        self._start(project, WorkKey.of_hook(launch.occasion.step, launch.number), partial(runs.hook, start), claim)

    def check(self, project: Project, launch: CheckLaunch) -> None:
        """Starts a run of a check; it counts as launching at once."""
        spec, key = project.spec, WorkKey.of_check(launch.check.name, launch.number)
        verifies = project.executor if isinstance(project.executor, Verifies) else None
        if spec is None or verifies is None:
            return
        start = CheckStart(key, project.owner, project.metadata, spec, launch)
        self._start(project, key, partial(verifies.check, start), start.claim)

    def _start(self, project: Project, key: WorkKey, build: Callable[[], Json], claim: str) -> None:
        """Creates the object of a run that is no attempt at a task."""
        try:
            manifest = build()
        except Exception:  # one malformed template must not stop the project
            log.exception("building the object of %s of %s failed", key, project.path)
            project.observed.refused(key, Reason.INVALID_POD_TEMPLATE, self._api.clock.now())
            self._keeper.again(project)
            return
        self._create(project, key, manifest, claim)

    def stop(self, project: Project, key: WorkKey, why: str) -> None:
        """Stops an attempt; no effect if that is in progress."""
        self._requests.start(project, "stop", key, self._stop(project, key, why))

    def delete(self, project: Project) -> None:
        """Deletes a project after its TTL, with all objects that it owns."""
        self._requests.start(project, "delete", None, self._delete(project))

    async def close(self) -> bool:
        """Waits a short time for requests in progress; returns whether none is left."""
        return await self._requests.close()

    def _create(self, project: Project, key: WorkKey, manifest: Json, claim: str, woken: float | None = None) -> None:
        def failed() -> None:
            project.observed.refused(key, None, self._api.clock.now())

        project.observed.launching(key, claim, self._api.clock.now())
        work = self._creation.create(project, key, manifest, project.generation, woken)
        self._requests.start(project, "create", key, work, failed, can_wait=key.is_task)

    async def _stop(self, project: Project, key: WorkKey, why: str) -> None:
        path, observed = self.lookup.path(project, key), project.observed
        generation, failures = project.generation, 0
        # Meanwhile it may have ended, or be needed again: the next plan decides.
        while self._keeper.is_current(project) and project.generation == generation and observed.is_running(key):
            try:
                change = project.executor.stop(observed.view(key), why)
                found = await self._api.request(change.method, path, change.body, content_type=change.content_type)
                if found["kind"] == "Status":  # gone at once
                    observed.gone(key)
                    return
                observed.found(key, project.executor.view(found))
                return
            except ApiError as error:
                if error.status == 404:
                    observed.gone(key)
                    return
                failures += 1
                log.warning("stopping %s: %s", path, error)
                await pause(failures, error)

    async def _delete(self, project: Project) -> None:
        preconditions = {"uid": project.owner.uid, "resourceVersion": project.resource_version}
        body: Json = {"propagationPolicy": "Background", "preconditions": preconditions}
        try:
            await self._api.request("DELETE", project.path, body)
            project.deleting = True  # the watch will report it; until then there is nothing to do
        except ApiError as error:
            log.warning("deleting %s after its TTL: %s", project.path, error)
            await pause(5, error)
