"""Decides on tasks with conditions and with parameters that others give, and on all that depend on one.

Like the rest of a plan a function of what is recorded: nothing of it is stored, and a restart decides the same. The
rules:

* A condition is evaluated when all dependencies of its task have ended, and all tasks that it names.
* A task whose conditions do not all hold is skipped with reason ConditionFalse. It is passed like one that is skipped
  by request: what depends on it waits for what it depends on, in its place. So a failure above it is still a failure.
* A dependency that a condition expects to end as Failed or Skipped need not succeed. While that is open, and when it
  has failed or is skipped because of a failure, no failurePolicy skips or stops the task, nor what depends on it.
* A parameter without a value (its output does not exist, and it has no default) fails the task before it starts.

Both are decided before any policy: what is said of a task that has no dependency to wait for does not change later.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from parallelproject.core.graph.conditions import Test
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.failures import first_level_stopped, skipped_after
from parallelproject.core.planner.inputs import holds, parameters_of
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.spec import FailurePolicy
from parallelproject.model.status import Reason, TaskState

_PENDING, _RUNNING = TaskState.PENDING, TaskState.RUNNING
_SUCCEEDED, _FAILED, _SKIPPED = TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED
_DONE, _WAITS = "Done", "Waits"
_LOST, _STOPPED = Reason.DEPENDENCY_FAILED, Reason.STOPPED


class Decisions(NamedTuple):
    """What is decided of them."""

    closed: dict[int, str]
    """The pending tasks that do not run, and why; all of the graph, not only of the conditions."""
    failed: frozenset[int]
    """Those of ``closed`` that have failed: a parameter has no value."""
    unmet: frozenset[int]
    """Those of ``closed`` with a condition that does not hold."""
    free: frozenset[int]
    """Of the pending tasks that this decides on, those that wait for no other task."""
    spared: frozenset[int]
    """Tasks that no failurePolicy stops."""


def decide(
    graph: CompiledGraph,
    policy: FailurePolicy,
    snapshot: Snapshot,
    states: Sequence[TaskState],
    failed: Sequence[int],
    barred: Collection[int],
    midway: Collection[int] = (),
) -> Decisions:
    """Decides on all tasks of a graph with conditions.

    Args:
        graph: The compiled spec.
        policy: What a failure means for tasks that do not depend on it.
        snapshot: What has ended, and with which outputs.
        states: By task, those of ``failed`` included.
        failed: The tasks that have failed for good.
        barred: The pending tasks that would fail as others of their roles have.
        midway: Those between two of their steps.
    """
    lacking: frozenset[int] = frozenset()
    while True:  # a task that fails for lack of a value may stop others
        known = list(states)
        for i in lacking:
            known[i] = _FAILED
        everyone = [*failed, *sorted(lacking)]
        decider = _Decider(graph, policy, snapshot, known, everyone, barred, midway)
        if not decider.lacking:
            break
        lacking |= decider.lacking
    return Decisions(
        decider.closed | dict.fromkeys(lacking, Reason.OUTPUT_MISSING),
        lacking,
        frozenset(decider.unmet),
        frozenset(decider.free),
        frozenset(decider.spared),
    )


def foreseen_skips(graph: CompiledGraph, ends: Mapping[int, TaskState] = MappingProxyType({})) -> frozenset[int]:
    """The tasks that do not run if nothing fails from now on: by request, or by a condition that cannot hold then.

    A condition on an output that is not known yet counts as one that holds.

    Args:
        graph: The compiled spec.
        ends: The states of the tasks that have ended.
    """
    skipped = set(graph.skipped)
    for i in graph.conditions.order:
        tests = graph.conditions.tests.get(i, ())
        if i not in ends and not all(_may_hold(graph, i, test, ends, skipped) for test in tests):
            skipped.add(i)
    return frozenset(skipped)


def _may_hold(
    graph: CompiledGraph, task: int, test: Test, ends: Mapping[int, TaskState], skipped: Collection[int]
) -> bool:
    state = ends.get(test.task, _SKIPPED if test.task in skipped else _SUCCEEDED)
    if test.output:
        return state is _SUCCEEDED
    if any(source.parameter == test.parameter for source in graph.conditions.sources.get(task, ())):
        return True
    return holds(graph, task, test, state.value, {})


class _Decider:
    """One pass, by level: each task after those that it depends on."""

    def __init__(
        self,
        graph: CompiledGraph,
        policy: FailurePolicy,
        snapshot: Snapshot,
        states: list[TaskState],
        failed: Sequence[int],
        barred: Collection[int],
        midway: Collection[int],
    ) -> None:
        self._graph, self._snapshot, self._states = graph, snapshot, states
        self._barred = barred
        self._last = first_level_stopped(graph, policy, failed)
        self._midway = midway if policy is not FailurePolicy.FAIL_FAST else frozenset[int]()
        self._by_role: set[int] = set()
        self._known: dict[int, str] = {}  # by task: what its state means for what depends on it
        self.lacking: set[int] = set()
        self.unmet: set[int] = set()
        self.free: set[int] = set()
        self.spared: set[int] = set()
        members = graph.conditions.members
        skipped = skipped_after(graph, policy, failed, states, barred, midway)
        self.closed: dict[int, str] = {i: why for i, why in skipped.items() if i not in members}
        for i in self.closed:
            states[i] = _SKIPPED
            if self.closed[i] == _STOPPED and i in barred:
                self._by_role.add(i)
        for i in sorted(graph.skipped - members, key=graph.level.__getitem__):
            if states[i] is _SKIPPED:
                self._known[i] = self._worst(i)
        spares = bool(graph.conditions.expected)
        for i in graph.conditions.order:
            if states[i] is not _SUCCEEDED or spares:
                self._decide(i)
            else:
                self._known[i] = _DONE

    def _decide(self, i: int) -> None:
        graph, state, conditions = self._graph, self._states[i], self._graph.conditions
        expected = conditions.expected.get(i, ())
        is_spared = bool(self.spared or expected) and (
            not self.spared.isdisjoint(graph.parents[i]) or any(map(self._may_fail, expected))
        )
        if state is not _PENDING:
            if state is _SKIPPED:  # by request
                self._known[i] = self._worst(i)
            elif is_spared:
                self.spared.add(i)
            return
        blocked = self._worst(i, expected)
        is_over = blocked == _DONE and not self._names_open(i)
        if blocked == _LOST:
            self._close(i, _LOST)
        elif is_over and not self._all_hold(i):
            self.unmet.add(i)
            self._close(i, Reason.CONDITION_FALSE)
            self._known[i] = self._worst(i)
        elif is_over and i in conditions.sources and None in self._parameters(i).values():
            self.lacking.add(i)
            self._states[i] = _FAILED  # for those after it, in this pass
        elif i in self._barred:
            self._by_role.add(i)
            self._close(i, _STOPPED)
        elif blocked == _STOPPED or (not is_spared and self._is_stopped(i)):
            self._close(i, _STOPPED)
        else:
            if is_spared:
                self.spared.add(i)
            if is_over:
                self.free.add(i)

    def _is_stopped(self, i: int) -> bool:
        """Whether the failure policy keeps a task from starting."""
        return self._last is not None and self._graph.level[i] >= self._last and i not in self._midway

    def _close(self, i: int, why: str) -> None:
        self._states[i] = _SKIPPED
        self.closed[i] = why

    def _worst(self, i: int, expected: Collection[int] = ()) -> str:
        """What the states of a task's dependencies mean for it; the end of those that are expected does not matter."""
        found, known = _DONE, self._known
        for parent in self._graph.parents[i]:
            means = known.get(parent) or self._means(parent)
            if means is _DONE or (parent in expected and means is not _WAITS):
                continue
            if means == _LOST:
                return _LOST
            if found != _STOPPED:
                found = means
        return found

    def _means(self, task: int) -> str:
        """What the state of a task means for the tasks that depend on it."""
        if task in self._known:
            return self._known[task]
        state = self._states[task]
        if state is _SUCCEEDED:
            found = _DONE
        elif state is _FAILED:
            found = _LOST
        elif state is not _SKIPPED:
            found = _WAITS
        else:
            found = _STOPPED if self.closed[task] == _STOPPED and task not in self._by_role else _LOST
        self._known[task] = found
        return found

    def _may_fail(self, task: int) -> bool:
        """Whether a task has not succeeded and is not passed: it is open, has failed or is skipped after a failure."""
        return self._means(task) != _DONE

    def _all_hold(self, i: int) -> bool:
        return all(self._holds(i, test) for test in self._graph.conditions.tests.get(i, ()))

    def _names_open(self, i: int) -> bool:
        """Whether a task that it names has not ended. It is usually a dependency, but may run again."""
        open_, states = (_PENDING, _RUNNING), self._states
        tests, sources = self._graph.conditions.tests.get(i, ()), self._graph.conditions.sources.get(i, ())
        return any(test.task >= 0 and states[test.task] in open_ for test in tests) or any(
            states[source.task] in open_ for source in sources
        )

    def _holds(self, i: int, test: Test) -> bool:
        state = self._states[test.task].value if test.task >= 0 else ""
        return holds(self._graph, i, test, state, self._snapshot.records)

    def _parameters(self, i: int) -> Mapping[str, str | None]:
        return parameters_of(self._graph, i, self._snapshot.records)
