"""The hooks of a project in one round: what is known of their runs, which ones start, and which ones are stopped.

What is recorded is in the status (``status.hooks``); what is observed of a run counts more. A hook that has failed with
onFailure Stop ends the project. It runs again when the spec changes: each Job has the generation that it was made for.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from parallelproject.controller.actions.actions import Actions
from parallelproject.controller.projects.capacity import NOTHING_YET
from parallelproject.controller.projects.project import Project
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.hooks.hook_runs import HookBook, HookReport, HookRun, rows_by_occasion
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.hooks import NO_HOOKS
from parallelproject.core.planner.plan import Plan
from parallelproject.model.spec import Spec
from parallelproject.model.status import HookRunState, Reason
from parallelproject.model.work import Work, WorkKey, WorkKind

_STATES = {
    Phase.LAUNCHING: HookRunState.RUNNING,
    Phase.ACTIVE: HookRunState.RUNNING,
    Phase.SUCCEEDED: HookRunState.SUCCEEDED,
    Phase.FAILED: HookRunState.FAILED,
    Phase.STOPPED: HookRunState.STOPPED,
    Phase.LOST: HookRunState.STOPPED,
}
"""A run whose Job was deleted runs again, as one that was stopped, but not for ever."""
_LOST_MAX = 5
"""Of so many runs with one spec the last one has failed if its Job was deleted: something deletes each."""


class ObservedHooks(NamedTuple):
    """The hooks of a project at the start of a round."""

    book: HookBook
    runs: list[HookRun]
    report: HookReport


class HookRound:
    """The part of hooks in one round of a project."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions

    def observe(self, project: Project, spec: Spec, graph: CompiledGraph) -> ObservedHooks | None:
        """Reads what is known of hooks, for the next plan; None if there are none."""
        if spec.hooks is None:
            project.ledger = replace(project.ledger, hooks=NO_HOOKS)
            return None
        book = HookBook(graph, spec.hooks)
        runs = self._runs(project)
        before = {run.step: run.number for run in runs if run.generation != project.generation}
        runs = [self._given_up(run, before) for run in runs]
        progress = book.progress(runs, before)
        project.ledger = replace(project.ledger, hooks=progress)
        report = book.report(runs, progress)
        of_observed = [run for run in runs if not self._is_requested(project, run)]
        return ObservedHooks(book, runs, report._replace(rows=book.report(of_observed, progress).rows))

    def act(self, project: Project, hooks: ObservedHooks | None, decided: Plan) -> None:
        """Starts the hooks that are due. Stops all of a project that is stopped, and those of what was removed."""
        for work, attempts in project.observed.others.items():
            is_needed = hooks is not None and hooks.book.has(work.step) and not decided.stopped
            for attempt in attempts if work.kind is WorkKind.HOOK and not is_needed else ():
                if attempt.phase is Phase.ACTIVE and attempt.running and not attempt.stopping:
                    why = str(decided.stopped or "Removed")
                    self._actions.stop(project, WorkKey(*work, attempt.number), why)
        if hooks is None or project.deleting or decided.share is NOTHING_YET:
            return
        for launch in hooks.book.launches(decided, hooks.runs):
            self._actions.hook(project, launch, _claim(project.generation))

    def _runs(self, project: Project) -> list[HookRun]:
        """All known runs. One that is recorded as running and not observed may exist: it is looked up."""
        observed = {
            WorkKey(*work, attempt.number): attempt
            for work, attempts in project.observed.others.items()
            if work.kind is WorkKind.HOOK
            for attempt in attempts
            if attempt.phase in _STATES
        }
        runs = {key: self._run_of(project, key, attempt) for key, attempt in observed.items()}
        for occasion, row in rows_by_occasion(project.status.get("hooks")).items():
            run = _recorded(occasion.step, row)
            key = WorkKey.of_hook(run.step, run.number)
            if run.state is not HookRunState.RUNNING:
                runs[key] = run  # an end does not change: its Job may be deleted
            elif key not in runs:
                runs[key] = run
                self._actions.lookup.look_up(project, key)
        return list(runs.values())

    @staticmethod
    def _given_up(run: HookRun, before: Mapping[str, int]) -> HookRun:
        """A run, as failed if its Job and those before were deleted too often."""
        is_last = run.reason == Reason.LOST and run.number >= before.get(run.step, 0) + _LOST_MAX
        return run._replace(state=HookRunState.FAILED) if is_last else run

    def _is_requested(self, project: Project, run: HookRun) -> bool:
        """Whether it is only requested: its creation may be refused, so that it never existed."""
        attempts = project.observed.of(Work(WorkKind.HOOK, "", run.step))
        return any(each.number == run.number and each.phase is Phase.LAUNCHING for each in attempts)

    def _run_of(self, project: Project, key: WorkKey, attempt: Attempt) -> HookRun:
        view = project.observed.view(key)
        # A claim that somebody has removed says nothing. A failure must count, or it would run for ever.
        generation = (_generation(view.claim) if view else 0) or project.generation
        state, reason = _STATES[attempt.phase], str(attempt.reason or "")
        if attempt.phase is Phase.LOST:
            reason = Reason.LOST
        return HookRun(key.step, key.attempt, state, reason, attempt.exit_code, generation)


def _recorded(step: str, row: Mapping[str, Any]) -> HookRun:
    """The run in a row of a status."""
    number, code, generation = (row.get(key) for key in ("attempts", "exitCode", "generation"))
    return HookRun(
        step,
        number if isinstance(number, int) and number > 0 else 1,
        next((state for state in HookRunState if state == row.get("state")), HookRunState.STOPPED),
        str(row.get("reason") or ""),
        code if isinstance(code, int) else None,
        generation if isinstance(generation, int) else 0,
    )


def _claim(generation: int) -> str:
    return f"generation {generation}"


def _generation(claim: str) -> int:
    text = claim.removeprefix("generation ")
    return int(text) if text.isdecimal() else 0
