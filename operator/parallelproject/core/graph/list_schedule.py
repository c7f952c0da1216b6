"""A simulated list schedule: how long the graph would take, for the prediction and as a yardstick.

Graham's list scheduling (1966) with the planner's order, caps and rules, and the expected seconds of every
task as its length.
"""

import heapq
from collections import defaultdict

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.model.spec import FileOverlap, Scheduling, Spec


def makespan(graph: CompiledGraph, spec: Spec, parallelism: int) -> int:
    """Seconds from start to end with at most ``parallelism`` tasks at work and none failing."""
    position = {task: i for i, task in enumerate(graph.order)}
    caps = {role.name: role.max_concurrent for role in spec.roles}
    by_level = spec.scheduling is Scheduling.LEVELS
    serialize = spec.conflicts.on_file_overlap is FileOverlap.SERIALIZE
    waiting = [len(above) for above in graph.parents]
    open_in_level = [len(tasks) for tasks in graph.levels]
    ready: dict[str | None, list[int]] = defaultdict(list)  # by role: positions, the first the best
    held_back: list[list[int]] = [[] for _ in graph.levels]  # by level: ready, but for the level
    parked: dict[int, list[int]] = defaultdict(list)  # by pattern: ready, but for the file
    at_work: dict[str | None, int] = defaultdict(int)
    busy: dict[int, int] = defaultdict(int)
    running: list[tuple[int, int]] = []
    now, level = 0, 0

    def release(task: int) -> None:
        if by_level and graph.level[task] > level:
            held_back[graph.level[task]].append(task)
        else:
            heapq.heappush(ready[graph.role[task]], position[task])

    def start_one() -> bool:
        free = [r for r, queue in ready.items() if queue and at_work[r] < (caps.get(r or "") or parallelism)]
        if not free:
            return False
        role = min(free, key=lambda r: ready[r][0])
        task = graph.order[heapq.heappop(ready[role])]
        locks = graph.locks.of_task[task] if serialize else ()
        blocked = next((pattern for pattern in locks if busy[pattern]), None)
        if blocked is not None:
            parked[blocked].append(task)
            return True
        for pattern in locks:
            for other in graph.locks.overlaps[pattern]:
                busy[other] += 1
        at_work[role] += 1
        heapq.heappush(running, (now + graph.seconds[task], task))
        return True

    for task, count in enumerate(waiting):
        if not count:
            release(task)
    while True:
        while len(running) < parallelism and start_one():
            pass
        if not running:
            return now
        now, task = heapq.heappop(running)
        at_work[graph.role[task]] -= 1
        for pattern in graph.locks.of_task[task] if serialize else ():
            for other in graph.locks.overlaps[pattern]:
                busy[other] -= 1
                if not busy[other]:
                    for waiter in parked.pop(other, ()):
                        release(waiter)
        open_in_level[graph.level[task]] -= 1
        for child in graph.children[task]:
            waiting[child] -= 1
            if not waiting[child]:
                release(child)
        while by_level and level < len(open_in_level) and not open_in_level[level]:
            level += 1
            if level < len(held_back):
                for held in held_back[level]:
                    release(held)


def predicted_speedup(graph: CompiledGraph, spec: Spec) -> dict[int, float]:
    """Expected work divided by the makespan, by parallelism: 1, 2, 4, … up to where more does not help."""
    work = sum(graph.seconds)
    if not work:
        return {}
    speedup: dict[int, float] = {}
    parallelism = 1
    while parallelism <= 1000:
        speedup[parallelism] = round(work / makespan(graph, spec, parallelism), 2)
        if parallelism >= max(map(len, graph.levels)) and parallelism >= spec.parallelism:
            break
        parallelism *= 2
    if spec.parallelism not in speedup:
        speedup[spec.parallelism] = round(work / makespan(graph, spec, spec.parallelism), 2)
    return dict(sorted(speedup.items()))
