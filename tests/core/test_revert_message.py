"""What a run that takes work off the branch is given in a cluster, and what it reports."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.verification.check_message import CheckEnd, end_message, read_end
from parallelproject.core.verification.probe import ProbeOutcome
from parallelproject.core.verification.revert_message import (
    ReportedRevert,
    not_taken_out_message,
    read_request,
    read_revert_end,
    read_taken_out,
    request_fields,
    taken_out_message,
)
from parallelproject.core.verification.revert_request import RevertRequest

COMMIT = "c" * 40
IDS = st.lists(st.text(string.ascii_letters + string.digits + "-._", min_size=1, max_size=63), unique=True, min_size=1)


@given(IDS, st.data())
def test_a_request_is_read_as_it_was_written(ids: list[str], data: st.DataObject) -> None:
    some = st.lists(st.sampled_from(ids), unique=True)
    dependents = {task: data.draw(some) for task in ids}
    landed = [task for task in ids if data.draw(st.booleans())]
    request = RevertRequest(3, tuple(data.draw(some)), dependents, tuple(landed), COMMIT, "why: test failed\n")
    fields = json.loads(json.dumps(request_fields(request)))
    assert read_request(**fields) == request
    assert list(read_request(**fields).dependents) == ids, "reports count in this order"


@given(IDS, st.data())
def test_a_report_is_read_as_it_was_written(ids: list[str], data: st.DataObject) -> None:
    out = data.draw(st.lists(st.sampled_from(ids), unique=True))
    end = read_revert_end(taken_out_message(COMMIT, out, ids))
    assert end is not None
    assert end.outcome is ProbeOutcome.PASSED
    assert read_taken_out(end.printed, ids) == ReportedRevert(COMMIT, tuple(task for task in ids if task in out))


def test_a_report_of_the_largest_graph_fits_into_a_termination_message() -> None:
    ids = [f"{i:063}" for i in range(2000)]
    assert len(taken_out_message(COMMIT, ids, ids)) < 1_024
    assert len(not_taken_out_message(ProbeOutcome.CONFLICT, "ü" * 9_000)) < 4_096


def test_a_report_about_another_graph_says_nothing() -> None:
    said = taken_out_message(COMMIT, ["a"], ["a", "b"])
    assert read_taken_out(said, ["new", "a", "b"]) is None
    assert read_taken_out(said, ["b", "a"]) is None


def test_a_local_run_writes_the_ids() -> None:
    assert read_taken_out('{"commit": "c", "tasks": ["a"]}', ["b"]) == ReportedRevert("c", ("a",))


@pytest.mark.parametrize("text", ["", "{}", "[]", "?", '{"commit": "c"}', '{"tasks": "!", "commit": "c"}', "[" * 9999])
def test_what_is_no_report_is_refused(text: str) -> None:
    assert read_revert_end(text) is None
    with pytest.raises(ValueError, match="not the report of a revert"):
        read_taken_out(text, ["a"])


def test_bits_that_cannot_be_read_are_refused() -> None:
    said = json.loads(taken_out_message(COMMIT, ["a"], ["a"]))
    with pytest.raises(ValueError, match="base85"):
        read_taken_out(json.dumps(said | {"tasks": "\x00"}), ["a"])


def test_the_report_of_a_check_is_none_of_a_revert_and_the_other_way_round() -> None:
    assert read_revert_end(end_message("Passed", "", 4096)) is None
    assert read_end("", taken_out_message(COMMIT, [], ["a"])) is None
    refused = not_taken_out_message(ProbeOutcome.BROKEN, "no answer")
    assert read_revert_end(refused) == CheckEnd(ProbeOutcome.BROKEN, printed="no answer")


@pytest.mark.parametrize("graph", ["", "?", "a"])
def test_a_graph_that_is_not_ours_is_refused(graph: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_request(1, ["a"], graph, "", "")
