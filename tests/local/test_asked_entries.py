"""Approvals, answers and retries of a file count next to those that commands ask for, whichever came first."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.cli import main
from parallelproject.core.graph.graph import compile_graph
from parallelproject.local.engine.resume import Basis
from parallelproject.local.errors import RunError
from parallelproject.local.state.asked_entries import asked_with, with_asked
from parallelproject.local.state.requests import Asked, RunRequests
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import ANSWERS_MAX
from tests.local.runner import Runner, until

TASKS = [{"id": id, "approval": True} for id in "abc"]


def taken(asked: dict[str, Any], **listed: Any) -> Any:
    """The spec that a session goes by."""
    spec = parse_spec({"tasks": TASKS, **listed})
    graph, found = Basis(compile_graph(spec), spec, {}, {}).with_requests(Asked(1, spec=asked))
    return graph, found


def test_the_approvals_of_the_file_count_also_after_a_command() -> None:
    graph, _ = taken({"approvals": [{"id": "a", "after": 0}]}, approvals=[{"id": "b"}])
    assert graph.unapproved == {2}
    graph, _ = taken({"approvals": [{"id": "b", "after": 2}]}, approvals=[{"id": "b"}], retries=[
        {"id": "b", "rerunAfter": 2}
    ])  # fmt: skip
    assert graph.unapproved == {0, 2}


def test_the_answers_of_the_file_count_also_after_a_command() -> None:
    old, new = ({"id": "a", "attempt": n, "text": str(n)} for n in (1, 2))
    _, spec = taken({"answers": [new]}, answers=[old, new | {"text": "later"}])
    assert [(answer.attempt, answer.text) for answer in spec.answers] == [(1, "1"), (2, "2")]
    many = [{"id": "a", "attempt": n + 1, "text": "x"} for n in range(ANSWERS_MAX)]
    _, spec = taken({"answers": [{"id": "b", "attempt": 1, "text": "80"}]}, answers=many)
    assert (len(spec.answers), spec.answers[-1].id) == (ANSWERS_MAX, "b")


def test_the_higher_number_of_forgiven_failures_counts() -> None:
    asked = {"retries": [{"id": "a", "forgive": 1, "forgiveConflicts": 3}, {"id": "c", "forgive": 1}]}
    graph, _ = taken(asked, retries=[{"id": "a", "forgive": 2}, {"id": "b", "forgive": 4}])
    assert (graph.forgiven, graph.forgiven_conflicts) == ({0: 2, 1: 4, 2: 1}, {0: 3})


entries = st.lists(
    st.fixed_dictionaries({"id": st.sampled_from("abc"), "after": st.integers(0, 3)}), unique_by=lambda e: e["id"]
)


@given(entries, entries, entries)
def test_what_is_asked_for_holds_and_what_the_file_lists_stays_the_file_s(
    listed: list[dict[str, Any]], later: list[dict[str, Any]], new: list[dict[str, Any]]
) -> None:
    asked: list[dict[str, Any]] = []
    for entry in new:
        shown = with_asked("approvals", listed, asked)
        wanted = [each for each in shown if each["id"] != entry["id"]] + [entry]
        asked = asked_with("approvals", asked, shown, wanted)
    assert {entry["id"] for entry in asked} <= {entry["id"] for entry in new}
    found = {entry["id"]: entry["after"] for entry in with_asked("approvals", later, asked)}
    assert found.keys() == {entry["id"] for entry in later} | {entry["id"] for entry in asked}
    assert all(found[entry["id"]] >= entry["after"] for entry in [*later, *asked])


@pytest.mark.parametrize("approvals", [{"a": 1}, ["a"], [{"after": 1}], [{"id": ["a"]}], None])
def test_entries_that_are_none_are_an_error_with_its_fix(approvals: object, tmp_path: Path) -> None:
    requests = RunRequests(tmp_path)
    content = {"version": 1, "applied": 0, "stopped": 0, "spec": {"approvals": approvals}}
    requests.path.write_text(json.dumps(content))
    with pytest.raises(RunError, match="cannot be read: approvals"):
        requests.read()


def test_an_approval_in_the_file_counts_after_one_by_a_command(
    runner: Callable[..., Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runner(
        {"tasks": TASKS, "approvals": [{"id": "c"}], "scheduling": "Graph"}, 'echo "$PPROJ_TASK_ID" >> $JOURNAL'
    )
    monkeypatch.chdir(run.folder)
    started = run.start()
    started.wait_said("pproj approve demo b")
    until(lambda: run.journal() == ["c"], what="the task that the file approves")
    assert main.call(["approve", "demo", "a"]) == 0
    until(lambda: run.journal() == ["c", "a"], what="the task that the command approves")
    started.signal(2)
    started.finish(130)
    asked = json.loads((run.state / "requests.json").read_text())
    assert [entry["id"] for entry in asked["spec"]["approvals"]] == ["a"]
    run.spec["approvals"] = [{"id": "b"}]
    run.run()
    assert run.journal() == ["c", "a", "b"]
