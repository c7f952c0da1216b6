"""One round for a project: observe, plan, act, write the status. It never waits.

Slow work (``actions``, the writer) runs concurrently and schedules another plan of the project when it is done.
"""

import logging
from collections.abc import Iterable
from functools import partial
from weakref import WeakKeyDictionary

from parallelproject.controller.actions.actions import Actions
from parallelproject.controller.actions.evidence import Evidence
from parallelproject.controller.actions.removal import Removal
from parallelproject.controller.projects.capacity import NOTHING_YET
from parallelproject.controller.projects.feed import Feed
from parallelproject.controller.projects.meter import Meter
from parallelproject.controller.projects.project import Json, Project
from parallelproject.controller.projects.project_source import ProjectSource
from parallelproject.controller.projects.status_writer import Writer
from parallelproject.controller.reconcile.following import Followed, FollowRound
from parallelproject.controller.reconcile.hooks import HookRound
from parallelproject.controller.reconcile.publishing import PublishingRound
from parallelproject.controller.reconcile.readiness import Readiness
from parallelproject.controller.reconcile.registry import Registry, about
from parallelproject.controller.reconcile.repairs import repair_of
from parallelproject.controller.reconcile.verification import ClusterVerification
from parallelproject.core.followups.publishing import Publishing
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.hooks.hook_runs import HookReport
from parallelproject.core.planner.plan import Plan, plan
from parallelproject.core.planner.stops import Stop, stops_of_all
from parallelproject.core.report.status import rejected_status, render_status
from parallelproject.executors.base.observed import key_of_attempt
from parallelproject.kube.clock import ServerClock
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Spec
from parallelproject.model.work import WorkKey

log = logging.getLogger(__name__)

_BACKOFF_MAX = 60.0
_KEPT = (
    "ttlSecondsAfterFinished has passed, but a GitOps tool manages this project: it would create it again, and run it "
    "from the start. Remove the project from its repository, or remove the field"
)


