"""A simulated run: how long a graph would take, by the constraints of the planner.

A list schedule (Graham, 1966) in the planner's order: at each moment the tasks start that no constraint blocks. Every
task takes its expected time, and none fails.
"""

import heapq
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import compress, count
from types import MappingProxyType

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.conditions import foreseen_skips
from parallelproject.core.planner.constraints.admission import CONSTRAINTS, Admission
from parallelproject.core.planner.constraints.constraint import Constraint, Situation
from parallelproject.core.planner.constraints.fallbacks import acting_roles
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.core.planner.spending import Spending
from parallelproject.model.spec import Spec
from parallelproject.model.status import TaskState


def makespan(
    graph: CompiledGraph, spec: Spec, parallelism: int, constraints: Sequence[type[Constraint]] = CONSTRAINTS
) -> int:
    """Seconds from the first start to the last end, of a project that starts now and is never suspended.

    Args:
        graph: The compiled spec.
        spec: The spec.
        parallelism: Used in place of ``spec.parallelism``.
        constraints: The rules, in their order.

    Raises:
        RuntimeError: some tasks would never start.
    """
    spec = spec.model_copy(update={"parallelism": parallelism, "suspend": False})
    return _Simulation(graph, spec, constraints).run()


def remaining(
    graph: CompiledGraph,
    spec: Spec,
    ends: Mapping[int, TaskState],
    running: Mapping[int, int],
    parked: Mapping[str, float] = MappingProxyType({}),
    spending: Spending = MappingProxyType({}),
) -> int:
    """Seconds until the end of a project that has started.

    Args:
        graph: The compiled spec.
        spec: The spec.
        ends: The states of the tasks that have ended or will not run.
        running: By task that runs, the seconds that it is expected to need from now on.
        parked: By pool of a limit that was met, the seconds until that is over.
        spending: What the attempts so far have spent: what the next ones reserve of a budget follows from it.

    Raises:
        RuntimeError: some tasks would never start.
    """
    return _Simulation(graph, spec, CONSTRAINTS, ends, running, parked, spending).run()


def predicted_times(graph: CompiledGraph, spec: Spec) -> dict[int, int]:
    """The makespan by parallelism: 1, 2, 4, … until more does not help, and that of the spec; empty without work."""
    if not work_of(graph):
        return {}
    widest = max(max(map(len, graph.levels)), spec.parallelism)
    asked = {1 << power for power in range(10) if 1 << power < 2 * widest} | {spec.parallelism}
    return {parallelism: makespan(graph, spec, parallelism) for parallelism in sorted(asked)}


def work_of(graph: CompiledGraph) -> int:
    """The expected seconds of all tasks, without those that are skipped."""
    return sum(seconds for i, seconds in enumerate(graph.seconds) if i not in graph.skipped)


_READY: Hashable = ("ready",)
_WAKE = -1
"""In place of a task that ends: a block ends by itself."""


class _Simulation:
    """One run. Ready tasks are in queues, by what they wait for: only the first of a queue is checked."""

    def __init__(
        self,
        graph: CompiledGraph,
        spec: Spec,
        constraints: Sequence[type[Constraint]],
        ends: Mapping[int, TaskState] = MappingProxyType({}),
        running: Mapping[int, int] = MappingProxyType({}),
        parked: Mapping[str, float] = MappingProxyType({}),
        spending: Spending = MappingProxyType({}),
    ) -> None:
        self._graph = graph
        self._snapshot = Snapshot.of(graph, {}, {}, spending)
        # What depends on these waits for their dependencies.
        self._passing = foreseen_skips(graph, ends) - running.keys()
        ended = {*ends, *self._passing}
        unfinished = list(map(len, graph.levels))
        for task in ended:
            unfinished[graph.level[task]] -= 1
            self._snapshot.states[task] = TaskState.SUCCEEDED
        level = next(compress(count(), unfinished), len(unfinished))
        situation = Situation(
            graph,
            spec,
            self._snapshot,
            unfinished,
            level,
            None,
            0.0,
            parked=parked,
            acting=acting_roles(spec, parked, 0.0),
            is_prediction=True,
        )
        self._admission = Admission(constraints, situation)
        over = ended - self._passing
        self._waiting = [sum(parent not in over for parent in above) for above in graph.parents]
        self._lines: dict[Hashable, list[int]] = {}  # positions in the plan's order, each a heap
        self._running = [(left, task) for task, left in running.items()]  # a heap: when it ends, and the task
        self._wakes: set[int] = set()
        heapq.heapify(self._running)
        for task in running:
            self._snapshot.states[task] = TaskState.RUNNING
            self._admission.take(task)
        self._started = {*ended, *running}

    def run(self) -> int:
        """Runs to the end; returns its time."""
        graph, now = self._graph, 0
        self._free([task for task, above in enumerate(self._waiting) if not above])
        self._start(now)
        while self._running:
            now, task = heapq.heappop(self._running)
            self._admission.advance(now)
            if task == _WAKE:
                self._start(now)
                continue
            self._snapshot.states[task] = TaskState.SUCCEEDED
            self._admission.release(task)
            self._free(self._released(task))
            self._start(now)
        if self._lines:
            task = graph.order[next(iter(self._lines.values()))[0]]
            block = self._admission.blocks(task)
            raise RuntimeError(f"{graph.ids[task]} never starts: {block.reason if block else 'unknown reason'}")
        return now

    def _released(self, task: int) -> list[int]:
        """The tasks that wait for no other, now that nobody waits for this one."""
        for child in self._graph.children[task]:
            self._waiting[child] -= 1
        return [child for child in self._graph.children[task] if not self._waiting[child]]

    def _free(self, tasks: Iterable[int]) -> None:
        """Some tasks wait for no other any more."""
        todo = list(tasks)
        for task in todo:  # grows during the walk
            if task in self._passing:
                todo += self._released(task)
            elif task not in self._started:
                self._stand(_READY, task)

    def _stand(self, line: Hashable, task: int) -> None:
        heapq.heappush(self._lines.setdefault(line, []), self._graph.place[task])

    def _start(self, now: int) -> None:
        """Starts all tasks that may start, in the plan's order."""
        admission, lines, graph = self._admission, self._lines, self._graph
        heads = [(places[0], number, line) for number, (line, places) in enumerate(lines.items())]
        heapq.heapify(heads)
        while heads and not admission.is_closed():
            _, number, line = heapq.heappop(heads)
            task = graph.order[lines[line][0]]
            block = admission.blocks(task)
            into = None if block is None else (block.reason, task if block.line is None else block.line)
            if into == line:
                continue  # it still waits, and so does the rest of its queue
            heapq.heappop(lines[line])
            if block is not None and into is not None:
                self._stand(into, task)
                if block.until < math.inf and (wake := math.ceil(block.until)) not in self._wakes:
                    self._wakes.add(wake)
                    heapq.heappush(self._running, (wake, _WAKE))
            else:
                admission.take(task)
                heapq.heappush(self._running, (now + graph.seconds[task], task))
                self._snapshot.states[task] = TaskState.RUNNING
            if lines[line]:
                heapq.heappush(heads, (lines[line][0], number, line))
            else:
                del lines[line]
