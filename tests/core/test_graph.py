"""Compiling a spec: levels, waves, critical path and bottlenecks against networkx, and every problem with its hint."""

from typing import Any

import networkx as nx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parallelproject.core.graph.file_overlap import normalise
from parallelproject.core.graph.graph import (
    BOTTLENECKS,
    CompiledGraph,
    compile_graph,
    natural_key,
    role_of,
)
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Spec
from parallelproject.model.suggest import did_you_mean
from tests.core.examples import examples
from tests.core.paths import all_paths, overlap
from tests.core.projects import compiled, task_lists

PATHS = all_paths(["a", "b", "d", "x", "y", "e", "f.py", "n.md"], 3)


def graph_of(tasks: list[dict[str, Any]]) -> "nx.DiGraph[str]":
    """The dependencies as networkx has them; an edge leads from a dependency, and weighs as much as its work."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from((task["id"], {"work": task["estimateSeconds"]}) for task in tasks)
    graph.add_edges_from((above, task["id"]) for task in tasks for above in task["dependencies"])
    return graph


def longest_from(graph: "nx.DiGraph[str]", start: str) -> int:
    """The most work on one chain from a task on, by networkx: work stands on the edges, with one out of each end."""
    weighted: nx.DiGraph[str] = nx.DiGraph()
    for node in (start, *nx.descendants(graph, start)):
        work = graph.nodes[node]["work"]
        weighted.add_edge(node, "END", weight=work)
        weighted.add_edges_from((node, below, {"weight": work}) for below in graph.successors(node))
    return int(nx.dag_longest_path_length(weighted))


@examples(100)
@given(task_lists())
def test_levels_are_the_topological_generations(tasks: list[dict[str, Any]]) -> None:
    graph, _ = compiled(tasks=tasks)
    levels = [{graph.ids[i] for i in level} for level in graph.levels]
    assert levels == [set(generation) for generation in nx.topological_generations(graph_of(tasks))]
    assert [graph.level[i] for level in graph.levels for i in level] == [
        number for number, level in enumerate(graph.levels) for _ in level
    ]


@examples(100)
@given(task_lists())
def test_parents_and_children_are_the_dependencies_told_from_both_sides(tasks: list[dict[str, Any]]) -> None:
    graph, _ = compiled(tasks=tasks)
    expected = set(graph_of(tasks).edges)
    assert {(graph.ids[p], graph.ids[i]) for i, above in enumerate(graph.parents) for p in above} == expected
    assert {(graph.ids[i], graph.ids[c]) for i, below in enumerate(graph.children) for c in below} == expected


@examples(100)
@given(task_lists())
def test_the_rank_of_a_task_is_the_longest_work_from_its_start_to_an_end(tasks: list[dict[str, Any]]) -> None:
    graph, _ = compiled(tasks=tasks)
    reference = graph_of(tasks)
    assert list(graph.rank) == [longest_from(reference, task_id) for task_id in graph.ids]


@examples(100)
@given(task_lists())
def test_the_critical_path_is_a_chain_and_the_longest_there_is(tasks: list[dict[str, Any]]) -> None:
    graph, _ = compiled(tasks=tasks)
    reference = graph_of(tasks)
    path = [graph.ids[i] for i in graph.critical_path]
    assert nx.is_path(reference, path)
    assert not list(reference.predecessors(path[0]))
    assert not list(reference.successors(path[-1]))
    work = sum(graph.seconds[i] for i in graph.critical_path)
    assert work == max(longest_from(reference, task_id) for task_id in graph.ids)


@examples(100)
@given(task_lists())
def test_bottlenecks_are_the_tasks_that_the_most_work_waits_for(tasks: list[dict[str, Any]]) -> None:
    graph, _ = compiled(tasks=tasks)
    reference = graph_of(tasks)
    waiting = {
        task_id: sum(reference.nodes[below]["work"] for below in nx.descendants(reference, task_id))
        for task_id in graph.ids
    }
    most = sorted((t for t in graph.ids if waiting[t]), key=lambda t: (-waiting[t], graph.index[t]))
    assert [graph.ids[i] for i in graph.bottlenecks] == most[:BOTTLENECKS]


@examples(100)
@given(task_lists())
def test_the_order_is_by_priority_then_rank_then_place_and_levels_and_waves_are_told_in_it(
    tasks: list[dict[str, Any]],
) -> None:
    graph, _ = compiled(tasks=tasks)
    key = {i: (-graph.tasks[i].priority, -graph.rank[i], i) for i in range(len(tasks))}
    assert list(graph.order) == sorted(key, key=key.__getitem__)
    for group in (*graph.levels, *graph.waves):
        assert list(group) == sorted(group, key=key.__getitem__)


# Waves


def share_files(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return any(
        overlap(normalise(mine, ""), normalise(theirs, ""), PATHS) for mine in a["files"] for theirs in b["files"]
    )


def waves_of(graph: CompiledGraph) -> dict[str, int]:
    return dict(zip(graph.ids, graph.wave, strict=True))


def greedy_waves(tasks: list[dict[str, Any]]) -> dict[str, int]:
    """The rule as it is written down: by level, priority and natural id, each in the first wave that it fits in."""
    level = {t: n for n, ids in enumerate(nx.topological_generations(graph_of(tasks))) for t in ids}
    by_id = {task["id"]: task for task in tasks}
    wave: dict[str, int] = {}
    # Ids here are t0 to t8: their natural order is the plain one.
    for task in sorted(tasks, key=lambda task: (level[task["id"]], -task["priority"], task["id"])):
        number = 1 + max((wave[above] for above in task["dependencies"]), default=-1)
        while any(n == number and share_files(task, by_id[other]) for other, n in wave.items()):
            number += 1
        wave[task["id"]] = number
    return wave


@examples(100)
@given(task_lists())
def test_no_two_tasks_of_a_wave_share_a_path_and_each_comes_after_its_dependencies(
    tasks: list[dict[str, Any]],
) -> None:
    graph, _ = compiled(tasks=tasks)
    wave = waves_of(graph)
    by_id = {task["id"]: task for task in tasks}
    for group in graph.waves:
        assert group, "no wave is empty"
        ids = [graph.ids[i] for i in group]
        assert not any(share_files(by_id[a], by_id[b]) for n, a in enumerate(ids) for b in ids[:n])
    assert all(wave[above] < wave[task["id"]] for task in tasks for above in task["dependencies"])


@examples(100)
@given(task_lists())
def test_each_task_is_in_the_first_wave_that_the_greedy_rule_allows(tasks: list[dict[str, Any]]) -> None:
    graph, _ = compiled(tasks=tasks)
    assert waves_of(graph) == greedy_waves(tasks)


@examples(100)
@given(st.data(), task_lists(), st.booleans())
def test_waves_do_not_depend_on_the_order_of_the_tasks(
    data: st.DataObject, tasks: list[dict[str, Any]], zeros: bool
) -> None:
    if zeros:  # ids that only differ by leading zeros: t1, t01, t001
        new = {f"t{i}": f"t{'0' * i}1" for i in range(len(tasks))}
        deps = [[new[above] for above in task["dependencies"]] for task in tasks]
        tasks = [t | {"id": new[t["id"]], "dependencies": d} for t, d in zip(tasks, deps, strict=True)]
    shuffled = data.draw(st.permutations(tasks))
    assert waves_of(compiled(tasks=tasks)[0]) == waves_of(compiled(tasks=shuffled)[0])


def test_ids_are_sorted_as_people_count() -> None:
    ids = ["5.10", "10", "5.2", "5", "a10", "a9", "5.2.1", "1"]
    assert sorted(ids, key=natural_key) == ["1", "5", "5.2", "5.2.1", "5.10", "10", "a9", "a10"]
    tasks = [{"id": name, "files": ["x"]} for name in ("t10", "t9")]
    assert waves_of(compiled(tasks=tasks)[0]) == {"t9": 0, "t10": 1}


def test_a_wave_may_be_filled_by_a_task_of_a_higher_level() -> None:
    tasks = [
        {"id": "a", "files": ["x"]},
        {"id": "b", "files": ["x"]},
        {"id": "c", "dependencies": ["a"], "files": ["y"]},
    ]
    assert waves_of(compiled(tasks=tasks)[0]) == {"a": 0, "b": 1, "c": 1}


def test_conflicts_name_the_path_and_the_tasks() -> None:
    graph, _ = compiled(tasks=[{"id": "a", "files": ["x/"]}, {"id": "b", "files": ["x/y"]}, {"id": "c"}])
    assert [(conflict.path, conflict.tasks) for conflict in graph.conflicts] == [("x/y", (0, 1))]


# Lengths, roles, attempts


def test_without_estimates_every_task_is_one_long() -> None:
    assert compiled(tasks=[{"id": "a"}, {"id": "b"}])[0].seconds == (1, 1)


def test_a_task_without_an_estimate_is_as_long_as_the_median_of_the_others() -> None:
    estimates = [10, 20, 90, None]
    tasks = [{"id": f"t{i}", "estimateSeconds": seconds} for i, seconds in enumerate(estimates)]
    assert compiled(tasks=tasks)[0].seconds == (10, 20, 90, 20)


def test_a_task_s_role_is_its_own_else_the_default_else_the_only_one() -> None:
    def roles(**fields: Any) -> list[str | None]:
        spec = parse_spec(fields | {"tasks": [{"id": "a", "role": "own"}, {"id": "b"}]})
        return [role_of(spec, task) for task in spec.tasks]

    assert roles() == ["own", None]
    assert roles(defaults={"role": "usual"}) == ["own", "usual"]
    assert roles(roles=[{"name": "own"}]) == ["own", "own"]
    assert roles(roles=[{"name": "own"}, {"name": "x"}], defaults={"role": "x"}) == ["own", "x"]


def test_attempts_and_forgiven_failures_are_by_task() -> None:
    tasks = [{"id": "a", "maxAttempts": 5}, {"id": "b"}]
    retries = [
        {"id": "b", "forgive": 2, "forgiveConflicts": 3},
        {"id": "a", "forgiveConflicts": 1},
        {"id": "gone", "forgive": 1},
    ]
    graph, _ = compiled(tasks=tasks, defaults={"maxAttempts": 3}, retries=retries)
    assert graph.max_attempts == (5, 3)
    assert graph.forgiven == {1: 2}
    assert graph.forgiven_conflicts == {1: 3, 0: 1}


def test_a_dependency_given_twice_counts_once() -> None:
    graph, _ = compiled(tasks=[{"id": "a"}, {"id": "b", "dependencies": ["a", "a"]}])
    assert graph.parents == ((), (0,))
    assert graph.children == ((1,), ())


def test_a_project_without_tasks_compiles() -> None:
    graph, _ = compiled()
    assert (graph.levels, graph.waves, graph.critical_path, graph.bottlenecks, graph.conflicts) == ((),) * 5


# Problems


def problems_of(**fields: Any) -> list[Problem]:
    with pytest.raises(ProblemsError) as caught:
        compiled(**fields)
    return caught.value.problems


def test_an_id_given_twice_is_told_with_both_places() -> None:
    (problem,) = problems_of(tasks=[{"id": "a"}, {"id": "b"}, {"id": "a"}])
    assert str(problem) == 'spec.tasks[2].id: "a" is already the id of spec.tasks[0] (give each task its own id)'
    assert problem.reason == "DuplicateTask"


def test_an_unknown_dependency_is_told_with_the_closest_id() -> None:
    (problem,) = problems_of(tasks=[{"id": "api-schema"}, {"id": "b", "dependencies": ["api-shema"]}])
    assert str(problem) == 'spec.tasks[1].dependencies[0]: "api-shema" is not a task (did you mean "api-schema"?)'
    assert problem.reason == "UnknownDependency"


def test_an_unknown_dependency_like_nothing_else_is_to_be_removed_or_added() -> None:
    (problem,) = problems_of(tasks=[{"id": "a", "dependencies": ["zebra"]}])
    assert problem.hint == "remove it, or add the task"


def test_a_cycle_is_told_by_its_tasks_in_the_order_in_which_they_wait() -> None:
    tasks = [{"id": "a", "dependencies": ["b"]}, {"id": "b", "dependencies": ["c"]}, {"id": "c", "dependencies": ["a"]}]
    (problem,) = problems_of(tasks=tasks)
    assert str(problem) == ("spec.tasks[0].dependencies: cycle of 3: a → b → c → a (remove one of these dependencies)")
    assert problem.reason == "CycleFound"


def test_every_cycle_is_told_shortest_first() -> None:
    deps = {"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": ["c"], "e": ["e"], "f": ["a"]}
    problems = problems_of(tasks=[{"id": name, "dependencies": above} for name, above in deps.items()])
    assert [(problem.place, problem.found) for problem in problems] == [
        ("spec.tasks[4].dependencies", '"e" depends on itself'),
        ("spec.tasks[2].dependencies", "cycle of 2: c → d → c"),
        ("spec.tasks[0].dependencies", "cycle of 3: a → b → c → a"),
    ]
    assert problems[0].hint == "remove that dependency"


def test_a_long_cycle_is_told_shortened() -> None:
    tasks = [{"id": f"t{i}", "dependencies": [f"t{(i + 1) % 30}"]} for i in range(30)]
    (problem,) = problems_of(tasks=tasks)
    assert problem.found == ("cycle of 30: t0 → t1 → t2 → t3 → t4 → t5 → … 21 more … → t27 → t28 → t29 → t0")


def test_more_cycles_than_can_be_named_are_told_to_be_more() -> None:
    ids = [f"t{i}" for i in range(12)]
    problems = problems_of(tasks=[{"id": one, "dependencies": [o for o in ids if o != one]} for one in ids])
    assert problems[-1].place == "spec.tasks"
    assert problems[-1].found == "the graph may have more cycles than these 100"
    assert {problem.reason for problem in problems} == {"CycleFound"}


def test_a_role_that_does_not_exist_is_told_with_the_closest_or_all() -> None:
    roles = [{"name": "coder"}, {"name": "tester"}]
    problems = problems_of(roles=roles, defaults={"role": "codr"}, tasks=[{"id": "a", "role": "xyz"}])
    assert list(map(str, problems)) == [
        'spec.tasks[0].role: "xyz" is not a role (one of: coder, tester)',
        'spec.defaults.role: "codr" is not a role (did you mean "coder"?)',
    ]


def test_a_task_without_a_role_is_told_where_there_are_several() -> None:
    (problem,) = problems_of(roles=[{"name": "x"}, {"name": "y"}], tasks=[{"id": "a"}, {"id": "b", "role": "x"}])
    assert str(problem) == (
        "spec.tasks[0].role: is missing, and the spec has several roles (name one, or set spec.defaults.role)"
    )
    assert problem.reason == "InvalidSpec"


def test_a_role_given_twice_is_told() -> None:
    problems = problems_of(roles=[{"name": "x"}, {"name": "x"}], defaults={"role": "x"})
    assert list(map(str, problems)) == ['spec.roles[1].name: "x" is used twice (give each role its own name)']


def test_roles_are_only_words_where_none_is_defined() -> None:
    assert compiled(tasks=[{"id": "a", "role": "anything"}])[0].role == ("anything",)


def test_two_parameters_with_one_variable_are_told() -> None:
    parameters = [{"name": "end-point"}, {"name": "other"}, {"name": "end.point"}]
    (problem,) = problems_of(tasks=[{"id": "a", "parameters": parameters}])
    assert str(problem) == (
        'spec.tasks[0].parameters[2].name: "end.point" and "end-point" are both PPROJ_PARAM_END_POINT (rename one)'
    )


def test_a_path_outside_the_repository_is_told_with_its_place() -> None:
    (problem,) = problems_of(tasks=[{"id": "a"}, {"id": "b", "files": ["ok", "../x"]}])
    assert str(problem) == (
        'spec.tasks[1].files[1]: "../x" is not a path within the repository '
        "(give a path relative to the repository, without ..)"
    )


def test_all_that_is_wrong_is_told_at_once() -> None:
    tasks = [
        {"id": "a", "dependencies": ["b"], "files": ["/etc"]},
        {"id": "b", "dependencies": ["a", "nothing"], "role": "none"},
        {"id": "b", "parameters": [{"name": "x"}, {"name": "X"}]},
        {"id": "c", "dependencies": ["c"]},
    ]
    problems = problems_of(tasks=tasks, roles=[{"name": "x"}, {"name": "x"}], defaults={"role": "x"})
    assert {p.reason for p in problems} == {"DuplicateTask", "UnknownDependency", "InvalidSpec", "CycleFound"}
    assert {p.place for p in problems} >= {
        "spec.tasks[2].id",
        "spec.tasks[1].dependencies[1]",
        "spec.tasks[0].files[0]",
        "spec.tasks[1].role",
        "spec.tasks[2].parameters[1].name",
        "spec.tasks[3].dependencies",
        "spec.roles[1].name",
    }


def test_a_thousand_problems_are_told_by_the_first_hundred_or_so() -> None:
    tasks = [{"id": f"t{i}", "dependencies": [f"x{i}"], "role": "no", "files": ["/"]} for i in range(1000)]
    problems = problems_of(tasks=tasks, roles=[{"name": "r"}])
    assert 100 <= len(problems) <= 300


@examples(100)
@given(st.lists(st.lists(st.sampled_from("abcdex"), max_size=3), min_size=1, max_size=5))
def test_a_spec_is_refused_exactly_when_something_is_wrong_with_it(dependencies: list[list[str]]) -> None:
    ids = "abcde"[: len(dependencies)]
    spec = parse_spec({"tasks": [{"id": i, "dependencies": d} for i, d in zip(ids, dependencies, strict=True)]})
    reference: nx.DiGraph[str] = nx.DiGraph((d, i) for i, above in zip(ids, dependencies, strict=True) for d in above)
    unknown = {d for above in dependencies for d in above if d not in ids}
    cyclic = not nx.is_directed_acyclic_graph(reference)
    assert reasons_of(spec) == {*["UnknownDependency"] * bool(unknown), *["CycleFound"] * cyclic}


def reasons_of(spec: Spec) -> set[str]:
    try:
        compile_graph(spec)
    except ProblemsError as error:
        return {problem.reason for problem in error.problems}
    return set()


# Did you mean


@pytest.mark.parametrize(
    ("word", "words", "hint"),
    [
        ("bakend", ["frontend", "backend"], 'did you mean "backend"?'),
        ("Backend", ["backend"], 'did you mean "backend"?'),
        ("xyz", ["backend"], ""),
        ("a", [], ""),
    ],
)
def test_the_closest_name_is_offered_where_one_is_close(word: str, words: list[str], hint: str) -> None:
    assert did_you_mean(word, words) == hint


@examples(100)
@given(st.text("abc", min_size=4, max_size=10), st.integers(0, 9), st.lists(st.text("xyz", max_size=9), max_size=20))
def test_a_name_with_one_letter_missing_is_recognised(word: str, at: int, others: list[str]) -> None:
    at = 1 + at % (len(word) - 1)
    typed = word[:at] + word[at + 1 :]
    assume(typed not in others)
    assert did_you_mean(typed, [*others, word]) == f'did you mean "{word}"?'
