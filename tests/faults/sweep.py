"""The sweep: which faults are tried at which requests, and how many runs that makes.

A run without faults tells how many requests of each name there are; a case is a graph with faults at some of them.
Requests are counted as they come, and their order differs a little from run to run: what matters is that each number
has its turn.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tests.faults.graphs import ALL_GRAPHS, GRAPHS, WORKFLOW_GRAPHS
from tests.faults.kinds import END, is_write
from tests.faults.lab import Lab
from tests.faults.plan import Action, Fault
from tests.faults.scenario import Outcome, run_one

LANES = 4
"""Runs at once."""
SMALL = ("chain", "mixed", "mixed-levels")
SMALL_WORKFLOWS = tuple(f"workflow-{name}" for name in SMALL)
SMALL_QUEUES = tuple(f"queue-{name}" for name in SMALL)
SMALL_STEPS = ("gated", "hooked")
"""Graphs that have every fault; on the others, which take longer, the operator is killed."""
RESOURCES = ("projects", "projects-names", "jobs", "pods")
"""As in the names of requests; ``projects-names`` are the projects' metadata."""
WORKFLOW_RESOURCES = ("projects", "projects-names", "workflows-names")
"""The same of projects whose tasks are Workflows: of those the metadata is watched."""
_LONG_SECONDS = 3.0
"""Longer than the Job controller takes to tell of a Job, and than the operator waits between two status writes."""
_ANSWERS = (409, 429, 500, 503)
_KILLED = (Action.KILL_BEFORE, Action.KILL_AFTER, Action.KILL_LATE)


class Trial(Protocol):
    """One run to be made."""

    @property
    def kind(self) -> str:
        """The class of fault that it counts under."""

    def run(self, lab: Lab, patch: str = "") -> Outcome:
        """Makes it."""

    def took_place(self, outcome: Outcome) -> bool:
        """Whether what was to go wrong did."""


AnyTrial = TypeVar("AnyTrial", bound=Trial)


@dataclass(frozen=True)
class Case:
    """A graph with faults at given requests."""

    kind: str
    """The class of fault that it counts under."""
    graph: str
    faults: tuple[Fault, ...]
    in_turn: bool = False

    def run(self, lab: Lab, patch: str = "") -> Outcome:
        """Makes it."""
        return run_one(lab, ALL_GRAPHS[self.graph], self.faults, in_turn=self.in_turn, patch=patch)

    def took_place(self, outcome: Outcome) -> bool:
        """Whether all its faults did."""
        return len(outcome.fired) >= len(self.faults)


def cases(graph: str, counts: Mapping[str, int]) -> Iterator[Case]:
    """All single faults of one graph.

    Args:
        graph: Its name.
        counts: How often each request came in a run without faults.
    """
    for action in (Action.KILL_BEFORE, Action.KILL_AFTER):
        for k in range(1, counts["write"] + 1):
            yield Case(action.value, graph, (Fault(action, "write", k),))
    if graph in ("long", "workflow-long", "queue-long"):
        yield from _old_lists(graph, counts)
    if graph not in (*SMALL, *SMALL_WORKFLOWS, *SMALL_QUEUES, *SMALL_STEPS):
        return
    for kind in [kind for kind in counts if kind == END or is_write(kind)]:
        places = _places(_surely(kind, counts))
        for action in (Action.DROP_BEFORE, Action.DROP_AFTER, Action.DOUBLE, Action.DELAY, Action.KILL_LATE):
            for k in places:
                seconds = 1.0 if action is Action.DELAY else 0.5
                yield Case(action.value, graph, (Fault(action, kind, k, seconds=seconds),))
        for status in _ANSWERS:
            for k in places:
                yield Case(f"answer-{status}", graph, (Fault(Action.ANSWER, kind, k, status=status),))
        for k in places:
            yield Case("answer-after-504", graph, (Fault(Action.ANSWER_AFTER, kind, k, status=504),))
        # The server is away for a while, and everything is refused.
        yield Case("answer-503", graph, (Fault(Action.ANSWER, kind, 1, times=4, status=503),))
    yield from _elections(graph)
    yield from _watches(graph, counts)
    yield from _lists(graph, _resources(graph))
    yield from _old_lists(graph, counts)


def _resources(graph: str) -> Sequence[str]:
    return WORKFLOW_RESOURCES if graph in WORKFLOW_GRAPHS else RESOURCES


