"""The yardstick of a makespan: a simulated list schedule, in which a task costs nothing but its own time.

Graham's list scheduling (1966), the longest way to the end first. It shares no code with the product's prediction.
"""

import heapq

from bench.load import Load


def makespan(load: Load) -> float:
    """Seconds from the first start to the last end.

    With ``by_level``, tasks of a level start only when all of the levels before it are done, as Levels has it.
    """
    level: dict[str, int] = {}
    for task in load.in_order:
        level[task.id] = 1 + max((level[above] for above in task.after), default=-1)
    if not load.by_level:
        return _one_after_another([[task.id for task in load.tasks]], load)
    levels: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for task in load.tasks:
        levels[level[task.id]].append(task.id)
    return _one_after_another(levels, load)


def _one_after_another(batches: list[list[str]], load: Load) -> float:
    tasks = {task.id: task for task in load.tasks}
    done: set[str] = set()
    now = 0.0
    for batch in batches:
        waiting = {name: sum(above not in done for above in tasks[name].after) for name in batch}
        ready = [(-load.rank[name], name) for name, count in waiting.items() if not count]
        heapq.heapify(ready)
        running: list[tuple[float, str]] = []
        while ready or running:
            while ready and len(running) < load.cap:
                _, name = heapq.heappop(ready)
                heapq.heappush(running, (now + tasks[name].seconds, name))
            now, name = heapq.heappop(running)
            done.add(name)
            for child in load.children[name]:
                if child in waiting:
                    waiting[child] -= 1
                    if not waiting[child]:
                        heapq.heappush(ready, (-load.rank[child], child))
    return now
