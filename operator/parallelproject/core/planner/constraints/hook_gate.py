"""With hooks, tasks start when the hooks before them have ended, and those after the levels below."""

from collections.abc import Iterator, Mapping
from typing import Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.core.planner.hooks import HookFacts, HookOccasion, hooks_before
from parallelproject.model.spec import HookKind, Hooks, Scheduling
from parallelproject.model.status import HookRunState, Reason

_ENDED = (HookRunState.SUCCEEDED, HookRunState.FAILED)


class HookGate(Constraint):
    """Blocks tasks until their hooks have ended. The line of a block is the hook (``HookOccasion``), which is to be
    started if it does not run. A prediction assumes that hooks take no time."""

    reasons = (Reason.WAITING_FOR_HOOK,)

    def __init__(self, graph: CompiledGraph, hooks: Hooks, facts: HookFacts, *, is_by_level: bool) -> None:
        self._graph, self._hooks, self._ended = graph, hooks, facts.progress.ended
        self._below = next((due for due in facts.after if due.level is not None), None) if is_by_level else None
        self._found: dict[tuple[int, str | None], Block | None] = {}  # by level and group

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """With hooks."""
        hooks = situation.spec.hooks
        if hooks is None or situation.hooks is None or situation.is_prediction:
            return None
        is_by_level = situation.spec.scheduling is Scheduling.LEVELS
        return cls(situation.graph, hooks, situation.hooks, is_by_level=is_by_level)

    def blocks(self, task: int) -> Block | None:
        """Whether a hook has to end before it."""
        place = self._graph.level[task], self._graph.tasks[task].group
        if place not in self._found:
            self._found[place] = self._block(task)
        return self._found[place]

    def _block(self, task: int) -> Block | None:
        below = self._below
        if below is not None and self._graph.level[task] > (below.level or 0):
            return Block(Reason.WAITING_FOR_HOOK, line=below)
        for occasion in hooks_before(self._graph, self._hooks, task):
            if occasion.step not in self._ended:
                return Block(Reason.WAITING_FOR_HOOK, line=occasion)
        return None

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """The hook, and whether it runs."""
        states = view.hooks
        occasion = next((each for each in _of_view(view, task) if states.get(each.step) not in _ENDED), None)
        if occasion is None:
            return Explanation("the hooks before it have ended; it starts in the next round")
        is_before = occasion.kind in (HookKind.BEFORE_LEVEL, HookKind.BEFORE_GROUP)
        wait = "which runs before it" if is_before else "which runs before the next level"
        return Explanation(f"it starts when the hook {occasion} has ended, {wait}", [_progress(states, occasion)])


def _of_view(view: View, task: int) -> Iterator[HookOccasion]:
    """The hooks that a task may wait for, in their order."""
    graph, hooks = view.graph, view.spec.hooks
    if hooks is None:
        return
    if hooks.after_level and view.spec.scheduling is Scheduling.LEVELS:
        for level, tasks in enumerate(graph.levels[: graph.level[task]]):
            if any(view.record(i).attempts for i in tasks):
                yield HookOccasion(HookKind.AFTER_LEVEL, level)
    yield from hooks_before(graph, hooks, task)


def _progress(states: Mapping[str, str], occasion: HookOccasion) -> str:
    if states.get(occasion.step) == HookRunState.RUNNING:
        return "the hook runs now, and takes a slot of parallelism"
    return "the hook has not started: it takes a slot of parallelism, as a task does"
