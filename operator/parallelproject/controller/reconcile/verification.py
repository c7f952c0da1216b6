"""Verifies what has landed, if the project asks for it: the part of one round of a project.

``core.verification.verifying`` decides, as for a local run. Its record is written into the status before anything
follows from it: a run starts, a task repairs, or a Job is removed only when the server has the record of why.
"""

from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from parallelproject.controller.actions.actions import Actions
from parallelproject.controller.actions.removal import Removal
from parallelproject.controller.projects.capacity import Capacity
from parallelproject.controller.projects.feed import Feed
from parallelproject.controller.projects.project import Project
from parallelproject.controller.projects.project_source import ProjectSource
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import Phase
from parallelproject.core.planner.plan import Plan
from parallelproject.core.verification.check_run import CheckLaunch, CheckRun
from parallelproject.core.verification.notices import notice
from parallelproject.core.verification.probe import ProbeOutcome
from parallelproject.core.verification.record import VerificationRecord
from parallelproject.core.verification.state import VerificationState
from parallelproject.core.verification.verifying import fingerprints, verify
from parallelproject.executors.base.observed_checks import ObservedCheck, observed_checks
from parallelproject.model.spec import Spec, Verification
from parallelproject.model.status import Reason
from parallelproject.model.work import WorkKind

_Condition = tuple[str, str, str]


class _Runs(NamedTuple):
    """The recorded runs as they are decided on: to read them takes long."""

    record: VerificationRecord
    graph: CompiledGraph
    runs: Sequence[CheckRun]


class ClusterVerification:
    """The verification of projects."""

    def __init__(
        self, capacity: Capacity, source: ProjectSource, actions: Actions, removal: Removal, feed: Feed
    ) -> None:
        """Prepares it.

        Args:
            capacity: The limits that projects share.
            source: Knows which projects exist.
            actions: Starts and stops runs.
            removal: Removes finished ones.
            feed: Reports results.
        """
        self._capacity = capacity
        self._source = source
        self._actions = actions
        self._removal = removal
        self._feed = feed
        self._runs: WeakKeyDictionary[Project, _Runs] = WeakKeyDictionary()
        self._conditions: WeakKeyDictionary[Project, _Condition] = WeakKeyDictionary()
        self._said: WeakKeyDictionary[Project, _Condition] = WeakKeyDictionary()
        """The last result that was reported, or that an operator before has recorded."""

    def planned(self, project: Project, spec: Spec) -> Spec:
        """The spec to plan with: runs of checks hold slots, and what has landed may stop the project."""
        project.take_record()
        held = sum(each.is_active for each in observed_checks(project.observed))
        changes: dict[str, object] = {"parallelism": max(0, spec.parallelism - held)} if held else {}
        if spec.verification is not None and project.known_record.state.is_stopped:
            changes["stop"] = True
        return spec.model_copy(update=changes) if changes else spec

    def verify(self, project: Project, spec: Spec, graph: CompiledGraph, decided: Plan) -> _Condition | None:
        """Starts and stops runs, and updates the record; returns the condition Verified; None without verification."""
        seen = list(observed_checks(project.observed))
        active = [each for each in seen if each.is_active]
        settings = spec.verification
        if settings is None:
            self._stop(project, active, Reason.STOPPED)
            self._clear(project, seen)
            self._capacity.checks(project, sum(not each.attempt.waits_for_quota for each in active), 0)
            if project.has_record and project.take_record():
                state = _retried(project.record.state, spec)
                project.record = project.record.with_state(state, project.generation)
            return None
        if not project.take_record():
            return self._conditions.get(project, project.record.state.condition)
        self._say(project)
        self._clear(project, seen)
        record = project.record.with_ended(each.run for each in seen)
        record = record.with_state(_state(project, spec, settings, decided, record), project.generation)
        runs = [*self._read(project, record, graph), *(each.run for each in active)]
        slots = 0 if spec.suspend else spec.parallelism - decided.running - decided.hook_slots
        found = verify(settings, graph, decided, record.state, runs, slots)
        project.record = record.with_state(found.state, project.generation)
        useless = {(run.check, run.number) for run in found.stops}
        self._stop(project, [each for each in active if each.id in useless], str(decided.stopped or Reason.STOPPED))
        self._stop(project, [each for each in active if each.attempt.cannot_begin], Reason.START_ERROR)
        queued = [each for each in active if each.attempt.waits_for_quota]
        if spec.suspend:  # its queue may admit it at any moment
            self._stop(project, queued, Reason.SUSPENDED)
        is_written = project.record is project.known_record
        may_start = not (spec.stop or project.deleting or decided.stopped)
        wanted = found.launches if is_written and may_start else ()
        started = self._start(project, wanted)
        self._capacity.checks(project, len(active) - len(queued) + started, len(wanted) - started)
        condition = self._conditions[project] = _with_trouble(project, found.condition, active)
        return condition

    def _say(self, project: Project) -> None:
        """Reports a result that is new, once the status has it."""
        result = project.known_record.state.condition
        if self._said.setdefault(project, result) == result:
            return
        self._said[project] = result
        if result[0] == "Unknown":
            return
        report = self._feed.say if result[0] == "True" else self._feed.warn
        report(project, result[1], notice(result))

    def _read(self, project: Project, record: VerificationRecord, graph: CompiledGraph) -> Sequence[CheckRun]:
        known = self._runs.get(project)
        if known is None or known.record is not record or known.graph is not graph:
            known = self._runs[project] = _Runs(record, graph, record.as_runs(graph))
        return known.runs

    def _start(self, project: Project, launches: Sequence[CheckLaunch]) -> int:
        """Starts as many runs as the limits allow that projects share; returns how many."""
        if launches and not self._source.is_surely_there(project):
            return 0  # it is planned again when it was read
        share = self._capacity.share(project)
        allowed = launches if share is None else launches[: max(0, share.room)]
        for launch in allowed:
            self._actions.check(project, launch)
        return len(allowed)

    def _stop(self, project: Project, checks: Sequence[ObservedCheck], why: str) -> None:
        for each in checks:
            if each.attempt.phase is Phase.ACTIVE and not each.attempt.stopping:
                self._actions.stop(project, each.key, str(why))

    def _clear(self, project: Project, seen: Sequence[ObservedCheck]) -> None:
        """Removes the objects of runs whose results the status has. That of the first one that failed on all of the
        work stays for some hours, for its log; so does that of a revert that failed."""
        for each in seen:
            if each.is_active or (project.spec and project.spec.verification and self._is_needed(project, each)):
                continue
            if project.observed.view(each.key) is None:
                project.observed.forget(each.key)
            elif not _has_log(each.run):
                self._removal.remove(project, each.key)

    def _is_needed(self, project: Project, check: ObservedCheck) -> bool:
        return project.known_record.is_to_be_recorded(check.run)


