"""A result of a pod may be any text: anyone may write a pod that looks like ours. It is read, and can be recorded."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.planner.attempt import NEW, Attempt, Phase, settle
from parallelproject.core.report.status import read_row, render_row
from parallelproject.executors.base.delivered import delivered
from parallelproject.executors.job.observation import attempt_of, view_job, view_pod
from parallelproject.git.plumbing.outcome import AGENT_FAILED, GATE_REJECTED
from parallelproject.model.names import GROUP
from parallelproject.model.status import Reason, TaskState
from tests.core.examples import examples

Json = dict[str, Any]

NUMBERS = st.sampled_from([float("inf"), float("-inf"), float("nan"), 1e300, 253402300800, 10**400, -1, True, 0.5])
VALUES = st.recursive(
    st.none() | st.text(max_size=5) | NUMBERS, lambda inner: st.lists(inner, max_size=2), max_leaves=3
) | st.dictionaries(st.text(max_size=3), NUMBERS, max_size=2)
FIELDS = [
    "outcome",
    "exitCode",
    "commit",
    "ref",
    "paths",
    "undeclared",
    "undeclaredTotal",
    "keptTotal",
    "message",
    "usage",
]
OF_AGENT = ["reason", "resetAt", "exitCode", "message", "outcome", "lastMessage", "question", "session", "sessionOf",
            "sessionTokens", "usage", "costUsd"]  # fmt: skip
RESULTS = st.builds(
    lambda fields, agent: fields | {"agent": agent},
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
    VALUES | st.dictionaries(st.sampled_from(OF_AGENT), VALUES, max_size=6),
)


def pod(code: int, message: str) -> Json:
    ended = {"name": "git", "state": {"terminated": {"exitCode": code, "message": message}}}
    notes = {f"{GROUP}/delivery": "{}"}
    metadata = {"annotations": notes, "ownerReferences": [{"controller": True, "uid": "u"}]}
    return {"metadata": metadata, "status": {"phase": "Failed" if code else "Succeeded", "containerStatuses": [ended]}}


def job(outcome: str) -> Json:
    metadata = {"name": "j", "uid": "u", "resourceVersion": "1", "creationTimestamp": "2026-11-30T10:00:00Z"}
    return {"metadata": metadata, "status": {"conditions": [{"type": outcome, "status": "True"}]}}


@examples(400)
@given(RESULTS, st.sampled_from([0, 1, 20, AGENT_FAILED, GATE_REJECTED, 26]))
def test_any_result_is_read_and_what_follows_can_be_recorded(result: Json, code: int) -> None:
    view = view_pod(pod(code, json.dumps(result)))
    found = attempt_of(1, view_job(job("Failed" if code else "Complete")), [view], False)
    record = settle(NEW, [found])
    row = render_row("a", TaskState.PENDING, 0, record.reason, record)
    json.dumps(row, allow_nan=False)
    read_row(row)


@pytest.mark.parametrize("at", [float("inf"), float("nan"), 1e300, -1.0])
def test_a_limit_that_ends_at_no_time_has_none(at: float) -> None:
    ended = Attempt(1, Phase.FAILED, started=1.0, ended=2.0, reason=Reason.RATE_LIMITED, exit_code=75, retry_at=at)
    assert settle(NEW, [ended]).retry_at is None
    verdict = json.dumps({"agent": {"reason": "RateLimited", "resetAt": at}})
    assert delivered(AGENT_FAILED, verdict).retry_at is None
