"""Approvals and answers as commands show and give them, against the rule by which tasks start."""

from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.cli.cluster.spec import approved_in
from parallelproject.cli.commands.answer import answer_of
from parallelproject.cli.commands.approve import approve_patch
from parallelproject.cli.commands.get_task import show_task
from parallelproject.cli.commands.rerun import rerun_patch
from parallelproject.core.graph.graph import compile_graph
from parallelproject.model.project import parse_spec

Json = dict[str, Any]


def project(spec: Json | None = None, attempts: int = 0, state: str = "Pending") -> Json:
    row = {"id": "a", "state": state} | ({"attempts": attempts} if attempts else {})
    fields = {"tasks": [{"id": "a", "approval": True}], **(spec or {})}
    return {"metadata": {"name": "p", "resourceVersion": "1"}, "spec": fields, "status": {"tasks": [row]}}


def waits(spec: Json) -> bool:
    """Whether its task waits for an approval, as a plan has it."""
    return bool(compile_graph(parse_spec(spec)).unapproved)


@given(st.none() | st.integers(0, 4), st.none() | st.integers(0, 4))
def test_commands_know_an_approval_as_given_exactly_where_the_task_may_start(
    after: int | None, floor: int | None
) -> None:
    spec: Json = {"tasks": [{"id": "a", "approval": True}]}
    if after is not None:
        spec["approvals"] = [{"id": "a", "after": after}]
    if floor is not None:
        spec["retries"] = [{"id": "a", "rerunAfter": floor}]
    found = project(spec)
    assert ("a" in approved_in(found)) != waits(spec)
    patch = approve_patch(found, ["a"], "look")
    assert (patch is None) != waits(spec)
    if patch:
        assert not waits({**spec, **patch["spec"]})


def test_an_approval_that_a_rerun_has_ended_is_not_shown_as_given(capsys: pytest.CaptureFixture[str]) -> None:
    spec = {"approvals": [{"id": "a"}], "retries": [{"id": "a", "rerunAfter": 1}]}
    for floor, words in ((1, "needed when its turn comes"), (0, "given")):
        spec["retries"] = [{"id": "a", "rerunAfter": floor}]
        show_task(cast(Any, SimpleNamespace(options="")), project(spec, 1), "a", None)
        assert f"Approval:     {words}\n" in capsys.readouterr().out


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_a_rerun_asks_again_whenever_the_approval_was_given(attempts: int) -> None:
    """Also where it was given after the last attempt that the rerun does not count."""
    found = project(attempts=attempts)
    approved = approve_patch(found, ["a"], "look")
    assert approved
    found["spec"] |= approved["spec"]
    assert not waits(found["spec"])
    found["spec"] |= rerun_patch(found, ["a"])["spec"]
    assert waits(found["spec"])


@pytest.mark.parametrize(("text", "file"), [("-", None), (None, Path("-"))])
def test_an_answer_may_come_from_standard_input(
    text: str | None, file: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("Port 8080.\n"))
    assert answer_of(text, file) == "Port 8080.\n"
