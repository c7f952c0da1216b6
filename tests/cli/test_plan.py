"""``pproj plan``: its JSON against networkx, its text at several widths, and what it says of odd projects."""

import json
import shlex
from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.report.overview import enough, outline
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Spec
from parallelproject.sources import Options, load
from tests.local.checkout import Checkout

from .conftest import MANIFEST, Pproj, real


def graph_of(spec: Spec) -> "nx.DiGraph[str]":
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(task.id for task in spec.tasks)
    graph.add_edges_from((need, task.id) for task in spec.tasks for need in task.dependencies)
    return graph


@real
def test_json_agrees_with_networkx_on_real_files(pproj: Pproj, file: Path):
    answer = pproj("plan", file, "--dangling", "warn", "-o", "json").json
    spec = load(file, options=Options(dangling="warn")).project.spec
    graph = graph_of(spec)
    assert [sorted(level) for level in answer["levels"]] == [sorted(g) for g in nx.topological_generations(graph)]
    assert answer["tasks"] == len(graph)
    path = answer["criticalPath"]
    assert all(graph.has_edge(a, b) for a, b in pairwise(path))
    assert len(path) == nx.dag_longest_path_length(graph, weight=None, default_weight=1) + 1
    below = {id: len(nx.descendants(graph, id)) for id in graph}
    assert [below[id] for id in answer["bottlenecks"]] == sorted(below.values(), reverse=True)[
        : len(answer["bottlenecks"])
    ]
    assert answer["waiting"] == {id: below[id] for id in answer["bottlenecks"]}
    wave = {id: number for number, ids in enumerate(answer["waves"]) for id in ids}
    assert sorted(wave) == sorted(graph)
    assert all(wave[a] < wave[b] for a, b in graph.edges)
    for conflict in answer["conflicts"]:
        assert len({wave[id] for id in conflict["tasks"]}) > 1
    assert answer["speedup"]["1"] == 1.0
    assert str(answer["parallelism"]) in answer["speedup"]
    source = answer["source"]
    assert source["found"] == source["taken"] + source["done"] + len(source["leftOut"])


@real
@pytest.mark.parametrize("width", [80, 140])
def test_no_line_of_the_text_is_longer_than_the_terminal(pproj: Pproj, file: Path, width: int):
    result = pproj("plan", file, "--dangling", "warn", width=width)
    assert result.code == 0
    for line in result.out.splitlines():
        assert len(line) <= width or line.startswith("  pproj "), line
        assert line == line.rstrip()
        assert "\x1b" not in line


@pytest.mark.usefixtures("programs")
def test_the_text_tells_everything_about_a_small_file(pproj: Pproj, tasks_json: Path):
    text = pproj("plan", tasks_json).out
    file = shlex.quote(str(tasks_json))
    for part in (
        "shop: 5 tasks in 4 levels, at most 2 at the same time",
        "6 tasks found: 5 to run, 1 done",
        "1 parent task, run through its subtasks",
        "  L0  1  ██████        2\n",
        "  L1  2  ████████████  3.1, 4\n",
        "  L2  1  ██████        3.2\n",
        "File conflicts  1 path with several writers; these tasks take turns\n  src/api/routes.py  3.1, 4\n",
        "Critical path  4 tasks of 5; no parallelism makes it shorter\n  2 → 3.1 → 3.2 → 5\n",
        "Bottlenecks  most tasks wait for these\n  2    4 tasks  API schema\n  3.1  2 tasks  Routes\n",
        "Roles  chosen by words in the text; -v shows which\n",
        "Predicted speedup  with scheduling Levels, if all tasks take equally long\n",
        f"Next\n  pproj run {file} --command 'CMD'\n  pproj import {file} | kubectl apply --server-side -f -\n",
    ):
        assert part in text


def test_verbose_tells_why_each_role_was_chosen(pproj: Pproj, tasks_json: Path):
    text = pproj("plan", tasks_json, "-v").out
    assert 'frontend-developer by "frontend": 4' in text
    assert 'database-architect by "SQL": 3.2' in text


