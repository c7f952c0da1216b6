"""When work is published: once for each state of it, one at a time, with an end."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.followups.publishing import (
    FIRST_WAIT,
    LONGEST_AWAITED,
    LONGEST_WAIT,
    TRIES,
    PublishAttempt,
    Publishing,
    merged_levels,
    merged_now,
    publishing,
)
from parallelproject.core.followups.revision import instruction, revision_of, stage
from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.core.report.status import read_status, render_status
from parallelproject.forge.publishing.result import PublishEnd
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason, Status

GIT = {"url": "https://git.example/acme/shop.git", "forge": {"type": "Gitea"}}
SPEC = parse_spec(
    {"git": GIT, "scheduling": "Graph", "tasks": [{"id": "a"}, {"id": "b"}, {"id": "c", "dependencies": ["a"]}]}
)
GRAPH = compile_graph(SPEC)
R = "where1-now"


def planned(*ended: tuple[str, Phase]) -> Plan:
    seen = {task: [Attempt(1, phase, started=1.0, ended=2.0, reason="Policy")] for task, phase in ended}
    return plan(GRAPH, SPEC, Ledger(start_time=0.0), seen, 10.0)


def said(*ends: str) -> str:
    branches = [{"branch": "x", "end": end, "number": 7, "url": "https://x/7", "state": "open"} for end in ends]
    return json.dumps({"branches": branches})


def told(number: int, *, code: int = 0, message: str = "", revision: str = R, at: float = 100.0) -> PublishAttempt:
    return PublishAttempt(number, revision, True, code == 0, at, code or None, code == 22, message)


def decide(*seen: PublishAttempt, last: dict[str, Any] | None = None, now: float = 1000.0) -> Publishing:
    return publishing(R, last or {}, seen, now)


@given(st.floats(0, 1e6))
def test_no_wait_is_longer_than_it_is_whatever_the_clock_of_who_wrote_the_end(ahead: float) -> None:
    found = decide(told(1, code=30, at=1000.0 + ahead), now=1000.0)
    assert found.wake_at is not None
    assert found.wake_at <= 1000.0 + FIRST_WAIT


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
    retried = {"NotInTime", "Moved", "Behind", "Waiting"}
    for end in PublishEnd:
        found = decide(told(1, message=said(end.value)))
        assert found.is_settled is (end.value not in retried), end


def test_a_report_has_the_gates_that_have_judged_a_task() -> None:
    steps = [{"name": "review", "role": "r", "gate": True}, {"name": "format", "command": ["x"]}]
    steps.append({"name": "test", "command": ["x"], "gate": True, "maxRounds": 0})
    tasks = [{"id": "a", "title": "A"}, {"id": "b"}, {"id": "c", "steps": []}]
    fields = {"git": GIT, "roles": [{"name": "r"}], "steps": steps, "tasks": tasks, "failurePolicy": "Continue"}
    spec = parse_spec(fields)
    graph = compile_graph(spec)
    held, passed, rejected, well = Phase.HELD, Phase.PASSED, Phase.REJECTED, Phase.SUCCEEDED
    ways = {
        "a": [("", held), ("review", rejected), ("", held), ("review", passed), ("format", held), ("review", passed),
              ("test", well)],
        "b": [("", held), ("review", passed), ("format", held), ("review", passed), ("test", rejected)],
        "c": [("", well)],
    }  # fmt: skip
    seen = {
        task: [
            Attempt(i, phase, started=1.0, ended=2.0, step=step, reason="GateFailed" if phase is rejected else None)
            for i, (step, phase) in enumerate(way, 1)
        ]
        for task, way in ways.items()
    }
    rows = instruction(graph, spec, plan(graph, spec, Ledger(start_time=0.0), seen, 10.0), "shop", 100)["tasks"]
    accepted, once = {"name": "test"}, {"name": "review", "rejections": 1}
    b = [{"name": "review"}, {"name": "test", "rejections": 1, "accepted": False}]
    assert [(row["id"], row.get("stepsPassed", 0), row.get("gates", [])) for row in rows] == [
        ("a", 5, [once, accepted]), ("b", 4, b), ("c", 0, []),
    ]  # fmt: skip


def test_nothing_is_published_where_all_has_failed() -> None:
    assert revision_of(GRAPH, SPEC, planned(("a", Phase.FAILED), ("b", Phase.FAILED))) == ""
    assert publishing("", {}, [], 0.0).launch is None


def test_one_attempt_at_a_time_of_whatever_revision() -> None:
    assert decide().launch == 1
    assert decide(PublishAttempt(3, "where1-before", False)).launch is None
    assert decide(told(3, revision="where1-before")).launch == 4
    assert decide(PublishAttempt(1, R, False)).condition[:2] == ("Unknown", "Publishing")


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
def test_what_may_pass_is_tried_again_after_a_wait(attempt: PublishAttempt) -> None:
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
    seen = [told(n + 1, revision="where1-before") for n in range(before)]
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
    status = render_status(GRAPH, SPEC, planned(("a", Phase.SUCCEEDED)), {}, 1, now, found, name="p")
    Status.model_validate(status)
    assert [c["type"] for c in status["conditions"]][-1] == "Published"


def test_what_was_written_down_counts_when_the_pod_is_gone_and_its_job_is_not() -> None:
    good = {"publication": decide(told(2, message=said("Open"))).record}
    again = decide(told(2), last=good)
    assert (again.launch, again.condition, again.is_settled) == (None, ("True", "Opened", "https://x/7"), True)
    assert again.record == good["publication"]
    wrong = {"publication": decide(told(2, code=22, message='{"reason": "InvalidTemplate"}')).record}
    assert decide(told(2, code=22), last=wrong).condition[:2] == ("False", "InvalidTemplate")
    assert decide(PublishAttempt(3, R, False), last=good).condition[1] == "Publishing"
    assert decide(told(3, code=25), last=good, now=101.0).condition[:2] == ("Unknown", "PublishingFailed")


def test_one_that_is_gone_without_an_end_is_followed_by_another_after_a_wait() -> None:
    found = decide(PublishAttempt(1, R, True), now=1000.0)
    assert (found.launch, found.wake_at) == (None, 1000.0 + FIRST_WAIT)
    assert decide(last={"publication": found.record}, now=1000.0 + FIRST_WAIT).launch == 2
    assert decide(*(PublishAttempt(n + 1, R, True) for n in range(TRIES))).is_settled


def test_what_cannot_be_read_is_no_success() -> None:
    found = decide(told(1, message='{"branches": [], "branchesTotal": 1}'), now=101.0)
    assert (found.condition[:2], found.is_settled) == (("Unknown", "PublishingFailed"), False)


def by_level(count: int = 3, policy: str = "FinishLevel", **pull: Any) -> Spec:
    """A chain, each task a level, with a pull request for each."""
    tasks = [{"id": f"t{i}", "dependencies": [f"t{i - 1}"] if i else []} for i in range(count)]
    wanted = {"scope": "Level", "merge": "WhenChecksPass", **pull}
    return parse_spec({"git": GIT | {"pullRequest": wanted}, "failurePolicy": policy, "tasks": tasks})


def after(spec: Spec, *phases: Phase, merged: int = 0) -> Plan:
    seen = {f"t{i}": [Attempt(1, p, started=1.0, ended=2.0, reason="Policy")] for i, p in enumerate(phases)}
    return plan(compile_graph(spec), spec, Ledger(start_time=0.0, merged=(merged, merged)), seen, 10.0)


def test_a_level_starts_when_the_one_before_is_merged() -> None:
    spec = by_level()
    waiting = after(spec, Phase.SUCCEEDED)
    assert (waiting.launches, waiting.completed, waiting.reasons[1]) == ([], False, Reason.WAITING_FOR_MERGE)
    assert [launch.task for launch in after(spec, Phase.SUCCEEDED, merged=1).launches] == [1]
    assert after(spec, Phase.SUCCEEDED, Phase.SUCCEEDED, merged=1).launches == []
    for without in (by_level(merge="Manual"), by_level(scope="Project")):
        assert [launch.task for launch in after(without, Phase.SUCCEEDED).launches] == [1]


def test_a_level_of_skipped_tasks_has_nothing_to_merge_and_is_not_waited_for() -> None:
    spec = by_level().model_copy(update={"skip": ["t0"]})
    graph = compile_graph(spec)
    waiting = plan(graph, spec, Ledger(start_time=0.0, merged=(0, 0)), {}, 10.0)
    assert revision_of(graph, spec, waiting) == ""
    merged = merged_now("", None, waiting)
    assert merged[0] == 1
    found = plan(graph, spec, Ledger(start_time=0.0, merged=merged), {}, 10.0)
    assert [launch.task for launch in found.launches] == [1]
    assert merged_now("", None, after(by_level())) == (0, 0)


def test_a_task_whose_dependency_is_skipped_is_published_after_those_of_that() -> None:
    tasks = [{"id": "a"}, {"id": "b", "dependencies": ["a"]}, {"id": "c", "dependencies": ["b", "a"]}]
    tasks += [{"id": "d", "dependencies": ["b", "c"]}]
    spec = parse_spec({"git": GIT | {"strategy": "BranchPerTask"}, "skip": ["b"], "tasks": tasks})
    graph = compile_graph(spec)
    seen = {task: [Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0)] for task in "acd"}
    rows = instruction(graph, spec, plan(graph, spec, Ledger(start_time=0.0), seen, 10.0), "shop", 100)["tasks"]
    assert {row["id"]: row.get("after") for row in rows} == {"a": None, "c": ["a"], "d": ["a", "c"]}


def test_a_run_that_publishes_at_its_end_waits_for_no_merge() -> None:
    spec = by_level()
    seen = {"t0": [Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0)]}
    planned = plan(compile_graph(spec), spec, Ledger(start_time=0.0), seen, 10.0)
    assert [launch.task for launch in planned.launches] == [1]
    assert planned.ledger.merged is None


def test_what_tasks_wait_for_is_looked_at_for_as_long_as_they_wait() -> None:
    message = json.dumps({"ends": {"ChecksFailed": 1}, "mergedLevels": 0, "branches": []})
    seen = [told(n + 1, message=message, at=1000.0) for n in range(3 * TRIES)]
    found = publishing(R, {}, seen, 1000.0, 1)
    assert (found.is_settled, found.launch, found.wake_at) == (False, None, 1000.0 + LONGEST_AWAITED)
    assert found.condition[:2] == ("False", "ChecksFailed")
    assert publishing(R, {}, seen, 1000.0 + LONGEST_AWAITED, 1).launch == 3 * TRIES + 1
    record = publishing(R, {}, seen, 1000.0, 0).record
    assert publishing(R, {"publication": record}, [], 1001.0, 1).launch is None  # its Jobs are gone
    assert publishing(R, {"publication": record}, [], 2000.0, 1).launch == 3 * TRIES + 1
    merged = told(40, message=json.dumps({"ends": {"Merged": 1}, "mergedLevels": 1, "branches": []}))
    assert publishing(R, {}, [*seen, merged], 1000.0, 1).is_settled


def test_what_is_merged_is_written_down_and_read_again() -> None:
    spec = by_level()
    branch = {"branch": "x-level-0", "level": 0, "end": "Merged", "number": 4, "url": "https://x/4", "state": "merged"}
    message = json.dumps({"ends": {"Merged": 1}, "mergedLevels": 1, "branches": [branch]})
    found = decide(told(1, message=message))
    status = render_status(compile_graph(spec), spec, after(spec, Phase.SUCCEEDED), {}, 1, 10.0, found, name="p")
    Status.model_validate(status)
    assert status["levels"][0]["pullRequest"] == {"number": 4, "url": "https://x/4", "state": "merged"}
    assert "pullRequest" not in status["levels"][1]
    assert read_status(status).merged == (0, 0)  # it counts when it is known to be of this very work
    assert merged_now(R, found.record, after(spec, Phase.SUCCEEDED)) == (1, 1)
    assert merged_now("where1-other", found.record, after(spec, Phase.SUCCEEDED)) == (0, 0)
    # A publishing that comes to nothing does not undo it, unless there is something new.
    again = publishing(R, status, [told(2, code=25)], 10_000.0)
    assert merged_levels(again.record) == 1
    later = publishing("where1-next", status, [told(2, code=25, revision="where1-next")], 10_000.0)
    assert later.record
    assert merged_levels(later.record) == 0
    assert [pull["number"] for pull in later.record["pullRequests"]] == [4]
    # In another repository, nothing of it counts.
    moved = publishing("where2-next", status, [told(2, code=25, revision="where2-next")], 10_000.0)
    assert moved.record
    assert (merged_levels(moved.record), moved.record["pullRequests"]) == (0, [])
    assert publishing("where2-next", status, [], 10_000.0).launch == 2


def test_a_level_that_gained_work_since_it_was_merged_is_not_merged() -> None:
    spec = by_level()
    seen = {f"t{i}": [Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0)] for i in range(2)}
    stale = plan(compile_graph(spec), spec, Ledger(start_time=0.0, merged=(2, 1)), seen, 10.0)
    assert (stale.launches, stale.reasons[2]) == ([], Reason.WAITING_FOR_MERGE)
    assert plan(compile_graph(spec), spec, Ledger(start_time=0.0, merged=(2, 2)), seen, 10.0).launches


def test_what_landed_above_a_level_is_told_so_that_its_branch_ends_before_that() -> None:
    spec = by_level(merge="Manual", policy="Continue")
    tasks = [*spec.model_dump(by_alias=True, exclude_defaults=True, mode="json")["tasks"], {"id": "late"}]
    spec = parse_spec({"git": GIT | {"pullRequest": {"scope": "Level"}}, "failurePolicy": "Continue", "tasks": tasks})
    said = instruction(compile_graph(spec), spec, after(spec, Phase.SUCCEEDED, Phase.SUCCEEDED), "p", 60)
    assert (said["levels"], said["above"]) == (0, ["t0", "t1"])
    # Also of one that has failed as far as is known: its work may have landed before it was cut off.
    said = instruction(compile_graph(spec), spec, after(spec, Phase.SUCCEEDED, Phase.LOST), "p", 60)
    assert said["above"] == ["t0", "t1"]


def test_tries_that_got_further_do_not_count() -> None:
    stuck = json.dumps({"ends": {"NotInTime": 1}, "branches": []})
    moving = json.dumps({"ends": {"NotInTime": 1, "Merged": 1}, "branches": [], "progress": True})
    seen = [told(n + 1, message=stuck if n % 5 else moving, at=1000.0) for n in range(3 * TRIES)]
    assert not publishing(R, {}, seen, 1000.0).is_settled
    # … also where the Jobs of the first are gone and only the record knows of them.
    record: dict[str, Any] | None = None
    for number in range(1, TRIES + 1):
        assert publishing(R, {"publication": record}, [], 10_000.0).launch == number
        found = publishing(R, {"publication": record}, [told(number, message=stuck)], 101.0)
        record = found.record
        assert record
        assert record["tries"] == number
    assert found.is_settled


def test_the_wait_is_kept_when_the_jobs_are_gone() -> None:
    record = decide(told(1, code=25), now=100.0).record
    assert publishing(R, {"publication": record}, [], 101.0).launch is None
    assert publishing(R, {"publication": record}, [], 100.0 + FIRST_WAIT).launch == 2


def test_what_is_settled_stands_while_it_is_looked_at_again() -> None:
    message = json.dumps({"ends": {"ChecksFailed": 1}, "mergedLevels": 0, "branches": []})
    record = publishing(R, {}, [told(1, message=message)], 100.0, 1).record
    for seen in ([], [PublishAttempt(2, R, False)], [told(1, message=message), PublishAttempt(2, R, False)]):
        assert publishing(R, {"publication": record}, seen, 10_000.0, 1).condition[:2] == ("False", "ChecksFailed")


def test_a_level_is_told_as_whole_when_nothing_in_it_failed() -> None:
    well, bad = Phase.SUCCEEDED, Phase.FAILED

    def levels(planned: Plan, spec: Spec) -> tuple[int, int]:
        said = instruction(compile_graph(spec), spec, planned, "p", 60)
        return said["levels"], said["wholeLevels"]

    spec = by_level()
    assert levels(after(spec, well), spec) == (1, 1)
    assert levels(after(spec, well, well, merged=1), spec) == (2, 2)
    broken = {"defaults": {"maxAttempts": 1}}
    spec = parse_spec(by_level().model_dump(by_alias=True, exclude_defaults=True, mode="json") | broken)
    assert levels(after(spec, well, bad, merged=1), spec) == (3, 1)  # the last one is skipped: the project has ended
    goes_on = parse_spec(
        by_level(policy="Continue").model_dump(by_alias=True, exclude_defaults=True, mode="json") | broken
    )
    assert levels(after(goes_on, well, bad, merged=1), goes_on) == (3, 3)


def test_what_each_task_builds_on_is_told_where_each_has_a_branch() -> None:
    spec = parse_spec(
        SPEC.model_dump(by_alias=True, exclude_defaults=True, mode="json")
        | {"git": GIT | {"strategy": "BranchPerTask"}}
    )
    well = Phase.SUCCEEDED
    said = instruction(compile_graph(spec), spec, planned(("a", well), ("b", well), ("c", well)), "p", 60)
    assert {row["id"]: row.get("after") for row in said["tasks"]} == {"a": None, "b": None, "c": ["a"]}
    assert (said["branch"], said["line"], said["merge"]) == ("parallel/p", "parallel/p/_all", "Manual")


@pytest.mark.parametrize(
    ("git", "more", "found"),
    [
        ({"strategy": "BranchPerTask"}, {}, "with strategy BranchPerTask each task has its own pull request"),
        ({}, {"scheduling": "Graph"}, "with scheduling Graph levels do not end in order"),
    ],
)
def test_levels_that_cannot_be_offered_are_refused(git: dict[str, Any], more: dict[str, Any], found: str) -> None:
    spec = parse_spec({"git": GIT | {"pullRequest": {"scope": "Level"}} | git, "tasks": [{"id": "a"}], **more})
    with pytest.raises(ProblemsError) as error:
        compile_graph(spec)
    (problem,) = error.value.problems
    assert problem.place == "spec.git.pullRequest.scope"
    assert found in str(problem)


def test_what_fails_its_checks_does_not_end_it_for_those_that_may_get_further() -> None:
    def ended(**ends: int) -> Publishing:
        return decide(told(1, message=json.dumps({"ends": ends, "branches": []})), now=101.0)

    going_on = ended(Merged=5, ChecksFailed=1, NotInTime=44)
    assert (going_on.is_settled, going_on.condition[:2]) == (False, ("Unknown", "ChecksFailed"))
    assert going_on.wake_at
    stuck = ended(Merged=5, ChecksFailed=1, Waiting=3)
    assert (stuck.is_settled, stuck.condition[:2]) == (True, ("False", "ChecksFailed"))
    assert not ended(Waiting=3).is_settled


def test_an_edit_that_is_undone_is_published_again_when_another_revision_was_under_way() -> None:
    mine, other = told(1, message=said("Open")), PublishAttempt(2, "where1-other", False)
    record = {"publication": decide(mine).record}
    assert decide(mine, last=record).is_settled
    assert decide(mine, other, last=record).launch is None  # one at a time
    ended = told(2, message=said("Merged"), revision="where1-other")
    assert decide(mine, ended, last=record).launch == 3
    assert decide(mine, ended, told(3, message=said("Open")), last=record).is_settled


def test_failures_before_an_edit_that_was_undone_do_not_count() -> None:
    before = [told(n + 1, code=25) for n in range(TRIES)]
    assert decide(*before).is_settled
    other = told(TRIES + 1, code=25, revision="where1-other")
    record = publishing("where1-other", {"publication": decide(*before).record}, [*before, other], 1000.0).record
    found = decide(*before, other, told(TRIES + 2, code=25), last={"publication": record})
    assert (found.is_settled, found.record and found.record["tries"]) == (False, 1)
