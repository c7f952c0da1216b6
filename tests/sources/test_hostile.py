"""Whatever a file holds, it gives a project or problems, never another exception; and the account is right."""

import contextlib
import json
import random
from collections.abc import Callable
from typing import Any

import networkx as nx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parallelproject.model.problem import Problem, ProblemsError, Severity
from parallelproject.model.project import parse_spec
from parallelproject.sources import Format, Imported, Options, load, read
from parallelproject.sources.text.json_text import DEPTH_MAX
from tests.core.examples import tries

IDS = st.sampled_from([1, 2, 3, "1", "2", "1.1", "1.2", "2.1", "a b", "é", "HAM-1", 9, None, True, 1.5, [], "\ud800"])
STATES = st.sampled_from(
    [
        "pending",
        "done",
        "deferred",
        "cancelled",
        "review",
        "blocked",
        "open",
        "closed",
        "tombstone",
        "pinned",
        "x",
        3,
        None,
    ]
)
TEXTS = st.sampled_from(
    ["", "Add the API", "[P:Group-A] x", "a [P] b", "in src/a.py", "\x00\ud800", 5, None, ["a"], {}]
)
LINKS = st.fixed_dictionaries(
    {"depends_on_id": IDS, "type": st.sampled_from(["blocks", "parent-child", "conditional-blocks", "related", 4])}
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "tasks", "title", "spec", "kind", "metadata", "dependencies", "subtasks", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
OPTIONS = st.builds(
    Options,
    include_done=st.booleans(),
    dangling=st.sampled_from(["error", "warn"]),
    subtasks=st.sampled_from(["leaves", "parents"]),
    cancelled_satisfies=st.booleans(),
    infer_roles=st.booleans(),
    infer_files=st.booleans(),
)
FORMATS = st.sampled_from([None, *Format])
FILES = st.sampled_from(["x", "x.json", "x.jsonl", "x.md", "x.yaml"])


def entries(ids: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Tasks that have an id of ``ids``, or with ``IDS`` maybe none."""
    fields = {
        "title": TEXTS,
        "description": TEXTS,
        "status": STATES,
        "dependencies": st.lists(IDS | LINKS, max_size=4) | st.none(),
        "priority": st.sampled_from(["low", "high", 0, 4, None, "x"]),
        "issue_type": st.sampled_from(["task", "epic", "molecule", "gate", "agent", None]),
        "ephemeral": st.sampled_from([True, False, None, "x"]),
        "defer_until": st.sampled_from(["2099-01-01", "0001-01-01T00:00:00+14:00", "x", 5, None]),
        "passes": st.sampled_from([True, False, None, "yes", 1]),
        "steps": st.sampled_from([["a"], "a", None, {}, [1, [2]]]),
        "number": st.sampled_from([1, "2", "#3", 0, -1, 10**12, None, [], "x", 1.5]),
        "body": st.sampled_from(
            ["Blocked by #1, #2 and GH-3", "- [ ] #2\n- [x] #9", "## Depends on\n- o/r#4", 5, None]
        ),
        "labels": st.sampled_from([None, ["epic"], [{"name": "P0"}], [{"name": None}, 5, []], {}, "x"]),
        "blockedBy": st.sampled_from(
            [None, [1], {"nodes": [{"number": 1, "state": "OPEN"}]}, {"nodes": 3}, "1, 2", {}]
        ),
        "parent": IDS | st.just({"number": 1}),
        "depends_on": st.sampled_from([None, "1", "1, 2", [1, {"id": 2}], {"a": 1}, "some text", [[]]]),
        "relevantFiles": st.sampled_from([None, [], [{"path": "a/b"}], ["/x"], 3]),
        "metadata": st.sampled_from([None, {}, {"subagent_type": "x"}, []]),
    }
    needed = {"id": ids} if ids is not IDS else {}
    flat = st.fixed_dictionaries({"id": IDS}, optional=fields)
    more = {"id": IDS} | fields | {"subtasks": st.lists(flat, max_size=3)}
    return st.fixed_dictionaries(needed, optional={key: more[key] for key in more if key not in needed})


def distinct(ids: list[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.tuples(*[entries(st.just(id)) for id in ids]).map(list)


TASKS = st.lists(entries(IDS), max_size=5) | distinct([1, 2, "3", "a b"])


def check_problems(problems: list[Problem]) -> None:
    assert problems
    for problem in problems:
        assert problem.severity is Severity.ERROR
        assert problem.place
        assert problem.found
        str(problem).encode()
        assert "\n" not in str(problem)


def check(text: str, file: str, format: Format | None, options: Options) -> Imported | None:
    """Reads a text; what comes out must be whole."""
    try:
        imported = read(text, file=file, format=format, options=options)
    except ProblemsError as error:
        check_problems(error.problems)
        return None
    report = imported.report
    assert report.found == report.taken + report.done + len(report.left_out)
    assert report.taken == len(imported.project.spec.tasks)
    assert "\n" not in "".join(report.lines()) + "".join(map(str, report.warnings))
    ("".join(report.lines()) + "".join(map(str, report.warnings))).encode()
    json.dumps(imported.project.manifest()).encode()
    if report.format not in (Format.MANIFEST, Format.ARGO):
        ids = {task.id for task in imported.project.spec.tasks}
        assert len(ids) == report.taken
        for task in imported.project.spec.tasks:
            assert ids.issuperset(task.dependencies)
            assert len(set(task.dependencies)) == len(task.dependencies)
            f"{task.title}{task.description}".encode()
        assert not ids.intersection(row.id for row in report.left_out)
        assert set(report.roles) | set(report.files) <= ids
        parse_spec(imported.project.manifest()["spec"])
    return imported


@given(st.binary(max_size=200), FILES, FORMATS)
@settings(deadline=None)
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes, file: str, format: Format | None):
    path = tmp_path_factory.getbasetemp() / file
    path.write_bytes(data)
    with contextlib.suppress(ProblemsError):
        load(path, format=format)


@given(st.text(st.characters(codec=None), max_size=200), FILES, FORMATS)
@settings(deadline=None)
@example("- [ ] \x00a\ud800", "x", None)
def test_any_text(text: str, file: str, format: Format | None):
    check(text, file, format, Options())


@given(JSON, FILES, FORMATS, OPTIONS)
@settings(deadline=None)
def test_any_json(data: Any, file: str, format: Format | None, options: Options):
    check(json.dumps(data), file, format, options)


@given(TASKS, OPTIONS, st.sampled_from(["taskmaster", "beads", "groups", "features", "github"]))
@settings(max_examples=tries(300), deadline=None)
def test_any_tasks_are_accounted_for(tasks: list[Any], options: Options, format: str):
    text = "\n".join(map(json.dumps, tasks)) if format == "beads" else json.dumps(tasks)
    check(text, "x", Format(format), options)


@given(distinct([1, 2, 3, 4, 5]), OPTIONS)
@settings(max_examples=tries(200), deadline=None)
def test_including_what_is_done_leaves_nothing_done(tasks: list[dict[str, Any]], options: Options):
    for number, task in enumerate(tasks, start=1):
        for key in ("subtasks", "blockedBy", "depends_on"):
            task.pop(key, None)
        task.update(title="x", description="", dependencies=[n for n in range(1, number) if n % 2])
    for include in (False, True):
        again = Options(include_done=include, cancelled_satisfies=options.cancelled_satisfies)
        imported = check(json.dumps(tasks), "x", Format.TASKMASTER, again)
        assert imported is not None
        assert imported.report.found == 5
        if include:
            assert imported.report.done == 0
        graph = nx.DiGraph((n, t.id) for t in imported.project.spec.tasks for n in t.dependencies)
        assert nx.is_directed_acyclic_graph(graph)


YAML_PIECES = st.sampled_from(
    [
        "a",
        ": ",
        "- ",
        "\n",
        "  ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "<<",
        "!!str ",
        "!x ",
        "'",
        '"',
        "|",
        ">",
        "? ",
        "---\n",
        "kind: ParallelProject\n",
        "apiVersion: parallelproject.io/v1alpha1\n",
        "metadata: {name: a}\n",
        "spec:\n  tasks:\n",
        "  - id: a\n",
        "1.0",
        "2020-01-01",
        "0x1",
        "0b",
        "1:2",
        "0_",
        "~",
        "yes",
        "#",
        ",",
        "%",
    ]
)


@given(st.lists(YAML_PIECES, max_size=30).map("".join))
@settings(max_examples=tries(300), deadline=None)
@example("apiVersion: parallelproject.io/v1alpha1\nspec: {tasks: [{id: 0b}, {id: 0x}, {id: 1:2}, {id: 0_}]}")
def test_any_yaml(text: str):
    check(text, "x.yaml", None, Options())
    check(text, "x.yaml", Format.MANIFEST, Options())


MARKDOWN_PIECES = st.sampled_from(
    [
        "- [ ] ",
        "* [x] ",
        "1. [>] ",
        "- [",
        "] ",
        "\n",
        "\n",
        "  ",
        "\t",
        "T01 ",
        "1.1 ",
        "**2.** ",
        "[P:Group-A] ",
        "[P] ",
        "[Files: a/b, /c]",
        "(depends on T01, 1.1)",
        "```\n",
        "# ",
        "text",
        "\x00",
        "- [ ]* 1.1.1 ",
        "- [-] ",
        "T01a ",
        "T1-MIN ",
        "\n## Phase 2\n",
        "\n## User Story 1\n",
        "\n### Task 1: ",
        "\n### Task 1.1: ",
        "\n# Story 1.1: ",
        "\n## Tasks / Subtasks\n",
        "\n## Acceptance Criteria\n",
        "\n## 2. ",
        "\n- **User Story 1**: depends on US2\n",
        "user stories can run in parallel\n",
        "\n**Depends on:** Task 1, T01-T09\n",
        "**Status:** done\n",
        '```json\n{"waves": [{"tasks": ["1.1", 1]}, ["T01"]]}\n```\n',
        "<!--",
        "-->\n",
        "````md\n",
        "---\n",
        "> ",
    ]
)


@given(st.lists(MARKDOWN_PIECES, max_size=30).map("".join), OPTIONS)
@example("- [ ] 1. [>] \n**Depends on:** Task 1, T01-T09\n", Options())
@example("- [ ] 1. a\n- [ ] 2. b (depends on 1, 2)\n", Options())
@example("### Task 1: a\n### Task 2: b\n**Depends on:** Task 1, Task 2\n", Options())
@settings(max_examples=tries(500), deadline=None)
def test_any_markdown(text: str, options: Options):
    imported = check(text, "x.md", None, options)
    if imported is not None:
        tasks = imported.project.spec.tasks
        assert not any(task.id in task.dependencies for task in tasks)
        lines = text.count("\n") + 1
        assert all(1 <= row.line <= lines for row in imported.report.ignored)


PLAN_LINES = st.sampled_from(
    [
        "# Plan", "## Part", "### Other", "#### Deeper", "text one", "  indented", "- [ ] box", "- [x] ticked",
        "**Files:** a/b.py", "```", "````md", "<!-- note -->", "<!--", "-->", "> quote", "1. first", "| a | b |", "",
    ]
)  # fmt: skip


@given(st.lists(PLAN_LINES, max_size=12), st.lists(PLAN_LINES, max_size=12), st.lists(PLAN_LINES, max_size=12))
@settings(max_examples=tries(300), deadline=None)
def test_no_line_of_a_plan_is_lost(before: list[str], first: list[str], second: list[str]):
    rows = [*before, "### Task 1: Reader", *first, "### Task 2: Page", *second]
    lines = [f"{row} {number}" if row[:1].isalpha() else row for number, row in enumerate(rows)]
    imported = check("\n".join(lines), "x.md", None, Options(include_done=True))
    if imported is None:  # the headings are in code or a comment
        return
    told = "\n".join(f"{task.title}\n{task.description}" for task in imported.project.spec.tasks)
    tasks = [task.id for task in imported.project.spec.tasks]
    if tasks[:1] == ["task-1"]:
        assert not [line for line in lines if line[:1].isalpha() and line not in told]


@pytest.mark.parametrize(
    "text",
    [
        "# " + "a " * 100_000 + "#",
        "# " + "(" * 100_000,
        "## " + " " * 200_000 + "x\n- [ ] a",
        "- [ ] T1 a (depends on " + "1" * 100_000 + "x)\n- [ ] T2 b",
        "- [ ] T1 a\n  Depends on: " + "T1-T9," * 20_000 + "\n- [ ] T2 b",
        "- [ ] a\n" + "x <!--\n" * 20_000,
        "- [ ] a\n" + "<!-- `" * 20_000,
        "- [ ] a\n" + "> " * 50_000 + " " * 50_000,
        "- [ ] T1 a\n" + "stories can " * 20_000,
        "```\n" * 30_001 + "- [ ] a",
        "- [ ] a\n" + "---\n" * 50_000,
        "### Task 1: a\n" + "-" * 200_000 + " x\n" + "---\n" * 50_000,
        "\n".join(f"{' ' * depth}- [ ] x" for depth in range(600)),
        "\n".join(f"{'#' * (1 + depth % 6)} Task {depth}: a" for depth in range(1_500)),
        "\n".join(f"- [ ] 1{'.1' * depth} x" for depth in range(700)),
        "\n".join(f"- [ ] T{n:05} x (depends on T00000-T{n:05})" for n in range(500)),
    ],
)
def test_markdown_that_is_slow_for_careless_readers_is_read_in_time(text: str):
    check(text, "x.md", None, Options())  # the careless ones take minutes, or for ever


SUBTASK = {"id": 1, "title": "b", "dependencies": []}
TAGGED = [
    {"id": 1, "title": "A", "status": "done", "subtasks": [SUBTASK]},
    {"id": 2, "title": "C", "dependencies": [1, "1.1"], "priority": "high", "relevantFiles": [{"path": "a/b.c"}]},
]
EPIC = {"id": "a", "title": "A", "priority": 0, "issue_type": "epic"}
BLOCKED = {"id": "b", "title": "B", "dependencies": [{"issue_id": "b", "depends_on_id": "a", "type": "blocks"}]}
MARKED = [{"id": "a", "description": "[P:Group-A] x"}, {"id": "b", "description": "y", "dependencies": ["a"]}]
SEEDS = {
    "tasks.json": json.dumps({"master": {"tasks": TAGGED}}),
    "issues.jsonl": f"{json.dumps(EPIC)}\n{json.dumps(BLOCKED)}\n",
    "list.json": json.dumps(MARKED),
    "feature_list.json": json.dumps(
        {
            "features": [
                {"description": "A", "steps": ["x"], "passes": True},
                {"id": 2, "description": "B", "passes": False},
            ]
        }
    ),
    "issues.json": json.dumps(
        [
            {"number": 1, "title": "A", "state": "CLOSED", "stateReason": "COMPLETED", "labels": [{"name": "P1"}]},
            {"number": 2, "title": "B", "body": "Blocked by #1", "state": "OPEN", "blockedBy": {"nodes": []}},
        ]
    ),
    "argo.yaml": """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: x-}
spec:
  entrypoint: main
  templates:
  - {name: echo, inputs: {parameters: [{name: m}]}, container: {image: x, command: [echo, "{{inputs.parameters.m}}"]}}
  - {name: run, script: {image: x, command: [sh], source: "echo $(date)"}}
  - name: main
    dag:
      tasks:
      - {name: a, template: echo, withItems: [1, {k: 2}], arguments: {parameters: [{name: m, value: "{{item}}"}]}}
      - {name: b, template: run, depends: "a && (a.Succeeded || a.Skipped)"}
""",
    "plan.md": "# P\n\n- [x] 1.0 a\n  - [ ] 1.1 [P:Group-A] b [Files: a/b]\n    more\n- [ ] 2.0 c (depends on 1.1)\n",
    "speckit.md": "## Phase 1\n- [ ] T001 [P] a\n- [ ] T002 b\n## User Story 1\n- [ ] T003 c/d.py\n## Notes\n- [ ] x\n",
    "kiro.md": '- [ ] 1. a\n  - [ ]* 1.1 b\n- [-] 1.2 c\n```json\n{"waves": [{"tasks": ["1.1"]}, ["1.2"]]}\n```\n',
    "steps.md": "# P\n\n### Task 1: a\n- [ ] **Step 1: b**\n```sh\nc\n```\n### Task 2: d\n## Acceptance\n- [ ] e\n",
    "story.md": "# Story 1.2: a\n\nStatus: draft\n\n## Acceptance Criteria\n1. b\n\n## Tasks / Subtasks\n- [ ] c\n",
    "p.yaml": """\
apiVersion: parallelproject.io/v1alpha1
kind: ParallelProject
metadata: {name: a}
spec:
  parallelism: 3
  tasks:
  - &x {id: a, files: [b/c]}
  - {<<: *x, id: b, dependencies: [a]}
""",
}


@pytest.mark.parametrize("file", SEEDS)
def test_broken_copies_of_real_looking_files(file: str):
    chance = random.Random(file)
    assert check(SEEDS[file], file, None, Options()) is not None
    for _ in range(400):
        data = bytearray(SEEDS[file].encode())
        for _ in range(chance.choice([1, 1, 2, 5])):
            start = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[start] = chance.randrange(256)
                case 1:
                    del data[start : start + chance.randrange(1, 30)]
                case 2:
                    data[start:start] = data[start : start + chance.randrange(1, 60)]
                case _:
                    data[start:start] = chance.choice([b"null", b"[", b"{", b'"', b"NaN", b"1e999", b"-", b"\n", b","])
            data = data or bytearray(b" ")
        check(data.decode(errors="replace"), file, None, Options())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"tasks": [NaN]}', 'x.json:1:12: "NaN" is not a usable number'),
        ('{"tasks":\n ["NaN", -Infinity]}', 'x.json:2:10: "-Infinity" is not a usable number'),
        ('{"tasks": [1e999]}', '"1e999" is not a usable number'),
        ('{"tasks": [' + "9" * 5000 + "]}", "is not a usable number"),
        ("[" * 200_000, "nested deeper"),
        ('{"tasks": ' + "[" * 150 + "]" * 150 + "}", f"nested deeper than {DEPTH_MAX}"),
        ('{"a":' * 100_000, "nested deeper"),
        ('{"tasks": [{"id": "a\x00b"}]}', "not JSON: invalid control character"),
        ('{"tasks": [{"id": 1}]', "is the file complete?"),
        ('{"tasks": [{"id": 1},]}', "remove the comma before it"),
    ],
)
def test_traps_of_json(text: str, said: str):
    with pytest.raises(ProblemsError) as caught:
        read(text, file="x.json")
    (problem,) = caught.value.problems
    assert said in str(problem)
    assert problem.place.startswith("x.json:")


def test_a_key_given_twice_is_told():
    imported = read('{"tasks": [{"id": 1, "title": "a", "title": "b"}]}')
    assert imported.project.spec.tasks[0].title == "b"
    assert '"title" twice' in str(imported.report.warnings[0])


def test_text_that_nothing_may_carry_is_dropped_from_tasks():
    (task,) = read(
        '{"tasks": [{"id": "\\ud800", "title": "a\\u0000\\ud800b", "description": "\\u0007x\\ty"}]}'
    ).project.spec.tasks
    assert (task.title, task.description) == ("ab", "x\ty")
    assert task.id.startswith("task-")


def rows(count: int, link: Callable[[int], tuple[int, str]]) -> list[dict[str, Any]]:
    made = []
    for n in range(count):
        target, type = link(n)
        links = [{"depends_on_id": target, "type": type}] if n else []
        made.append({"id": n, "title": "t", "issue_type": "task" if n else "epic", "dependencies": links})
    return made


def test_a_deep_hierarchy_is_refused_in_time():
    with pytest.raises(ProblemsError, match="lies within more than"):
        read("\n".join(map(json.dumps, rows(20_000, lambda n: (n - 1, "parent-child")))), format="beads")


def test_too_many_dependencies_to_follow_are_refused_in_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("parallelproject.sources.selection.choose.STEPS_MAX", 500_000)
    issues = rows(5_000, lambda n: (0, "parent-child"))
    issues.append({"id": "x", "title": "waits for 5,000, and so does all in the epic"})
    issues[0]["dependencies"] = [{"depends_on_id": n, "type": "blocks"} for n in range(1, 5_000)]
    with pytest.raises(ProblemsError, match="too many dependencies to follow"):
        read("\n".join(map(json.dumps, issues)), format="beads")


def test_a_long_chain_is_read():
    imported = read("\n".join(map(json.dumps, rows(3_000, lambda n: (n - 1, "blocks")))), format="beads")
    assert imported.report.taken == 2_999