@pytest.mark.usefixtures("programs")
def test_the_next_command_keeps_what_was_asked_for(pproj: Pproj, tasks_json: Path):
    text = pproj("plan", tasks_json, "--all", "--dangling", "warn").out
    assert f"pproj run {tasks_json} --dangling warn --all --command" in text


def test_the_next_command_has_what_is_set_nowhere(
    pproj: Pproj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: Path
):
    checkout = Checkout(tmp_path)
    monkeypatch.chdir(checkout.path)
    Path("sub").mkdir()
    Path("sub/tasks.json").write_text(json.dumps({"tasks": [{"id": 1, "title": "a"}]}))

    def following(*words: object, width: int | None = None) -> list[str]:
        lines = pproj("plan", *words, width=width).out.splitlines()
        following = lines[lines.index("Next") + 1 :]
        return following[: next(i for i, line in enumerate(following) if "import" in line)]

    assert following("sub/tasks.json") == ["  pproj run sub/tasks.json --repo . --command 'CMD'"]
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(Path("sub/tasks.json").read_text())
    assert following(elsewhere) == [f"  pproj run {elsewhere} --repo . --command 'CMD'"]
    monkeypatch.chdir("sub")
    assert following("tasks.json") == ["  pproj run tasks.json --repo .. --command 'CMD'"]
    Path(".pproj.yaml").write_text("repo: ..\ncommand: agent\n")
    assert following("tasks.json") == ["  pproj run tasks.json"]
    Path(".pproj.yaml").unlink()
    assert following("tasks.json", width=40) == ["  pproj run tasks.json --repo .. \\", "    --command CMD"]
    (programs / "codex").touch(mode=0o755)
    assert following("tasks.json", width=100) == ["  pproj run tasks.json --repo .. --agent codex"]
    end = pproj("plan", "tasks.json", width=40).out.splitlines()[-2:]
    assert end == ["  pproj import tasks.json \\", "    | kubectl apply --server-side -f -"]


