"""Loads: their order and their ranks, beside networkx."""

import networkx as nx
import pytest
from hypothesis import given

from bench.load import Load, Task, chain, independent, releases
from tests.bench.graphs import loads, unhurried


def graph_of(load: Load) -> "nx.DiGraph[str]":
    graph: nx.DiGraph[str] = nx.DiGraph()
    for task in load.tasks:
        graph.add_node(task.id)
        graph.add_edges_from((above, task.id, {"weight": seconds(load, above)}) for above in task.after)
    return graph


def seconds(load: Load, name: str) -> float:
    return next(task.seconds for task in load.tasks if task.id == name)


@unhurried
@given(loads())
def test_in_order_each_task_stands_after_its_dependencies(load: Load) -> None:
    place = {task.id: i for i, task in enumerate(load.in_order)}
    assert sorted(place) == sorted(task.id for task in load.tasks)
    assert all(place[above] < place[task.id] for task in load.tasks for above in task.after)


@unhurried
@given(loads())
def test_the_highest_rank_is_the_critical_path(load: Load) -> None:
    graph = graph_of(load)
    graph.add_edges_from((task.id, "end", {"weight": task.seconds}) for task in load.tasks)
    assert max(load.rank.values()) == pytest.approx(nx.dag_longest_path_length(graph))


def test_the_loads_are_what_their_names_say() -> None:
    assert [task.after for task in independent(3, 2).tasks] == [(), (), ()]
    assert [task.after for task in chain(3).tasks] == [(), ("t0",), ("t1",)]
    found = releases(60, seed=1)
    assert found == releases(60, seed=1)
    assert max(len(task.after) for task in found.tasks) == 2
    assert nx.is_directed_acyclic_graph(graph_of(found))
    assert Task("t0").after == ()
