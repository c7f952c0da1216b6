"""What follows from the runs of hooks: which ones have ended, what to start, and what people read. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.hooks import HookOccasion, HookProgress, all_occasions
from parallelproject.core.planner.plan import Plan
from parallelproject.model.problem import listed
from parallelproject.model.spec import Hook, HookKind, Hooks, OnHookFailure
from parallelproject.model.status import HOOK_RUNS_MAX, HookRunState, Reason

_NAMED = 5
_RUNNING, _SUCCEEDED, _FAILED = HookRunState.RUNNING, HookRunState.SUCCEEDED, HookRunState.FAILED


class HookRun(NamedTuple):
    """One run of a hook."""

    step: str
    """Which one: the name of ``HookOccasion.step``."""
    number: int
    """Of the runs of this hook for this level or group, from 1."""
    state: HookRunState
    reason: str = ""
    """Why it failed, or what keeps it from starting."""
    exit_code: int | None = None
    generation: int = 0
    """In a cluster, the generation of the spec with which it was started."""


class HookLaunch(NamedTuple):
    """A run to start."""

    occasion: HookOccasion
    hook: Hook
    number: int


class HookReport(NamedTuple):
    """What a status has of hooks."""

    condition: tuple[str, str, str]
    """Status, reason and message of the condition HooksSucceeded."""
    rows: Sequence[Mapping[str, Any]]
    """The last run of each, as in ``status.hooks``."""


class HookBook:
    """The hooks of a graph, by the names of their steps."""

    def __init__(self, graph: CompiledGraph, hooks: Hooks) -> None:
        self._hooks = hooks
        self._occasions = {occasion.step: occasion for occasion in all_occasions(graph, hooks)}

    def progress(self, runs: Sequence[HookRun], forgiven: Mapping[str, int] = MappingProxyType({})) -> HookProgress:
        """What a plan has to know.

        Args:
            runs: All runs that are recorded or observed.
            forgiven: By step: runs up to this number no longer stop the project by their failure, so that the hook runs
                again.
        """
        ended, running, failed = set(), set(), ""
        for step, run in self._last(runs).items():
            stops = run.state is _FAILED and self.stops(step)
            if run.state is _RUNNING:
                running.add(step)
            elif stops and run.number > forgiven.get(step, 0):
                failed = failed or str(self._occasions[step])
            elif self.has(step) and (run.state is _SUCCEEDED or (run.state is _FAILED and not stops)):
                ended.add(step)
        return HookProgress(frozenset(ended), frozenset(running), failed)

    def launches(self, plan: Plan, runs: Sequence[HookRun]) -> list[HookLaunch]:
        """The runs to start after a plan."""
        last = self._last(runs)
        found = []
        for occasion in plan.hooks:
            before, hook = last.get(occasion.step), self._hooks.of(occasion.kind)
            if hook and (before is None or before.state is not _RUNNING):
                found.append(HookLaunch(occasion, hook, before.number + 1 if before else 1))
        return found

    def report(self, runs: Sequence[HookRun], progress: HookProgress) -> HookReport:
        """What people read; ``progress`` is that of the runs."""
        last = self._last(runs)
        rows = [_row(self._occasions[step], last[step]) for step in self._occasions if step in last]
        return HookReport(self._condition(last, progress), rows[:HOOK_RUNS_MAX])

    def has(self, step: str) -> bool:
        """Whether there is such a hook."""
        return step in self._occasions

    def words(self, step: str) -> str:
        """A hook as people read it: ``beforeLevel of L0``."""
        return str(self._occasions[step]) if step in self._occasions else step

    def outcome(self, run: HookRun) -> str:
        """How a run has failed and what follows: ``beforeLevel of L0 failed (exit code 3), the project continues``."""
        then = "the project stops" if self.stops(run.step) else "the project continues"
        return f"{self.words(run.step)} failed ({_cause(run)}), {then}"

    def _condition(self, last: Mapping[str, HookRun], progress: HookProgress) -> tuple[str, str, str]:
        failed = [self.outcome(run) for run in last.values() if run.state is _FAILED and self.has(run.step)]
        if failed:
            return "False", Reason.HOOK_FAILED.value, listed(failed, _NAMED)
        if progress.running:
            running = [last[step] for step in sorted(progress.running) if step in last]
            return "Unknown", "Running", listed([self._running_words(run) for run in running], _NAMED)
        if not progress.ended:
            return "Unknown", "Waiting", "no hook has run yet"
        count = len(progress.ended)
        return "True", "Succeeded", "1 hook has succeeded" if count == 1 else f"{count} hooks have succeeded"

    def _running_words(self, run: HookRun) -> str:
        """A hook that runs, and what keeps it from starting."""
        return f"{self.words(run.step)} ({run.reason})" if run.reason else self.words(run.step)

    def _last(self, runs: Sequence[HookRun]) -> dict[str, HookRun]:
        """By step, the last run: in the order of the hooks, whatever the order of the runs is. A new process knows
        them in another order, and must report the same."""
        found: dict[str, HookRun] = {}
        for run in runs:
            if run.step not in found or found[run.step].number < run.number:
                found[run.step] = run
        known = [step for step in self._occasions if step in found]
        return {step: found[step] for step in (*known, *sorted(found.keys() - self._occasions))}

    def stops(self, step: str) -> bool:
        """Whether the project stops when this hook fails."""
        occasion = self._occasions.get(step)
        hook = self._hooks.of(occasion.kind) if occasion else None
        return hook is not None and hook.on_failure is OnHookFailure.STOP


def rows_by_occasion(rows: object) -> dict[HookOccasion, Mapping[str, Any]]:
    """The rows of ``status.hooks``; what is not in our format is ignored."""
    mappings = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {occasion: row for row in mappings if (occasion := _occasion_of(row))}


def _occasion_of(row: Mapping[str, Any]) -> HookOccasion | None:
    kind = next((kind for kind in HookKind if kind.value == row.get("hook")), None)
    level, group = row.get("level"), row.get("group")
    if kind is None or not (isinstance(level, int) or isinstance(group, str)):
        return None
    return HookOccasion(kind, level) if isinstance(level, int) else HookOccasion(kind, None, str(group))


def _row(occasion: HookOccasion, run: HookRun) -> dict[str, Any]:
    row: dict[str, Any] = {"hook": occasion.kind.value}
    if occasion.level is not None:
        row["level"] = occasion.level
    else:
        row["group"] = occasion.group
    row |= {"state": run.state.value, "attempts": run.number}
    if run.state is _FAILED:
        row |= {"reason": run.reason} if run.reason else {}
        row |= {"exitCode": run.exit_code} if run.exit_code is not None else {}
    if run.generation:
        row["generation"] = run.generation
    return row


def _cause(run: HookRun) -> str:
    if run.exit_code is not None and run.reason in ("", Reason.EXIT_CODE):
        return f"exit code {run.exit_code}"
    return run.reason or "unknown reason"