def test_a_skipped_task_is_named_and_on_no_critical_path(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "demo.yaml"
    tasks = [{"id": id, "estimateSeconds": seconds} for id, seconds in (("a", 10), ("b", 900), ("c", 10), ("x", 60))]
    tasks[1]["dependencies"], tasks[2]["dependencies"] = ["a"], ["b"]
    head = {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": "demo"}}
    file.write_text(json.dumps(head | {"spec": {"tasks": tasks, "skip": ["b"]}}))
    answer = pproj("plan", file, "-o", "json").json
    assert (answer["skipped"], answer["criticalPath"], answer["criticalPathSeconds"]) == (["b"], ["x"], 60)
    assert answer["waiting"] == {"a": 1}
    text = pproj("plan", file).out
    assert "  1 task of these skipped by request (spec.skip): b\n" in text
    assert "Critical path  1 min 0 s of 1 min 20 s of work" in text
    file.write_text(json.dumps(head | {"spec": {"tasks": tasks, "skip": ["a", "b", "c", "x"]}}))
    assert "Nothing is left to run: spec.skip names every task." in pproj("plan", file).out


def test_estimates_give_times(pproj: Pproj, manifest: Path):
    text = pproj("plan", manifest).out
    assert "Critical path  11 min 0 s of 16 min 0 s of work" in text
    assert "  time  " in text
    assert f"pproj run {manifest}\n  pproj submit {manifest} --watch" in text
    answer = pproj("plan", manifest, "-o", "json").json
    assert (answer["estimated"], answer["workSeconds"], answer["criticalPathSeconds"]) == (True, 960, 660)
    assert answer["speedup"] == {"1": 1.0, "2": 1.45, "3": 1.45, "4": 1.45}


def test_all_plans_what_is_done_too(pproj: Pproj, tasks_json: Path):
    assert pproj("plan", tasks_json, "--all", "-o", "json").json["levels"] == [
        ["1"],
        ["2"],
        ["3.1", "4"],
        ["3.2"],
        ["5"],
    ]


def test_when_all_is_done_the_plan_says_so(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps({"tasks": [{"id": 1, "title": "a", "status": "done"}]}))
    result = pproj("plan", file)
    assert result.code == 0
    assert "Nothing is left to run.\n--all plans as if nothing were done yet." in result.out
    answer = pproj("plan", file, "-o", "json").json
    assert (answer["tasks"], answer["levels"], answer["criticalPath"], answer["speedup"]) == (0, [], [], {})


def test_a_tag_makes_a_project_of_its_own(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "shop.json"
    file.write_text(
        json.dumps({"master": {"tasks": [{"id": 1, "title": "a"}]}, "Next Up": {"tasks": [{"id": 2, "title": "b"}]}})
    )
    assert pproj("plan", file, "-o", "json").json["project"] == "shop"
    answer = pproj("plan", file, "--tag", "Next Up", "-o", "json").json
    assert (answer["project"], answer["levels"]) == ("shop-next-up", [["2"]])
    result = pproj("plan", file, "--tag", "Nxt Up")
    assert result.code == 1
    assert 'did you mean "Next Up"?' in result.err


def test_a_tag_of_a_file_without_tags_is_refused(pproj: Pproj, manifest: Path):
    result = pproj("plan", manifest, "--tag", "x")
    assert result.code == 2
    assert "has no tags" in result.err


def test_scheduling_and_parallelism_can_be_tried_out(pproj: Pproj, manifest: Path):
    answer = pproj("plan", manifest, "--scheduling", "Graph", "--parallelism", "7", "-o", "json").json
    assert (answer["scheduling"], answer["parallelism"]) == ("Graph", 7)
    assert "7" in answer["speedup"]


def test_errors_of_the_graph_end_the_plan_with_1(pproj: Pproj, manifest: Path):
    manifest.write_text(MANIFEST.replace("[schema]", "[backend]", 1))
    result = pproj("plan", manifest)
    assert (result.code, result.out) == (1, "")
    assert '"backend" depends on itself' in result.err


def test_many_errors_are_cut_and_lint_is_named(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps({"tasks": [{"id": i, "title": "a", "dependencies": [1000 + i]} for i in range(1, 40)]}))
    lines = pproj("plan", file).err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 19 more; pproj lint shows all of them"


def test_a_chain_has_nothing_to_run_in_parallel(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "chain.json"
    tasks = [{"id": i, "title": "a", "dependencies": [i - 1] if i > 1 else []} for i in range(1, 61)]
    file.write_text(json.dumps({"tasks": tasks}))
    text = pproj("plan", file, width=100).out
    assert "there is nothing to run in parallel" in text
    assert "… 40 more levels with 40 tasks; -v shows all" in text
    assert "… 49 more …" in text


def test_five_thousand_tasks_fit_on_a_screen(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "big.json"
    tasks = [{"id": i, "title": "t", "dependencies": [i // 2] if i > 1 else []} for i in range(1, 5001)]
    file.write_text(json.dumps({"tasks": tasks}))
    lines = pproj("plan", file, width=80).out.splitlines()
    assert len(lines) < 60
    assert max(map(len, lines[:-3])) <= 80


@pytest.mark.parametrize(
    ("speedup", "expected"),
    [
        ({}, 1),
        ({1: 1.0}, 1),
        ({1: 1.0, 2: 1.9, 4: 3.3, 8: 4.9, 16: 6.1, 32: 6.1}, 16),
        ({1: 1.0, 2: 1.0}, 1),
    ],
)
def test_enough_is_where_more_parallelism_gains_little(speedup: dict[int, float], expected: int):
    assert enough(speedup) == expected


def test_the_outline_counts_what_waits_for_a_bottleneck_once():
    spec = parse_spec({"tasks": [
        {"id": "a"}, {"id": "b", "dependencies": ["a"]}, {"id": "c", "dependencies": ["a"]},
        {"id": "d", "dependencies": ["b", "c"], "estimateSeconds": 10},
    ]})  # fmt: skip
    found = outline(compile_graph(spec), spec)
    assert [(b.id, b.tasks, b.seconds) for b in found.bottlenecks] == [("a", 3, 30), ("b", 1, 10), ("c", 1, 10)]
    assert found.speedup[1] == 1.0
