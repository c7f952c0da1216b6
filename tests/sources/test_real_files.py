"""Real files of each tool, where they are at hand: levels worked out again from the raw data, plainly.

The folder is that of ``PPROJ_TEST_DATA``, or ``shared/data`` beside the repository.
"""

import json
import os
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from parallelproject.model.problem import ProblemsError
from parallelproject.sources import Format, Imported, Options, load

DATA = Path(os.environ.get("PPROJ_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")
TASKMASTER = sorted((DATA / "taskmaster").glob("*.json"))
BEADS = sorted((DATA / "beads").glob("*.jsonl"))

pytestmark = pytest.mark.skipif(not TASKMASTER or not BEADS, reason="the real files are not here")

Graph = dict[str, set[str]]


def tags(file: Path) -> list[str | None]:
    data = json.loads(file.read_text())
    return [None] if isinstance(data.get("tasks"), list) else list(data)


def taskmaster_by_hand(file: Path, tag: str | None, everything: bool) -> tuple[Graph, dict[str, int]]:
    """What each task to run waits for, by the rules as they are written, with none of the code under test."""
    data = json.loads(file.read_text())
    tasks = data["tasks"] if tag is None else data[tag]["tasks"]
    top: dict[str, dict[str, Any]] = {str(task["id"]): task for task in tasks}
    leaves_of: dict[str, list[str]] = {}
    leaf: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {}
    for id, task in top.items():
        leaves_of[id] = []
        for sub in task.get("subtasks") or []:
            name, count = f"{id}.{sub['id']}", 1
            while name in leaf:  # eight subtasks of one file share an id
                count += 1
                name = f"{id}.{sub['id']}-{count}"
            leaf[name] = (sub, task)
            leaves_of[id].append(name)
        if not leaves_of[id]:
            leaf[id] = (task, None)
            leaves_of[id] = [id]

    def state(name: str) -> str:
        task, parent = leaf[name]
        finished = ("done", "completed")
        if task["status"] in finished or (parent is not None and parent["status"] in finished):
            return "run" if everything else "done"
        for holder in (task, parent):
            if holder is not None and holder["status"] in ("deferred", "cancelled"):
                return str(holder["status"])
        return "run"

    def meant(number: object, parent: dict[str, Any] | None, own: str) -> list[str]:
        text = str(number)
        if parent is not None:
            sibling = f"{parent['id']}.{text}"
            if sibling in leaf and sibling != own:
                return [sibling]
        if text in leaves_of:
            return leaves_of[text]
        return [text] if text in leaf else []

    waits: Graph = {}
    for name, (task, parent) in leaf.items():
        found = set()
        for number in task.get("dependencies") or []:
            found.update(meant(number, parent, name))
        for number in (parent or {}).get("dependencies") or []:
            found.update(meant(number, None, ""))
        waits[name] = found
    out = {name for name in leaf if state(name) == "deferred"}
    while more := {n for n in leaf if state(n) == "run" and n not in out and waits[n] & out}:
        out |= more
    run = {name for name in leaf if state(name) == "run" and name not in out}
    figures = {
        "found": len(leaf),
        "taken": len(run),
        "done": sum(state(name) == "done" for name in leaf),
        "left out": len(out) + sum(state(name) == "cancelled" for name in leaf),
    }
    return {name: waits[name] & run for name in run}, figures


def beads_by_hand(file: Path, everything: bool) -> tuple[Graph, dict[str, int]]:
    """The same for issues. What is not work for anyone is taken from the module's own description."""
    rows: dict[str, dict[str, Any]] = {}
    for line in file.read_text().splitlines():
        if line.strip():
            row = json.loads(line)
            rows[row["id"]] = row
    parents: dict[str, list[str]] = {id: [] for id in rows}
    blockers: dict[str, list[str]] = {id: [] for id in rows}
    for id, row in rows.items():
        for link in row.get("dependencies") or []:
            if link["depends_on_id"] in rows:
                if link["type"] == "parent-child":
                    parents[id].append(link["depends_on_id"])
                elif link["type"] == "blocks":
                    blockers[id].append(link["depends_on_id"])
    for id in rows:
        if not parents[id] and id.rsplit(".", 1)[0] in rows and "." in id:
            parents[id].append(id.rsplit(".", 1)[0])

    def above(id: str) -> set[str]:
        found: set[str] = set()
        todo = [*parents[id]]
        while todo:
            parent = todo.pop()
            if parent not in found:
                found.add(parent)
                todo += parents[parent]
        return found

    closed = {id for id, row in rows.items() if row["status"] == "closed"}
    work = {id for id in rows if rows[id]["issue_type"] != "epic"}
    done = set() if everything else closed
    keeping = {"agent", "convoy", "event", "merge-request", "message", "rig", "role", "slot", "gate"}

    def no_work(id: str) -> bool:
        row = rows[id]
        marked = row.get("ephemeral") or row.get("is_template") or row.get("pinned") or row["status"] == "pinned"
        within = any(rows[e].get("ephemeral") and (everything or rows[e]["status"] != "closed") for e in above(id))
        return bool(marked or row["issue_type"] in keeping or within)

    out = {id for id in set(rows) - done if no_work(id)}
    freed = {id for id in out if id in closed}  # nothing waits for what has ended
    run = work - done - out
    waits: Graph = {}
    for id in work - done:
        found: set[str] = set()
        for owner in {id, *above(id)}:
            for blocker in blockers[owner]:
                if blocker in done or (owner != id and (blocker == owner or owner in above(blocker))):
                    continue
                if rows[blocker]["issue_type"] == "epic":
                    found |= {blocker} | {other for other in work if blocker in above(other)}
                else:
                    found.add(blocker)
        waits[id] = found
    while more := {id for id in run - out if waits[id] & (out - freed)}:
        out |= more
    run -= out
    figures = {
        "found": len(work),
        "taken": len(run),
        "done": len(work & done),
        "left out": len(out & work),
    }
    return {id: waits[id] & run for id in run}, figures


def levels_by_hand(waits: Graph) -> tuple[dict[str, int], set[str]]:
    """Levels by asking again until nothing changes; and what is in or behind a cycle, which has none."""
    level: dict[str, int] = {}
    changed = True
    while changed:
        changed = False
        for id, needs in waits.items():
            if id not in level and all(need in level for need in needs):
                level[id] = 1 + max((level[need] for need in needs), default=-1)
                changed = True
    return level, set(waits) - set(level)


def compare(imported: Imported, waits: Graph, figures: dict[str, int]) -> None:
    tasks = imported.project.spec.tasks
    assert {task.id: set(task.dependencies) for task in tasks} == waits
    graph = nx.DiGraph((need, task.id) for task in tasks for need in task.dependencies)
    graph.add_nodes_from(task.id for task in tasks)
    knots = [k for k in nx.strongly_connected_components(graph) if len(k) > 1]
    stuck = {id for knot in knots for one in knot for id in (one, *nx.descendants(graph, one))}
    free = graph.subgraph(set(graph) - stuck)
    found = {id: n for n, level in enumerate(nx.topological_generations(free)) for id in level}
    assert (found, stuck) == levels_by_hand(waits)
    report = imported.report
    assert {
        "found": report.found,
        "taken": report.taken,
        "done": report.done,
        "left out": len(report.left_out),
    } == figures


@pytest.mark.parametrize("everything", [False, True], ids=["open", "all"])
@pytest.mark.parametrize("file", TASKMASTER, ids=lambda file: file.stem)
def test_taskmasters_levels_are_those_worked_out_by_hand(file: Path, everything: bool):
    for tag in tags(file):
        imported = load(file, options=Options(tag=tag, include_done=everything, dangling="warn"))
        compare(imported, *taskmaster_by_hand(file, tag, everything))
        assert imported.report.format is Format.TASKMASTER


@pytest.mark.parametrize("everything", [False, True], ids=["open", "all"])
@pytest.mark.parametrize("file", BEADS, ids=lambda file: file.stem)
def test_beads_levels_are_those_worked_out_by_hand(file: Path, everything: bool):
    imported = load(file, options=Options(include_done=everything, dangling="warn"))
    compare(imported, *beads_by_hand(file, everything))
    assert imported.report.format is Format.BEADS


def test_sizes_are_those_known():
    file = DATA / "taskmaster" / "claude-task-master.json"
    reports = [load(file, options=Options(tag=tag, dangling="warn")).report for tag in tags(file)]
    assert len(reports) == 9
    raw = json.loads(file.read_text())
    assert sum(len(tag["tasks"]) for tag in raw.values()) == 182
    assert sum(report.found for report in reports) == 182 - sum(report.containers for report in reports) + 914


@pytest.mark.parametrize("name", ["claude-task-master.json", "claude-task-master-legacy.json"])
def test_cycles_among_done_subtasks_are_told_only_when_all_are_planned(name: str):
    for everything in (False, True):
        report = load(DATA / "taskmaster" / name, options=Options(include_done=everything)).report
        told = [str(warning) for warning in report.warnings if "wait for each other" in str(warning)]
        assert any('"12.1", "12.4"' in line for line in told) is everything
        assert all("tasks at the top" in line for line in told)


def test_dangling_dependencies_of_open_work_are_named_with_their_place():
    with pytest.raises(ProblemsError, match=r'tags\.test-tag\.tasks\[0\]\.dependencies\[0\]: "16" is not a task'):
        load(DATA / "taskmaster" / "claude-task-master.json", options=Options(tag="test-tag"))


@pytest.mark.parametrize("file", TASKMASTER, ids=lambda file: file.stem)
def test_the_tasks_at_the_top_can_be_read_too(file: Path):
    for tag in tags(file):
        options = Options(tag=tag, subtasks="parents", dangling="warn", include_done=True)
        report = load(file, options=options).report
        data = json.loads(file.read_text())
        assert report.found == len(data["tasks"] if tag is None else data[tag]["tasks"])


@pytest.mark.parametrize("file", [*TASKMASTER, *BEADS], ids=lambda file: file.name)
def test_paths_found_have_a_folder_and_few_overlap_within_a_level(file: Path):
    imported = load(file, options=Options(include_done=True, dangling="warn"))
    assert imported.report.files
    for paths in imported.report.files.values():
        assert all("/" in path and ".." not in path and "://" not in path for path in paths)
