"""The graph and the planner over 5,000 tasks with 15,000 dependencies, in processor time: they wait for nothing."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence

import networkx as nx

from bench.figure import Figure, at_most
from bench.rounds import in_turns, processor_seconds
from bench.setting import Setting
from parallelproject.core.graph.graph import CompiledGraph, compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.model.spec import Scheduling, Spec, Task

TASKS = 5000
DEPENDENCIES = 3
PLANS = 15
"""Rounds of what takes milliseconds."""


def run(setting: Setting) -> Iterator[Figure]:
    """Compile; plan from scratch at the start, half way and at the end; and plan again when something has changed."""
    spec = big_spec()
    graph = compile_graph(spec)
    size = f"{TASKS:,} tasks, {sum(map(len, graph.parents)):,} edges"

    def build_with_networkx() -> None:
        found: nx.DiGraph[str] = nx.DiGraph()
        found.add_nodes_from(task.id for task in spec.tasks)
        found.add_edges_from((parent, task.id) for task in spec.tasks for parent in task.dependencies)
        list(nx.topological_generations(found))

    def look_at_every_edge() -> int:
        return sum(parent >= 0 for above in graph.parents for parent in above)

    def plans(name: str, prior: Ledger, observed: Mapping[str, Sequence[Attempt]]) -> Figure:
        times = _in_turns(lambda: plan(graph, spec, prior, observed, 1000.0), look_at_every_edge, PLANS)
        return Figure("core", f"plan() {name}", "ms", *times, "one look at every edge", at_most(5, far_out=100))

    times = _in_turns(lambda: compile_graph(spec), build_with_networkx, setting.rounds)
    yield Figure("core", f"compile {size}", "ms", *times, "networkx: build and sort", at_most(300, far_out=3000))
    for name, share in (("at the start", 0.0), ("half way", 0.5), ("near the end", 0.99)):
        observed = part_way(graph, share)
        before = plan(graph, spec, Ledger(start_time=1.0), observed, 999.0).ledger
        recorded = Ledger(start_time=1.0, records=before.records)  # what is written down, and nothing kept beside it
        yield plans(f"from scratch, {name}", recorded, observed)
    before = plan(graph, spec, Ledger(start_time=1.0), part_way(graph, 0.5), 999.0).ledger
    yield plans("half way, one more task has ended", before, part_way(graph, 0.5 + 1 / TASKS))
    yield plans("from scratch, nothing recorded, half way", Ledger(), part_way(graph, 0.5))


def _in_turns(
    ours: Callable[[], object], reference: Callable[[], object], rounds: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Milliseconds of processor time of both, by round."""
    sides = {"ours": lambda: processor_seconds(ours), "reference": lambda: processor_seconds(reference)}
    times = in_turns(rounds, sides)
    return tuple(1e3 * t for t in times["ours"]), tuple(1e3 * t for t in times["reference"])


def big_spec() -> Spec:
    """A random layered graph, the same each time."""
    chance = random.Random(1)
    tasks = []
    for i in range(TASKS):
        near = range(max(0, i - 200), i)
        parents = chance.sample(near, min(DEPENDENCIES, len(near)))
        tasks.append(Task(id=f"t{i}", dependencies=[f"t{p}" for p in parents], priority=chance.randrange(5)))
    return Spec(tasks=tasks, scheduling=Scheduling.GRAPH, parallelism=50)


def part_way(graph: CompiledGraph, share: float) -> dict[str, tuple[Attempt, ...]]:
    """A project of which that share of tasks has succeeded, every one of them still seen, and 50 run."""
    done = int(len(graph.ids) * share)
    observed: dict[str, tuple[Attempt, ...]] = {
        task_id: (Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0, name=f"job-{task_id}"),)
        for task_id in graph.ids[:done]
    }
    for task_id in graph.ids[done : done + 50 if share else 0]:
        observed[task_id] = (Attempt(1, Phase.ACTIVE, running=True, started=1.0, name=f"job-{task_id}"),)
    return observed
