"""When work is published: once for each state of it, one at a time, with an end."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.attempt import Attempt, Phase
from parallelproject.core.graph import compile_graph
from parallelproject.core.plan import Ledger, Plan, plan
from parallelproject.core.publishing import (
    FIRST_WAIT,
    LONGEST_WAIT,
    TRIES,
    Publishing,
    Told,
    publishing,
    revision_of,
    stage,
)
from parallelproject.core.status import render_status
from parallelproject.forge.published import End
from parallelproject.model.project import parse_spec
from parallelproject.model.status import Status

GIT = {"url": "https://git.example/acme/shop.git", "forge": {"type": "Gitea"}}
SPEC = parse_spec(
    {"git": GIT, "scheduling": "Graph", "tasks": [{"id": "a"}, {"id": "b"}, {"id": "c", "dependencies": ["a"]}]}
)
GRAPH = compile_graph(SPEC)
R = "revision"


def planned(*ended: tuple[str, Phase]) -> Plan:
    seen = {task: [Attempt(1, phase, started=1.0, ended=2.0, reason="Policy")] for task, phase in ended}
    return plan(GRAPH, SPEC, Ledger(start_time=0.0), seen, 10.0)


def said(*ends: str) -> str:
    branches = [{"branch": "x", "end": end, "number": 7, "url": "https://x/7", "state": "open"} for end in ends]
    return json.dumps({"branches": branches})


def told(number: int, *, code: int = 0, message: str = "", revision: str = R, at: float = 100.0) -> Told:
    return Told(number, revision, True, code == 0, at, code or None, code == 22, message)


def decide(*seen: Told, last: dict[str, Any] | None = None, now: float = 1000.0) -> Publishing:
    return publishing(R, last or {}, seen, now)


def test_the_work_of_levels_that_are_done_is_what_is_published() -> None:
    well = Phase.SUCCEEDED
    assert revision_of(GRAPH, SPEC, planned()) == ""
    assert revision_of(GRAPH, SPEC, planned(("a", well))) == ""  # b is in the same level and not done
    first = revision_of(GRAPH, SPEC, planned(("a", well), ("b", well)))
    assert first == revision_of(GRAPH, SPEC, planned(("b", well), ("a", well)))
    whole = revision_of(GRAPH, SPEC, planned(("a", well), ("b", well), ("c", well)))
    assert len({"", first, whole}) == 3


def test_a_task_that_succeeds_after_it_was_given_up_is_published_too() -> None:
    tasks = [{"id": "a"}, {"id": "b"}, {"id": "d", "dependencies": ["b"]}]
    spec = parse_spec({"git": GIT, "failurePolicy": "Continue", "defaults": {"maxAttempts": 1}, "tasks": tasks})
    graph = compile_graph(spec)
    b = ("b", Phase.SUCCEEDED)
    plans = []
    for a in (Phase.FAILED, Phase.SUCCEEDED):
        seen = {task: [Attempt(1, phase, started=1.0, ended=2.0, reason="Lost")] for task, phase in (("a", a), b)}
        plans.append(plan(graph, spec, Ledger(start_time=0.0), seen, 10.0))
    before, after = plans
    assert (before.level, before.completed) == (after.level, after.completed) == (1, False)
    assert revision_of(graph, spec, before) != revision_of(graph, spec, after)
    assert stage(before) != stage(after)


def test_every_end_of_a_publishing_has_its_meaning() -> None:
    retried = {"NotInTime", "Moved", "Behind"}
    for end in End:
        found = decide(told(1, message=said(end.value)))
        assert found.is_settled is (end.value not in retried), end


def test_nothing_is_published_where_all_has_failed() -> None:
    assert revision_of(GRAPH, SPEC, planned(("a", Phase.FAILED), ("b", Phase.FAILED))) == ""
    assert publishing("", {}, [], 0.0).launch is None


def test_one_attempt_at_a_time_of_whatever_revision() -> None:
    assert decide().launch == 1
    assert decide(Told(3, "earlier", False)).launch is None
    assert decide(told(3, revision="earlier")).launch == 4
    assert decide(Told(1, R, False)).condition[:2] == ("Unknown", "Publishing")


@pytest.mark.parametrize(
    ("end", "condition"),
    [("Open", ("True", "Opened")), ("Draft", ("True", "Opened")), ("Merged", ("True", "Merged")),
     ("Nothing", ("True", "NothingToPublish")), ("ChecksFailed", ("False", "ChecksFailed")),
     ("Closed", ("False", "Closed")), ("Conflict", ("False", "Conflict")), ("Refused", ("False", "Refused"))],
)  # fmt: skip
def test_an_end_is_settled(end: str, condition: tuple[str, str]) -> None:
    found = decide(told(1, message=said(end)))
    assert (found.condition[:2], found.launch, found.is_settled) == (condition, None, True)
    assert found.record
    assert found.record["pullRequests"][0]["number"] == 7


@pytest.mark.parametrize("attempt", [told(1, message=said("NotInTime")), told(1, code=23), told(1, code=25)])
def test_what_may_pass_is_tried_again_after_a_wait(attempt: Told) -> None:
    waiting = decide(attempt, now=100.0)
    assert (waiting.launch, waiting.wake_at, waiting.is_settled) == (None, 100.0 + FIRST_WAIT, False)
    assert decide(attempt, now=100.0 + FIRST_WAIT).launch == 2


def test_what_is_not_allowed_is_final() -> None:
    message = json.dumps({"reason": "InvalidTemplate", "message": "pullRequest.title: the template is wrong"})
    found = decide(told(1, code=22, message=message))
    assert found.condition == ("False", "InvalidTemplate", "pullRequest.title: the template is wrong")
    assert found.is_settled


def test_what_was_written_down_counts_when_the_jobs_are_gone() -> None:
    record = decide(told(4, message=said("Open"))).record
    again = decide(last={"publication": record})
    assert (again.launch, again.condition, again.is_settled) == (None, ("True", "Opened", "https://x/7"), True)
    unsettled = decide(told(4, code=25)).record
    assert decide(last={"publication": unsettled}).launch == 5


@pytest.mark.parametrize(
    "odd", [{"publication": 3}, {"publication": {"revision": R}}, {"publication": {"attempts": None}}]
)
def test_a_record_of_another_s_making_does_no_harm(odd: dict[str, Any]) -> None:
    assert decide(last=odd).launch == 1


@pytest.mark.parametrize("message", ["", "no JSON", "[]", '{"branches": 3}', '{"branches": [{"number": "x"}]}'])
def test_a_message_of_any_kind_is_read(message: str) -> None:
    decide(told(1, message=message))
    decide(told(1, code=1, message=message))


ENDS = st.sampled_from(["Open", "Merged", "NotInTime", "Moved", "Behind", "ChecksFailed", 22, 23, 25, 137])


@given(st.lists(ENDS, min_size=TRIES, max_size=TRIES), st.integers(0, 10))
def test_it_ends_whatever_happens_and_is_written_down_as_the_schema_has_it(ends: list[Any], before: int) -> None:
    seen = [told(n + 1, revision="earlier") for n in range(before)]
    now, starts, found = 1000.0, list[float](), decide(*seen)
    for end in ends:
        if found.launch is None:
            break
        assert found.launch == len(seen) + 1
        starts.append(now)
        code = end if isinstance(end, int) else 0
        seen.append(told(found.launch, code=code, message="" if code else said(end), at=now))
        found = decide(*seen, now=now)
        if found.wake_at is not None:
            assert found.wake_at - now <= LONGEST_WAIT
            now = found.wake_at
            found = decide(*seen, now=now)
    assert found.is_settled
    waits = [later - sooner for sooner, later in pairwise(starts)]
    assert waits == sorted(waits)
    status = render_status(GRAPH, SPEC, planned(("a", Phase.SUCCEEDED)), {}, 1, now, found)
    Status.model_validate(status)
    assert [c["type"] for c in status["conditions"]][-1] == "Published"


def test_what_was_written_down_counts_when_the_pod_is_gone_and_its_job_is_not() -> None:
    good = {"publication": decide(told(2, message=said("Open"))).record}
    again = decide(told(2), last=good)
    assert (again.launch, again.condition, again.is_settled) == (None, ("True", "Opened", "https://x/7"), True)
    assert again.record == good["publication"]
    wrong = {"publication": decide(told(2, code=22, message='{"reason": "InvalidTemplate"}')).record}
    assert decide(told(2, code=22), last=wrong).condition[:2] == ("False", "InvalidTemplate")
    assert decide(Told(3, R, False), last=good).condition[1] == "Publishing"
    assert decide(told(3, code=25), last=good, now=101.0).condition[:2] == ("Unknown", "PublishingFailed")


def test_one_that_is_gone_without_an_end_is_followed_by_another() -> None:
    assert decide(Told(1, R, True)).launch == 2
    assert decide(*(Told(n + 1, R, True) for n in range(TRIES))).is_settled


def test_what_cannot_be_read_is_no_success() -> None:
    found = decide(told(1, message='{"branches": [], "branchesTotal": 1}'), now=101.0)
    assert (found.condition[:2], found.is_settled) == (("Unknown", "PublishingFailed"), False)
