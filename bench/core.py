"""The graph and the planner over 5,000 tasks with 15,000 dependencies."""

import random
from collections.abc import Iterator

import networkx as nx

from bench.measure import Figure, compare
from parallelproject.core.attempt import Attempt, Phase
from parallelproject.core.graph import CompiledGraph, compile_graph
from parallelproject.core.plan import Ledger, plan
from parallelproject.model.spec import Scheduling, Spec, Task

TASKS = 5000
DEPENDENCIES = 3


def run() -> Iterator[Figure]:
    """Compile, and plan at the start, half way and at the end."""
    spec = big_spec()
    graph = compile_graph(spec)

    def with_networkx() -> None:
        found: nx.DiGraph[str] = nx.DiGraph()
        found.add_nodes_from(task.id for task in spec.tasks)
        found.add_edges_from((parent, task.id) for task in spec.tasks for parent in task.dependencies)
        list(nx.topological_generations(found))

    edges = sum(map(len, graph.parents))
    size = f"{TASKS} tasks, {edges} edges"
    yield compare(
        f"compile, {size}",
        lambda: compile_graph(spec),
        "networkx: build it, topological generations",
        with_networkx,
        aim="under 300 ms",
        far_out=25,
    )
    for name, share in (("at the start", 0.0), ("half way", 0.5), ("near the end", 0.99)):
        observed = part_way(graph, share)
        prior = plan(graph, spec, Ledger(start_time=1.0), observed, 999.0).ledger
        yield compare(
            f"plan() {name}",
            lambda prior=prior, observed=observed: plan(graph, spec, prior, observed, 1000.0),  # type: ignore[misc]
            "one look at every edge",
            lambda: _look_at_every_edge(graph),
            aim="under 5 ms",
            far_out=30,
            rounds=15,
        )
    yield compare(
        "plan(), the first after a restart, nothing recorded",
        lambda: plan(graph, spec, Ledger(), observed, 1000.0),
        "one look at every edge",
        lambda: _look_at_every_edge(graph),
        aim="",
        far_out=60,
    )


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
        observed[task_id] = (Attempt(1, Phase.ACTIVE, at_work=True, started=1.0, name=f"job-{task_id}"),)
    return observed


def _look_at_every_edge(graph: CompiledGraph) -> int:
    count = 0
    for above in graph.parents:
        for parent in above:
            count += parent >= 0
    return count