def _has_log(run: CheckRun) -> bool:
    return bool(run.printed) and run.probe is None and run.outcome is not ProbeOutcome.PASSED


def _state(
    project: Project, spec: Spec, settings: Verification, decided: Plan, record: VerificationRecord
) -> VerificationState:
    """The state for the checks of now, and after what people have asked for: tasks that are retried may be repaired
    again, and what has ended badly is verified again when its spec has changed."""
    state = record.state.with_checks(fingerprints(settings))
    state = _retried(state, spec)
    has_ended = state.is_stopped or (decided.completed and state.condition[0] == "False")
    return state.started_again() if has_ended and project.generation > record.generation else state


def _retried(state: VerificationState, spec: Spec) -> VerificationState:
    return state.retried({retry.id: retry.repair_after for retry in spec.retries if retry.repair_after})


def _with_trouble(project: Project, condition: _Condition, active: Sequence[ObservedCheck]) -> _Condition:
    """The condition, with what keeps runs from starting."""
    if condition[1] not in ("Verifying", "Reverting"):
        return condition
    refusals = project.observed.refusals
    refused = next((found for key, found in refusals.items() if key.kind is WorkKind.VERIFY), None)
    if refused is not None and condition[1] == "Reverting":
        return condition[0], condition[1], f"{condition[2]}; {refused.reason}: {refused.message}"
    if refused is not None:
        return "Unknown", str(refused.reason), refused.message
    late = next((each for each in active if each.attempt.reason), None)
    if late is None:
        return condition
    if condition[1] == "Reverting":
        return condition[0], condition[1], f"{condition[2]}; its Job waits: {late.attempt.reason}"
    return "Unknown", str(late.attempt.reason), f"{condition[2]}; {late.key.step} waits"
