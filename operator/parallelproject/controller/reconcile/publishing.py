"""Publishes the work of the levels that are done, if the project has a forge."""

from dataclasses import replace
from weakref import WeakKeyDictionary

from parallelproject.controller.actions.actions import Actions
from parallelproject.controller.projects.keeper import Keeper
from parallelproject.controller.projects.project import Project
from parallelproject.controller.projects.project_source import ProjectSource
from parallelproject.core.followups.publishing import Publishing, merged_now, publishing
from parallelproject.core.followups.revision import revision_of, stage
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.merge_gate import waits_for_merge
from parallelproject.core.planner.constraints.verified_work import verified_levels
from parallelproject.core.planner.plan import Plan
from parallelproject.model.spec import Spec
from parallelproject.model.work import PUBLISHING


class PublishingRound:
    """The part of publishing in one round of a project."""

    def __init__(self, keeper: Keeper, actions: Actions, source: ProjectSource) -> None:
        """Prepares it.

        Args:
            keeper: Schedules plans of projects whose tasks may have waited for a merge.
            actions: Starts attempts.
            source: Knows which projects exist.
        """
        self._keeper = keeper
        self._source = source
        self._actions = actions
        self._revisions: WeakKeyDictionary[Project, tuple[object, str]] = WeakKeyDictionary()
        """The revision to publish, by the facts that it was computed from."""

    def publish(
        self, project: Project, spec: Spec, graph: CompiledGraph, decided: Plan, now: float
    ) -> Publishing | None:
        """Starts an attempt if it is time, and returns the state of publishing; None without a forge.

        What is still verified, or repaired, is not published.
        """
        if spec.git is None or spec.git.forge is None:
            return None
        revision = self._revision(project, spec, graph, decided)
        awaited = decided.level if waits_for_merge(spec) and not decided.completed else 0
        published = publishing(revision, project.status, project.observed.publishings(), now, awaited)
        refusals = project.observed.refusals
        refused = next((found for key, found in refusals.items() if key.work == PUBLISHING), None)
        if refused is not None and not published.is_settled:
            published = published._replace(condition=("Unknown", str(refused.reason), refused.message))
        is_due = published.launch is not None and not project.deleting and _is_verified(project, decided)
        if published.launch is not None and is_due and self._source.is_surely_there(project):
            self._actions.publish(project, decided, revision, published.launch)
        merged = merged_now(revision, published.record, decided)
        if merged != project.ledger.merged:
            project.ledger = replace(project.ledger, merged=merged)
            self._keeper.again(project)  # tasks may have waited for it
        return published

    def _revision(self, project: Project, spec: Spec, graph: CompiledGraph, decided: Plan) -> str:
        state = (project.generation, stage(decided))
        before, revision = self._revisions.get(project, (None, ""))
        if before != state:
            revision = revision_of(graph, spec, decided)
            self._revisions[project] = (state, revision)
        return revision


def _is_verified(project: Project, decided: Plan) -> bool:
    """Whether all that has landed is verified, or nothing more of it will be."""
    verified, snapshot = project.ledger.verified, decided.ledger.snapshot
    if verified is None or snapshot is None or decided.completed:
        return True
    return verified_levels(verified, snapshot) >= decided.level
