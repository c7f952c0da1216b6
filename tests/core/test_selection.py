"""A part of a graph, as somebody asks for it."""

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.graph.selection import skipped_by_choice
from parallelproject.model.spec import Spec

_IDS = "abcde"


def _graph(edges: dict[str, str]):
    tasks = [{"id": id, "dependencies": list(edges.get(id, ""))} for id in _IDS]
    return compile_graph(Spec.model_validate({"tasks": tasks}))


_GRAPH = _graph({"b": "a", "c": "b", "e": "bd"})


def test_nothing_asked_for_skips_nothing():
    assert skipped_by_choice(_GRAPH) == []


def test_only_runs_what_is_named():
    assert skipped_by_choice(_GRAPH, only=["b", "d"]) == ["a", "c", "e"]


def test_from_runs_what_depends_on_it_too():
    assert skipped_by_choice(_GRAPH, start=["b"]) == ["a", "d"]


def test_from_runs_also_what_depends_on_it_through_others():
    assert skipped_by_choice(_GRAPH, start=["a"]) == ["d"]


def test_only_and_from_add_up_and_skip_goes_over_both():
    assert skipped_by_choice(_GRAPH, only=["a"], start=["d"], skip=["d"]) == ["b", "c", "d"]


_SOME = st.lists(st.sampled_from(_IDS), unique=True)


@given(_SOME, _SOME, _SOME)
def test_what_is_skipped_by_name_never_runs_and_what_is_named_else_does(
    only: list[str], start: list[str], skip: list[str]
):
    skipped = skipped_by_choice(_GRAPH, only, start, skip)
    assert set(skip) <= set(skipped)
    assert not (set(only) | set(start)) - set(skip) & set(skipped)
    assert skipped == sorted(skipped)