def _watches(graph: str, counts: Mapping[str, int]) -> Iterator[Case]:
    for resource in _resources(graph):
        event, watch = f"event-of-{resource}", f"watch-{resource}"
        for k in _places(_surely(event, counts)):
            yield Case("watch-cut", graph, (Fault(Action.DROP_BEFORE, event, k),))
            yield Case("watch-end", graph, (Fault(Action.END, event, k),))
            yield Case("watch-410-event", graph, (Fault(Action.ANSWER, event, k, status=410),))
            yield Case("watch-500-event", graph, (Fault(Action.ANSWER, event, k, status=500),))
            yield Case("watch-double", graph, (Fault(Action.DOUBLE, event, k),))
            yield Case("watch-hold", graph, (Fault(Action.DELAY, event, k, seconds=_LONG_SECONDS),))
            yield Case("watch-kill", graph, (Fault(Action.KILL_BEFORE, event, k),))
            for status in (410, 429, 500, 503):
                again = Fault(Action.ANSWER, watch, 2, status=status)
                yield Case(f"watch-{status}", graph, (Fault(Action.END, event, k), again))
        for status in (410, 429, 500, 503):
            yield Case(f"watch-{status}", graph, (Fault(Action.ANSWER, watch, 1, status=status),))
        yield Case("watch-cut", graph, (Fault(Action.DROP_BEFORE, watch, 1),))
        yield Case("watch-hold", graph, (Fault(Action.DELAY, watch, 1, seconds=_LONG_SECONDS),))


def _elections(graph: str) -> Iterator[Case]:
    """The Lease is made by the first operator, and taken over by the one that comes after it was killed."""
    killed = Fault(Action.KILL_AFTER, "write", 5)
    for kind, before in (("create-lease", ()), ("update-lease", (killed,))):
        for action in (*_KILLED, Action.DROP_BEFORE, Action.DROP_AFTER, Action.DOUBLE, Action.DELAY):
            yield Case("lease", graph, (*before, Fault(action, kind, 1, seconds=1)))
        for status in _ANSWERS:
            yield Case("lease", graph, (*before, Fault(Action.ANSWER, kind, 1, status=status)))


def _lists(graph: str, resources: Sequence[str]) -> Iterator[Case]:
    for resource in resources:
        name = f"list-{resource}"
        for status in (410, 429, 500, 503):
            yield Case(f"list-{status}", graph, (Fault(Action.ANSWER, name, 1, status=status),))
        yield Case("list-drop", graph, (Fault(Action.DROP_BEFORE, name, 1),))
        yield Case("list-drop", graph, (Fault(Action.DROP_AFTER, name, 1),))
        yield Case("list-delay", graph, (Fault(Action.DELAY, name, 1, seconds=1),))


def _old_lists(graph: str, counts: Mapping[str, int]) -> Iterator[Case]:
    """The next operator sees the world as it was, and goes on seeing it so for a while."""
    # The last writes do not come in every run.
    for k in _places(counts["write"] * 3 // 4, 4):
        resources = _resources(graph)
        together = [("jobs", "pods")] if resources is RESOURCES else []
        for stale in (*((each,) for each in resources), *together, resources):
            for age, seconds in ((1.0, _LONG_SECONDS), (0.5, 0.0)):
                old = (Fault(Action.OLD, f"list-{r}", 2, age=age, seconds=seconds) for r in stale)
                yield Case("old-list", graph, (Fault(Action.KILL_AFTER, "write", k), *old))


def _surely(kind: str, counts: Mapping[str, int]) -> int:
    """How often a request comes in every run: a slow run has more status writes, and more news, than a quick one."""
    count = counts.get(kind, 0)
    return count if kind in (END, "create-job", "create-workflow") else (count + 1) // 2


def _places(count: int, wanted: int = 3) -> list[int]:
    """The first, the last, and some between them, from 1."""
    if count == 0:
        return []
    return sorted({1 + round(i * (count - 1) / (wanted - 1)) for i in range(wanted)})


def sample(found: Sequence[AnyTrial], number: int, seed: int) -> list[AnyTrial]:
    """So many cases, evenly from all classes of fault; graphs come as chance has it."""
    chance = random.Random(seed)
    groups: defaultdict[str, list[AnyTrial]] = defaultdict(list)
    for case in found:
        groups[case.kind].append(case)
    for group in groups.values():
        chance.shuffle(group)
    chosen: list[AnyTrial] = []
    while len(chosen) < min(number, len(found)):
        for group in groups.values():
            if group and len(chosen) < number:
                chosen.append(group.pop())
    return chosen


def without_faults(lab: Lab, graphs: Iterable[str] = GRAPHS) -> dict[str, Outcome]:
    """A run of each graph in which nothing goes wrong."""
    with ThreadPoolExecutor(LANES) as lanes:
        graphs = list(graphs)
        return dict(zip(graphs, lanes.map(lambda name: run_one(lab, ALL_GRAPHS[name]), graphs), strict=True))


def run_all(
    lab: Lab, wanted: Iterable[AnyTrial], *, patch: str = "", lanes: int = LANES
) -> Iterator[tuple[AnyTrial, Outcome]]:
    """Makes all runs, some at once; gives each as it is done."""
    with ThreadPoolExecutor(lanes) as pool:
        runs = {pool.submit(case.run, lab, patch): case for case in wanted}
        try:
            for done in as_completed(runs):
                yield runs[done], done.result()
        finally:
            for left in runs:
                left.cancel()
