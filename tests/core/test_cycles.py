"""Cycles: all of them in small graphs, shortest first, and never for long in big ones."""

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.cycles import CYCLES_MAX, find_cycles
from tests.core.examples import examples


@st.composite
def any_parents(draw: st.DrawFn, most: int = 6) -> list[list[int]]:
    size = draw(st.integers(0, most))
    return [draw(st.lists(st.integers(0, size - 1), max_size=4, unique=True)) for _ in range(size)]


def from_the_smallest(cycle: list[int]) -> tuple[int, ...]:
    at = cycle.index(min(cycle))
    return (*cycle[at:], *cycle[:at])


def graph_of(parents: list[list[int]]) -> "nx.DiGraph[int]":
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(len(parents)))
    graph.add_edges_from((task, parent) for task, above in enumerate(parents) for parent in above)
    return graph


@examples(400)
@given(any_parents())
def test_every_cycle_of_a_small_graph_is_found_once_shortest_first(parents: list[list[int]]) -> None:
    expected = [from_the_smallest(cycle) for cycle in nx.simple_cycles(graph_of(parents))]
    found, complete = find_cycles(parents)
    assert complete == (len(expected) <= CYCLES_MAX)
    assert list(map(len, found)) == sorted(map(len, found))
    if complete:
        assert sorted(found) == sorted(expected)
    else:
        assert len(found) == CYCLES_MAX
        assert set(found) <= set(expected)
        assert len(found[0]) == min(map(len, expected))


def test_a_cycle_is_told_in_the_order_in_which_each_task_waits_for_the_next() -> None:
    assert find_cycles([[2], [0], [1]]) == ([(0, 2, 1)], True)


def test_a_task_that_waits_for_itself_is_a_cycle_of_one() -> None:
    assert find_cycles([[], [1, 0]]) == ([(1,)], True)


def test_a_graph_without_cycles_has_none() -> None:
    assert find_cycles([]) == ([], True)
    assert find_cycles([[1, 2], [2], []]) == ([], True)


def test_in_a_ring_with_a_thousand_tasks_the_one_cycle_is_named() -> None:
    assert find_cycles([[(i + 1) % 1000] for i in range(1000)]) == ([tuple(range(1000))], True)


def test_the_shortest_cycle_of_a_big_knot_is_among_those_named() -> None:
    """A ring of 300 with chords: thousands of cycles; the one of two tasks comes first."""
    parents = [[(i + 1) % 300, (i + 7) % 300] for i in range(300)]
    parents[200].append(199)
    found, complete = find_cycles(parents)
    assert found[0] == (199, 200)
    assert not complete


def test_every_knot_is_named_where_there_are_several() -> None:
    parents = [[1], [0], [3], [4], [2], [0]]
    assert find_cycles(parents) == ([(0, 1), (2, 3, 4)], True)


def test_a_graph_in_which_all_waits_for_all_gives_its_shortest_cycles_only() -> None:
    found, complete = find_cycles([[j for j in range(200) if j != i] for i in range(200)])
    assert not complete
    assert len(found) == CYCLES_MAX
    assert {len(cycle) for cycle in found} == {2}


def test_fewer_cycles_than_there_are_and_than_could_be_named_are_told_to_be_incomplete() -> None:
    """A ring of 2,000 with forty short cuts: a million million cycles, each long."""
    parents = [[(i + 1) % 2000] + ([(i + 2) % 2000] if i % 50 == 0 else []) for i in range(2000)]
    found, complete = find_cycles(parents)
    assert 1 < len(found) < CYCLES_MAX
    assert len(found[0]) == 2000 - 40
    assert not complete