class Reconciler:
    """Runs the rounds of projects."""

    def __init__(
        self,
        clock: ServerClock,
        registry: Registry,
        source: ProjectSource,
        actions: Actions,
        evidence: Evidence,
        removal: Removal,
        writer: Writer,
        feed: Feed,
        meter: Meter,
        readiness: Readiness,
    ) -> None:
        self._clock = clock
        self._registry = registry
        self._capacity = registry.capacity
        self._source = source
        self._actions = actions
        self._evidence = evidence
        self._removal = removal
        self._writer = writer
        self._feed = feed
        self._meter = meter
        self._readiness = readiness
        self._publishing = PublishingRound(registry, actions, source)
        self._following = FollowRound(source, actions, removal, feed)
        self._hooks = HookRound(actions)
        self._verification = ClusterVerification(registry.capacity, source, actions, removal, feed)
        self._failures: WeakKeyDictionary[Project, int] = WeakKeyDictionary()  # in a row

    def reconcile(self, project: Project) -> None:
        """One round. One malformed object must not stop the others."""
        try:
            self._reconcile(project)
            self._failures.pop(project, None)
        except Exception:
            failures = self._failures[project] = self._failures.get(project, 0) + 1
            delay = min(_BACKOFF_MAX, 2.0**failures)
            self._capacity.not_planned(project)  # others can use its share
            log.exception("reconcile failed; retry in %d s", delay, extra=about(project))
            self._registry.again(project, delay)

    def is_failing(self, project: Project) -> bool:
        """Whether the last round of a project failed."""
        return project in self._failures

    def _reconcile(self, project: Project) -> None:
        """Observes, plans, acts, writes."""
        now = self._clock.now()
        observed, spec, graph = project.observed, project.spec, project.graph
        observed.changed = observed.has_start = False
        self._evidence.release_recorded(project)
        if project.is_going:
            self._capacity.not_planned(project)
            return  # owner references delete the objects of its attempts with it
        for attempt in observed.unconfirmed:
            self._actions.lookup.look_up(project, attempt)
        if spec is None or graph is None:
            self._reject(project, project.problems, now)
            return
        unready = self._readiness.problems(project)
        if unready is None:
            self._capacity.not_planned(project)
            return
        if unready:
            self._reject(project, unready, now)
            return
        if project.deletion is not None:
            spec = spec.model_copy(update={"stop": True})
            for work, attempts in observed.others.items():
                for stop in stops_of_all({work.task: attempts}):
                    self._actions.stop(project, WorkKey(*work, stop.attempt.number), stop.why)
        planned = self._verification.planned(project, spec)
        project.take_review()
        graph = project.graph or graph  # with the repairs that are recorded
        hooks = self._hooks.observe(project, spec, graph)
        decided = self._plan(project, planned, graph, now)
        self._actions.launch(project, decided.launches, decided.acting, partial(repair_of, project))
        self._stop(project, decided.stops)
        for unseen in decided.unseen:
            self._actions.lookup.look_up(project, WorkKey.of_task(unseen.id, unseen.number, unseen.step))
        self._hooks.act(project, hooks, decided)
        verified = self._verification.verify(project, spec, graph, decided)
        published = self._publishing.publish(project, spec, graph, decided, now)
        followed = self._following.follow(project, spec, graph, decided, published, now)
        published = followed.publishing if followed else published
        self._write(project, planned, graph, decided, published, verified, hooks and hooks.report, followed, now)
        self._removal.enforce(project, decided)
        later = (published and published.wake_at, followed and followed.wake_at)
        wakes = (decided.wake_at, *later, observed.next_trouble(now))
        wake = min((at for at in wakes if at is not None), default=None)
        is_settled = (published is None or published.is_settled) and (followed is None or followed.is_settled)
        if decided.completed and is_settled:
            wake = self._expire(project, spec, decided, now, wake)
        if wake is not None:
            self._registry.again(project, max(0.001, wake - now))

    def _reject(self, project: Project, problems: list[Problem], now: float) -> None:
        """The spec was not accepted: nothing starts, and running tasks continue, unless the project was deleted."""
        self._capacity.not_planned(project)
        attempts = project.observed.attempts
        if project.deletion is not None:
            self._stop(project, stops_of_all(attempts))
        status = rejected_status(problems, project.status, attempts, project.generation, now, project.deletion)
        self._writer.offer(project, (project.generation, "rejected"), lambda: status)

    def _plan(self, project: Project, spec: Spec, graph: CompiledGraph, now: float) -> Plan:
        """Plans, and keeps the plan."""
        unsettled = project.observed.unsettled
        with self._meter.planning():
            decided = plan(graph, spec, project.ledger, unsettled, now, self._capacity.share(project))
            if (decided.launches or decided.hooks) and not self._source.is_surely_there(project):
                decided = plan(graph, spec, project.ledger, unsettled, now, NOTHING_YET)
        self._capacity.planned(project, spec, decided)
        before, project.decided, project.ledger = project.ledger, decided, decided.ledger
        self._feed.planned(project, before, decided.ledger)
        return decided

    def _stop(self, project: Project, stops: Iterable[Stop]) -> None:
        for stop in stops:
            self._actions.stop(project, key_of_attempt(stop.id, stop.attempt), stop.why)

    def _write(
        self,
        project: Project,
        spec: Spec,
        graph: CompiledGraph,
        decided: Plan,
        published: Publishing | None,
        verified: tuple[str, str, str] | None,
        hooks: HookReport | None,
        followed: Followed | None,
        now: float,
    ) -> None:
        """Passes the status to the writer, unless the project is planned again at once with its share."""
        observed, last = project.observed, project.status

        def render() -> Json:
            observed.settle(decided.settled)  # now and then is enough
            refusals = {key.task: refusal.message for key, refusal in observed.refusals.items() if key.is_task}
            return render_status(
                graph, spec, decided, last, project.generation, now, published, observed.troubles(now), refusals,
                project.deletion, verified, hooks, record, followed and followed.condition, review,
                name=project.owner.name,
            )  # fmt: skip

        record = project.rendered_record if project.has_record else None
        review = project.rendered_review if followed else None
        conditions = (published and published.condition, verified and verified[:2], hooks and hooks.condition)
        reviewed = followed and followed.condition
        headline = (project.generation, decided.completed, decided.stopped, *conditions, record, reviewed, review)
        if decided.share is not NOTHING_YET or not self._capacity.is_awaited(project):
            self._writer.offer(project, headline, render)

    def _expire(self, project: Project, spec: Spec, decided: Plan, now: float, wake: float | None) -> float | None:
        """Deletes a project that has ended and whose TTL has passed; returns when to check again."""
        if project.deleting or spec.ttl_seconds_after_finished is None:
            return wake
        expires = (decided.ledger.completion_time or now) + spec.ttl_seconds_after_finished
        if project.is_kept:
            if expires <= now:
                self._feed.remind(project, "ttl", "NotDeleted", _KEPT)
                return wake
        elif expires <= now and self._writer.is_written(project):
            self._actions.delete(project)
        return max(expires, now + 1)
