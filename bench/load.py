"""What is run: graphs of tasks that do nothing, or nothing for a while, and know no system that runs them."""

import heapq
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Task:
    """One task: ends well, so many seconds after it started."""

    id: str
    after: tuple[str, ...] = ()
    """Ids of its dependencies."""
    seconds: float = 0.0
    estimate: int | None = None
    """The seconds that the scheduler is told, where it is told any."""


@dataclass(frozen=True)
class Load:
    """A graph of tasks, and how many of them may be running at once."""

    name: str
    cap: int
    tasks: tuple[Task, ...]
    by_level: bool = False
    """Whether a level waits for the whole level before it; else a task waits for its own dependencies."""

    @cached_property
    def children(self) -> Mapping[str, list[str]]:
        """By id, who waits for it."""
        found: dict[str, list[str]] = {task.id: [] for task in self.tasks}
        for task in self.tasks:
            for above in task.after:
                found[above].append(task.id)
        return found

    @cached_property
    def in_order(self) -> tuple[Task, ...]:
        """The tasks, each after its dependencies; in the order given where that allows it."""
        place = {task.id: i for i, task in enumerate(self.tasks)}
        waiting = [len(task.after) for task in self.tasks]
        ready = [i for i, count in enumerate(waiting) if not count]  # sorted, and so a heap
        found: list[Task] = []
        while ready:
            task = self.tasks[heapq.heappop(ready)]
            found.append(task)
            for child in self.children[task.id]:
                waiting[place[child]] -= 1
                if not waiting[place[child]]:
                    heapq.heappush(ready, place[child])
        return tuple(found)

    @cached_property
    def rank(self) -> Mapping[str, float]:
        """By id, the longest way from its start to the end of everything, in seconds: the critical-path priority."""
        found: dict[str, float] = {}
        for task in reversed(self.in_order):
            found[task.id] = task.seconds + max((found[child] for child in self.children[task.id]), default=0.0)
        return found


def independent(count: int, cap: int, name: str = "p") -> Load:
    """Tasks that do nothing and wait for nobody."""
    return Load(name, cap, tuple(Task(f"t{i}") for i in range(count)))


def chain(length: int, name: str = "p") -> Load:
    """Tasks that do nothing, each after the one before."""
    return Load(name, 1, tuple(Task(f"t{i}", (f"t{i - 1}",) if i else ()) for i in range(length)))


def releases(count: int, seed: int) -> Load:
    """Tasks of 0.3 to 1.5 s in a random graph without a cap: some ten running, each released by the last of two."""
    chance = random.Random(seed)
    tasks = []
    for i in range(count):
        near = range(max(0, i - 20), i - 5)
        after = tuple(f"t{p}" for p in chance.sample(near, min(2, len(near))))
        tasks.append(Task(f"t{i}", after, round(chance.uniform(0.3, 1.5), 3)))
    return Load("p", 1000, tuple(tasks))
