"""The steps of a task: where it stands follows from how its attempts ended, and the laws of that hold in any world."""

import json
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import NEW, Attempt, Phase, Record, settle
from parallelproject.core.planner.constraints.verified_work import VerifiedWork
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.core.planner.step_at import step_at
from parallelproject.core.planner.stops import suspended_until
from parallelproject.core.report.changes import What, changes
from parallelproject.core.report.readings import PlanReading
from parallelproject.core.report.status import read_row, render_row, render_status
from parallelproject.core.report.why.why import why
from parallelproject.core.steps.standing import Standing, maker_of, standing
from parallelproject.core.steps.step import OWN, StepEnd, StepVerdict, TaskStep
from parallelproject.executors.base.cluster_checks import no_steps, too_large
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import ExecutorKind, FailurePolicy, Spec
from parallelproject.model.status import STEP_ENDS_MAX, Reason, TaskState, TaskStatus
from tests.core import test_laws as laws
from tests.core.examples import examples
from tests.core.projects import specs
from tests.core.simulation import Chaos, History, Work, simulate

HELD, PASSED, REJECTED, CONFLICT = StepVerdict
REVIEW = TaskStep("review", True, 2)
FORMAT = TaskStep("format", False, 0)
TEST = TaskStep("test", True, 1)
ROLES = [{"name": "coder"}, {"name": "reviewer", "maxConcurrent": 1}]


def stand(steps: list[TaskStep], *ends: str, forgiven: int = 0) -> Standing:
    """Where a task stands after ends such as ``own+`` (held), ``review+`` (passed) and ``review-`` (rejected)."""
    makers = {OWN, *(step.name for step in steps if not step.is_gate)}
    found = []
    for number, end in enumerate(ends, 1):
        name = "" if end[:-1] == "own" else end[:-1]
        good = HELD if name in makers else PASSED
        found.append(StepEnd(name, number, {"+": good, "-": REJECTED, "x": CONFLICT}[end[-1]]))
    return standing(steps, found, forgiven)


@pytest.mark.parametrize(
    ("ends", "following", "work", "is_last", "turn"),
    [
        ([], OWN, 0, False, 1),
        (["own+"], "format", 1, False, 1),
        (["own+", "format+"], "review", 2, False, 1),
        (["own+", "format+", "review+"], "test", 2, True, 1),
        (["own+", "format+", "review-"], "format", 2, False, 2),
        (["own+", "format+", "review-", "format+"], "review", 4, False, 2),
        (["own+", "format+", "review+", "test-"], "format", 2, False, 2),
        (["own+", "format+", "review+", "test-", "format+"], "review", 5, False, 2),
        (["own+", "format+", "review+", "testx"], OWN, 0, False, 1),
        (["own+", "format+", "review+", "test+"], None, 2, True, 1),
    ],
)
def test_where_a_task_stands(ends: list[str], following: str | None, work: int, is_last: bool, turn: int) -> None:
    found = stand([FORMAT, REVIEW, TEST], *ends)
    assert (found.next, found.work, found.is_last, found.round) == (following, work, is_last, turn)


def test_a_gate_before_a_step_that_makes_work_judges_again_what_that_has_made() -> None:
    steps = [REVIEW, FORMAT, TEST]
    assert stand(steps, "own+", "review+").next == "format"
    assert stand(steps, "own+", "review+", "format+").next == "review"
    assert stand(steps, "own+", "review+", "format+", "review+").next == "test"
    assert not stand(steps[:2], "own+", "review+").is_last
    assert stand(steps[:2], "own+", "review+", "format+").is_last
    assert stand([FORMAT], "own+").is_last
    found = stand(steps, "own+", "review+", "format+", "review-")
    assert (found.next, maker_of(steps, "review"), maker_of(steps, "test")) == (OWN, OWN, "format")
    assert stand(steps, "own+", "review+", "format+", "review-", "own+", "review+").next == "format"
    rejected = ["own+", "review+", "format+", "review+", "test-"]
    assert stand(steps, *rejected).next == "format", "what was rejected is not judged once more"
    assert stand(steps, *rejected, "format+").next == "review"


def test_a_gate_rejects_as_often_as_it_may_and_once_more_is_the_end() -> None:
    rounds = ["own+", "review-"] * 2
    assert stand([REVIEW], *rounds).refused is None
    assert stand([REVIEW], *rounds).rejections == 2
    assert stand([REVIEW], *rounds, "own+", "review-").refused == REVIEW
    assert stand([REVIEW], *rounds, "own+", "review-", forgiven=3).refused is None
    assert stand([REVIEW], *rounds, "own+", "review-", forgiven=3).next == OWN
    assert stand([replace_rounds(REVIEW, 0)], "own+", "review-").refused is not None


def replace_rounds(step: TaskStep, rounds: int) -> TaskStep:
    return step._replace(max_rounds=rounds)


def test_steps_that_were_removed_or_added_since_count_as_far_as_they_can() -> None:
    ends = [StepEnd(OWN, 1, HELD), StepEnd("gone", 2, HELD), StepEnd("away", 3, REJECTED)]
    assert standing([], ends[:1]) == Standing(next=None, work=1, is_last=True)
    assert standing([TEST], ends) == Standing(next="test", work=2, is_last=True, round=2)


def seen(number: int, phase: Phase, step: str = OWN, code: int | None = None, why: str | None = None) -> Attempt:
    return Attempt(number, phase, False, False, number * 10.0, number * 10.0 + 5, why, code, step=step)


def test_a_record_is_the_same_whether_ends_are_seen_at_once_or_one_by_one() -> None:
    attempts = [
        seen(1, Phase.FAILED, code=1, why="ExitCode"),
        seen(2, Phase.HELD),
        seen(3, Phase.FAILED, "review", 75, "Transient"),
        seen(4, Phase.REJECTED, "review", 1),
        seen(5, Phase.HELD),
        seen(6, Phase.SUCCEEDED, "review"),
    ]
    record = NEW
    for attempt in attempts:
        record = settle(record, [attempt])
        assert settle(record, [attempt]) == record
    assert record == settle(NEW, attempts)
    assert record.state is TaskState.SUCCEEDED
    assert (record.attempts, record.failures, record.deferrals) == (6, 1, 1)
    assert [(end.attempt, end.verdict) for end in record.steps] == [(2, HELD), (4, REJECTED), (5, HELD)]


def project(**fields: Any) -> Spec:
    steps = [{"name": "review", "role": "reviewer", "gate": True}, {"name": "test", "command": ["true"], "gate": True}]
    return parse_spec({"roles": ROLES, "defaults": {"role": "coder", "backoffSeconds": 0}, "steps": steps} | fields)


def decide(spec: Spec, now: float = 1000.0, **attempts: list[Attempt]) -> Plan:
    return plan(compile_graph(spec), spec, Ledger(), attempts, now)


def starts(found: Plan) -> list[tuple[int, str]]:
    snapshot = found.ledger.snapshot
    assert snapshot is not None
    return [(launch.task, snapshot.standing(launch.task).next or OWN) for launch in found.launches]


def test_what_depends_on_a_task_starts_when_all_its_steps_have_passed() -> None:
    spec = project(tasks=[{"id": "a"}, {"id": "b", "dependencies": ["a"]}])
    assert starts(decide(spec)) == [(0, OWN)]
    assert starts(decide(spec, a=[seen(1, Phase.HELD)])) == [(0, "review")]
    assert starts(decide(spec, a=[seen(1, Phase.HELD), seen(2, Phase.PASSED, "review")])) == [(0, "test")]
    done = [seen(1, Phase.HELD), seen(2, Phase.PASSED, "review"), seen(3, Phase.SUCCEEDED, "test")]
    assert starts(decide(spec, a=done)) == [(1, OWN)]


def test_a_task_chooses_its_steps() -> None:
    spec = project(tasks=[{"id": "a", "steps": ["test"]}, {"id": "b", "steps": []}])
    graph = compile_graph(spec)
    assert [[step.name for step in graph.steps_of(i)] for i in (0, 1)] == [["test"], []]
    assert starts(decide(spec, a=[seen(1, Phase.HELD)], b=[seen(1, Phase.SUCCEEDED)])) == [(0, "test")]


def test_a_task_keeps_its_files_and_no_slot_between_two_steps() -> None:
    tasks = [{"id": "a", "files": ["x"]}, {"id": "b", "files": ["x"]}, {"id": "c"}]
    busy = {"a": [seen(1, Phase.HELD)], "c": [seen(1, Phase.HELD)]}
    spec = project(tasks=tasks, parallelism=4)
    found = decide(spec, **busy)  # one reviewer: one of the two waits, and keeps its files
    assert starts(found) == [(0, "review")]
    assert found.reasons == [Reason.STARTING, Reason.WAITING_FOR_FILES, Reason.WAITING_FOR_ROLE]
    waiting = decide(spec, a=busy["a"], c=[seen(1, Phase.HELD), Attempt(2, Phase.ACTIVE, True, step="review")])
    assert waiting.reasons[:2] == [Reason.WAITING_FOR_ROLE, Reason.WAITING_FOR_FILES]
    assert waiting.running == 1


def test_a_step_with_a_command_runs_in_its_own_role_whatever_the_agent_of_that_has_met() -> None:
    steps = [{"name": "review", "role": "reviewer"}, {"name": "lint", "role": "coder", "command": ["lint"]}]
    spec = project(tasks=[{"id": "a"}], steps=steps)
    graph, acting = compile_graph(spec), {"coder": "spare", "reviewer": "other"}

    def fallback(*ends: StepEnd) -> str | None:
        at = step_at(graph, spec, 0, NEW._replace(steps=ends))
        return at.fallback(graph.role_at(0, at.name), acting)

    own, review = StepEnd(OWN, 1, HELD), StepEnd("review", 2, HELD)
    assert [fallback(), fallback(own), fallback(own, review)] == ["spare", "other", None]


def test_a_step_whose_object_is_refused_holds_back_its_own_role_and_not_that_of_its_task() -> None:
    spec = project(tasks=[{"id": "a"}, {"id": "b"}, {"id": "c"}], parallelism=9)
    refused = Attempt(2, Phase.REFUSED, started=999.5, ended=1030.0, reason=Reason.REFUSED_BY_POLICY, step="review")
    found = decide(spec, a=[seen(1, Phase.HELD), refused], b=[seen(1, Phase.HELD)])
    assert starts(found) == [(2, OWN)]
    assert found.reasons[:2] == [Reason.REFUSED_BY_POLICY, Reason.REFUSED_BY_POLICY]


def test_a_task_between_two_steps_starts_before_new_ones_and_ends_when_others_have_failed() -> None:
    tasks = [{"id": "a", "priority": 9}, {"id": "b"}, {"id": "c", "dependencies": ["b"]}, {"id": "bad"}]
    spec = project(tasks=tasks, parallelism=1, scheduling="Graph", defaults={"role": "coder", "maxAttempts": 1})
    bad = [seen(1, Phase.FAILED, code=1, why="ExitCode")]
    past = {"b": [seen(1, Phase.SUCCEEDED)], "c": [seen(1, Phase.HELD)]}
    assert starts(decide(spec, **past)) == [(2, "review")]
    assert starts(decide(spec, **past, bad=bad)) == [(2, "review")]
    fail_fast = spec.model_copy(update={"failure_policy": FailurePolicy.FAIL_FAST})
    assert decide(fail_fast, **past, bad=bad).launches == []


def test_failures_count_for_the_step_that_they_are_of() -> None:
    spec = project(tasks=[{"id": "a", "maxAttempts": 2}])
    crash = [
        seen(1, Phase.FAILED, code=1, why="ExitCode"),
        seen(2, Phase.HELD),
        seen(3, Phase.FAILED, "review", 9, "x"),
    ]
    assert starts(decide(spec, a=crash)) == [(0, "review")]
    found = decide(spec, a=[*crash, seen(4, Phase.FAILED, "review", 9, "ExitCode")])
    assert (found.states, found.reasons) == ([TaskState.FAILED], [Reason.EXIT_CODE])


@pytest.mark.parametrize("again", [False, True])
def test_held_work_of_a_branch_that_was_rewritten_is_done_again_after_a_retry(again: bool) -> None:
    crash = [seen(2, Phase.FAILED, "review", 9, "x")]
    attempts = [seen(1, Phase.HELD), *crash, seen(3, Phase.FAILED, "review", 21, Reason.BRANCH_REWRITTEN)]
    retries = [{"id": "a", "forgive": 2}] if again else []
    found = decide(project(tasks=[{"id": "a", "maxAttempts": 9}], retries=retries), a=attempts)
    if again:
        assert starts(found) == [(0, OWN)]
        snapshot = found.ledger.snapshot
        assert snapshot is not None
        assert snapshot.standing(0).work == 0
        assert (
            read_row(render_row("a", TaskState.PENDING, 0, None, snapshot.record(0))).steps == snapshot.record(0).steps
        )
    else:
        assert (found.states, found.reasons) == ([TaskState.FAILED], [Reason.BRANCH_REWRITTEN])


def test_a_role_that_is_refused_keeps_those_tasks_from_starting_whose_next_steps_need_it() -> None:
    ids = [{"id": i} for i in ("bad", "held", "again", "new")] + [{"id": "own", "steps": ["test"]}]
    spec = project(tasks=ids, parallelism=9, failurePolicy="Continue", roles=[{"name": "coder"}, {"name": "reviewer"}])
    past = {"held": [seen(1, Phase.HELD)], "again": TWICE[:2]}
    coder = decide(spec, bad=[seen(1, Phase.FAILED, code=1, why="AgentAuth")], **past)
    assert starts(coder) == [(1, "review")], "its own work is done"
    assert coder.reasons[2:] == [Reason.STOPPED] * 3
    reviewer = decide(spec, bad=[seen(1, Phase.HELD), seen(2, Phase.FAILED, "review", 1, "AgentAuth")], **past)
    assert starts(reviewer) == [(4, OWN)], "it needs no reviewer"
    assert reviewer.reasons[1:4] == [Reason.STOPPED] * 3
    for made, i, role in ((coder, "new", "coder"), (reviewer, "new", "reviewer"), (reviewer, "held", "reviewer")):
        status = status_of(made, spec)
        assert (
            f"every other task of the role {role} would fail"
            in why(compile_graph(spec), spec, status, i, 1000.0).answer
        )


def test_a_task_whose_gate_rejects_once_more_than_it_may_has_failed() -> None:
    spec = project(tasks=[{"id": "a"}, {"id": "b", "dependencies": ["a"]}])
    rounds = [seen(n, Phase.HELD) if n % 2 else seen(n, Phase.REJECTED, "review", 1) for n in range(1, 7)]
    assert starts(decide(spec, a=rounds[:4])) == [(0, OWN)]
    found = decide(spec, a=rounds)
    assert found.states == [TaskState.FAILED, TaskState.SKIPPED]
    assert found.reasons == [Reason.GATE_FAILED, Reason.DEPENDENCY_FAILED]
    again = spec.model_copy(
        update={"retries": [parse_spec({"retries": [{"id": "a", "forgiveRejections": 3}]}).retries[0]]}
    )
    assert starts(decide(again, a=rounds)) == [(0, OWN)]


def files_and_chain(**fields: Any) -> Spec:
    """``child`` depends on ``repaired``; both write the same file."""
    tasks = [{"id": "repaired", "files": ["x"]}, {"id": "child", "files": ["x"], "dependencies": ["repaired"]}]
    return project(tasks=tasks, parallelism=4, **fields)


REPAIR = {"retries": [{"id": "repaired", "rerunAfter": 1}]}
IN_BETWEEN = {"repaired": [seen(1, Phase.SUCCEEDED)], "child": [seen(1, Phase.HELD)]}


def test_a_task_that_waits_for_a_repair_keeps_no_files_that_the_repair_needs() -> None:
    found = decide(files_and_chain(**REPAIR), **IN_BETWEEN)
    assert starts(found) == [(0, OWN)]
    assert found.reasons[1] == Reason.WAITING_FOR_DEPENDENCIES


def test_a_task_that_waits_for_a_level_or_a_verification_keeps_no_files_that_these_need() -> None:
    tasks = [{"id": "low", "files": ["x"]}, {"id": "top"}, {"id": "high", "files": ["x"], "dependencies": ["top"]}]
    past = {"low": [seen(1, Phase.SUCCEEDED)], "top": [seen(1, Phase.SUCCEEDED)], "high": [seen(1, Phase.HELD)]}
    again = {"retries": [{"id": "low", "rerunAfter": 1}]}
    found = decide(project(tasks=tasks, scheduling="Levels", **again), **past)
    assert (starts(found), found.reasons[2]) == ([(0, OWN)], Reason.WAITING_FOR_LEVEL)
    spec = project(tasks=tasks, scheduling="Graph", **again)
    ledger = Ledger(verified=VerifiedWork())
    found = plan(compile_graph(spec), spec, ledger, past, 1000.0)
    assert (starts(found), found.reasons[2]) == ([(0, OWN)], Reason.WAITING_FOR_VERIFICATION)


def test_a_task_between_two_steps_does_not_wait_for_a_repair_that_is_skipped_after_a_failure() -> None:
    tasks = [
        {"id": "bad", "maxAttempts": 1}, {"id": "good"}, {"id": "repaired", "dependencies": ["good"]},
        {"id": "child", "dependencies": ["repaired"]},
    ]  # fmt: skip
    past = {"bad": [seen(1, Phase.FAILED, code=1, why="ExitCode")], "good": [seen(1, Phase.SUCCEEDED)]}
    found = decide(project(tasks=tasks, failurePolicy="FinishLevel", **REPAIR), **past, **IN_BETWEEN)
    assert found.states[2:] == [TaskState.SKIPPED, TaskState.SKIPPED]
    assert found.completed


def test_of_two_tasks_between_steps_that_write_the_same_file_one_runs() -> None:
    tasks = [{"id": "a", "files": ["x"]}, {"id": "b", "files": ["x"]}]
    spec = project(tasks=tasks, parallelism=4, roles=[{"name": "coder"}, {"name": "reviewer"}])
    held = [seen(1, Phase.HELD)]
    found = decide(spec, a=held, b=held)
    assert (starts(found), found.reasons[1]) == ([(0, "review")], Reason.WAITING_FOR_FILES)
    runs = [*held, Attempt(2, Phase.ACTIVE, True, step="review")]
    assert decide(spec, a=held, b=runs).launches == []


def test_why_names_the_task_that_keeps_a_file_between_two_steps() -> None:
    tasks = [{"id": "a", "files": ["x"]}, {"id": "b", "files": ["x"]}, {"id": "c"}]
    spec = project(tasks=tasks, parallelism=4)
    reviewed = [seen(1, Phase.HELD), Attempt(2, Phase.ACTIVE, True, started=990.0, step="review")]
    status = status_of(decide(spec, a=[seen(1, Phase.HELD)], c=reviewed), spec)
    assert "x, which a (pending: WaitingForRole) writes" in why(compile_graph(spec), spec, status, "b", 1000.0).answer


def test_files_are_kept_while_an_attempt_has_released_its_slot_and_has_no_end_yet() -> None:
    spec = project(tasks=[{"id": "a", "files": ["x"]}, {"id": "b", "files": ["x"]}])
    ending = Attempt(2, Phase.ACTIVE, running=False, started=20.0, step="review")
    found = decide(spec, a=[seen(1, Phase.HELD), ending])
    assert (found.states[0], starts(found)) == (TaskState.RUNNING, [])
    assert found.reasons[1] == Reason.WAITING_FOR_FILES


def test_a_budget_that_is_used_up_between_two_steps_ends_the_run_although_others_wait_for_files() -> None:
    tasks = [{"id": "a", "files": ["x"]}, {"id": "b", "files": ["x"], "steps": []}]
    spec = project(tasks=tasks, budgets=[{"unit": "usd", "limit": "1", "perRole": {"reviewer": "0"}}])
    assert decide(spec, a=[seen(1, Phase.HELD)]).is_exhausted


def status_of(found: Plan, spec: Spec) -> dict[str, Any]:
    return render_status(compile_graph(spec), spec, found, {}, 1, 1000.0, name="shop")


TWICE = [seen(1, Phase.HELD), seen(2, Phase.REJECTED, "review", 1), seen(3, Phase.HELD)]
THRICE = [*TWICE, seen(4, Phase.REJECTED, "review", 1), seen(5, Phase.HELD), seen(6, Phase.REJECTED, "review", 1)]


@pytest.mark.parametrize(
    ("attempts", "words"),
    [
        (TWICE[:2], "review rejected it (round 1 of 2); the task runs again"),
        (TWICE, "step review is next, on the work of attempt 3; nothing has landed yet"),
        (
            [*TWICE, Attempt(4, Phase.ACTIVE, True, started=990.0, step="review")],
            "it is at step review, in round 2, and follows on the work of attempt 3",
        ),
        (THRICE, "review rejected it, 3 times in all, and its maxRounds is 2"),
        ([*TWICE, seen(4, Phase.FAILED, "review", why="Conflict")], "so it goes through all its steps again"),
    ],
)
def test_why_says_which_step_is_next_and_who_rejected_it(attempts: list[Attempt], words: str) -> None:
    spec = project(tasks=[{"id": "a"}], parallelism=1)
    status = status_of(decide(spec, a=attempts), spec)
    found = why(compile_graph(spec), spec, status, "a", 1000.0)
    assert words in " ".join([found.answer, *found.more])


def test_a_rejection_that_is_forgiven_is_no_round_of_its_gate() -> None:
    spec = project(tasks=[{"id": "a"}], parallelism=1, retries=[{"id": "a", "forgiveRejections": 1}])
    found = why(compile_graph(spec), spec, status_of(decide(spec, a=TWICE[:2]), spec), "a", 1000.0)
    said = " ".join([found.answer, *found.more])
    assert "review rejected it; the task runs again" in said
    assert "round 0" not in said


def test_a_row_of_a_status_has_all_that_follows_from_the_steps() -> None:
    record = settle(
        NEW, [seen(1, Phase.FAILED, why="ExitCode", code=3), *(a._replace(number=a.number + 1) for a in TWICE)]
    )
    row = render_row("a", TaskState.PENDING, 0, Reason.WAITING_FOR_ROLE, record)
    found = read_row(json.loads(json.dumps(row)))
    assert (found.steps, found.step, found.failures) == (record.steps, "", 1)
    assert TaskStatus.model_validate(row)
    assert read_row(row | {"steps": ["odd", ":x:Held:0", ":1:Lost:0", 7, "review:2:Passed:0"]}).steps == (
        StepEnd("review", 2, PASSED),
    )


def test_numbers_in_a_row_that_are_too_long_are_ignored() -> None:
    steps = [f":{'9' * 5000}:Held:0", f":1:Held:{'9' * 5000}", ":1:Held:0"]
    assert read_row({"id": "a", "state": "Pending", "steps": steps}).steps == (StepEnd(OWN, 1, HELD),)


def test_a_row_has_no_more_ends_of_steps_than_its_format_allows() -> None:
    ends = tuple(StepEnd("review", number, PASSED) for number in range(1, STEP_ENDS_MAX + 9))
    row = render_row("a", TaskState.PENDING, 0, None, Record(attempts=len(ends), steps=ends))
    assert TaskStatus.model_validate(row)
    assert read_row(row).steps == ends[8:]


def test_a_project_is_too_large_for_a_cluster_with_the_ends_of_its_steps() -> None:
    spec = project(tasks=[{"id": f"task-{i}"} for i in range(5000)])
    assert list(too_large(spec.model_copy(update={"steps": []}))) == []
    assert "exceed the maximum size" in str(*too_large(spec))


def test_the_deadline_of_a_suspended_attempt_is_that_of_its_step() -> None:
    steps = [
        {"name": "review", "role": "reviewer", "gate": True, "deadlineSeconds": 50},
        {"name": "test", "role": "coder"},
    ]
    spec = project(tasks=[{"id": "a", "activeDeadlineSeconds": 900}], steps=steps)
    for step, seconds in ((OWN, 900), ("review", 50), ("test", 900)):
        suspended = Attempt(1, Phase.ACTIVE, True, started=100.0, reason=Reason.JOB_SUSPENDED, step=step)
        assert suspended_until(compile_graph(spec), spec, "a", suspended) == 100.0 + seconds


def test_each_end_of_a_step_is_one_event() -> None:
    spec = project(tasks=[{"id": "a"}])
    graph = compile_graph(spec)
    before, found = PlanReading(graph, decide(spec)), []
    for end in (1, 2, 3):
        after = PlanReading(graph, decide(spec, a=TWICE[:end]), reported=["a"])
        found += [(event.what, event.step, event.reason) for event in changes(before, after) if event.took]
        before = after
    assert found == [
        (What.STEP_PASSED, "", ""),
        (What.STEP_REJECTED, "review", "GateFailed"),
        (What.STEP_PASSED, "", ""),
    ]


@pytest.mark.parametrize(
    ("executor", "git", "found"),
    [
        ("Job", True, ""),
        ("Job", False, "need spec.git in a cluster: the work between two steps is kept in the repository"),
        ("Workflow", True, "are not for executor Workflow"),
    ],
)
def test_a_cluster_accepts_steps_where_their_work_can_be_held(executor: str, git: bool, found: str) -> None:
    spec = project().model_copy(update={"executor": ExecutorKind(executor)})
    spec = spec.model_copy(update={"git": parse_spec({"git": {"url": "https://g.example/x"}}).git}) if git else spec
    problems = list(no_steps(spec))
    assert [problem.place for problem in problems] == ["spec.steps"] * bool(found)
    assert found in str(problems)


def test_what_its_own_work_has_put_out_counts_when_that_has_landed() -> None:
    out, other = (("answer", "42"),), (("answer", "of the gate"),)
    held = Attempt(1, Phase.HELD, outputs=out)
    rejected = Attempt(2, Phase.REJECTED, step="review", exit_code=1)
    formatted = Attempt(3, Phase.HELD, step="format", outputs=other)
    midway = settle(NEW, [held, rejected, formatted])
    assert midway.outputs == out
    row = render_row("a", TaskState.PENDING, 0, None, midway, midway.outputs)
    for before in (midway, read_row(row)):
        done = settle(before, [Attempt(4, Phase.SUCCEEDED, step="review", commit="c")])
        assert (done.state, done.outputs) == (TaskState.SUCCEEDED, out)
        again = settle(before, [Attempt(4, Phase.FAILED, step="review", reason="Conflict")])
        assert again.outputs == (), "all of it is done again"


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ({"steps": [{"name": "x"}]}, "spec.steps[0]", "neither a role nor a command"),
        ({"steps": [{"name": "x", "role": "coder", "maxRounds": 5}]}, "spec.steps[0].maxRounds", "only for a gate"),
        ({"steps": [{"name": "x", "role": "coder"}] * 2}, "spec.steps[1].name", "another step"),
        ({"steps": [{"name": "x", "role": "codr"}]}, "spec.steps[0].role", "not a role"),
        ({"tasks": [{"id": "a", "steps": ["tset"]}]}, "spec.tasks[0].steps[0]", "not a step"),
        ({"tasks": [{"id": "a", "steps": ["test", "test"]}]}, "spec.tasks[0].steps[1]", "twice"),
    ],
)
def test_steps_that_cannot_be_are_refused(fields: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        compile_graph(project(**fields))
    assert [(problem.place, words in problem.found) for problem in caught.value.problems] == [(place, True)]


# -- laws, over random projects

ORDERS = ["g", "m", "gm", "mg", "gg", "gmg", "mgg", "mgm"]
"""Steps in their order: gates, and steps that make work."""


@st.composite
def stepped(draw: st.DrawFn, policies: tuple[str, ...] = ("FinishLevel", "Continue", "FailFast")) -> Spec:
    spec = draw(specs(policies=policies, deadlines=False))
    roles = [role.name for role in spec.roles]
    steps = [
        {"name": f"{kind}{i}", "gate": kind == "g", "command": ["true"]}
        | ({"role": draw(st.sampled_from(roles))} if roles and draw(st.booleans()) else {})
        | ({"maxRounds": draw(st.integers(0, 2))} if kind == "g" else {})
        for i, kind in enumerate(draw(st.sampled_from(ORDERS)))
    ]
    made = parse_spec({"steps": steps}).steps
    choices = st.one_of(st.none(), st.none(), st.lists(st.sampled_from([step.name for step in made]), unique=True))
    tasks = [task.model_copy(update={"steps": draw(choices)}) for task in spec.tasks]
    return spec.model_copy(update={"steps": made, "tasks": tasks})


def history_of(spec: Spec, seed: int, chaos: Chaos, rejecting: float) -> History:
    return simulate(spec, seed, replace(chaos, rejecting=rejecting))


rejecting = st.sampled_from([0.0, 0.3, 0.8])
mostly_good = st.builds(
    Chaos, failing=st.sampled_from([0.0, 0.1]), late=st.sampled_from([0, 2]), restarts=st.lists(laws.times, max_size=2)
)
histories = st.builds(history_of, stepped(), laws.seeds, laws.chaoses, rejecting)
unedited = st.builds(history_of, stepped(), laws.seeds, laws.unedited | mostly_good, rejecting)


VERIFICATION = {"checks": [{"name": "sound", "command": ["true"]}]}


@st.composite
def verified(draw: st.DrawFn) -> Spec:
    """A project that is verified, of which most tasks write the same files."""
    spec = draw(stepped())
    settings = {"after": draw(st.sampled_from(["Level", "Landings", "Landings"]))}
    if settings["after"] == "Landings":
        settings["every"] = draw(st.integers(1, 9))
    made = parse_spec({"verification": VERIFICATION | settings}).verification
    files = draw(st.lists(st.sampled_from([["a"], ["a"], ["b"]]), min_size=len(spec.tasks), max_size=len(spec.tasks)))
    tasks = [task.model_copy(update={"files": names}) for task, names in zip(spec.tasks, files, strict=True)]
    return spec.model_copy(update={"verification": made, "tasks": tasks})


def repaired_of(spec: Spec, seed: int, chaos: Chaos, rejecting: float, breaking: float, asking: float) -> History:
    return simulate(spec, seed, replace(chaos, rejecting=rejecting, breaking=breaking, asking=asking, person=9))


asking = st.sampled_from([0.0, 0.3])
broken = st.sampled_from([0.4, 1.0])
repaired = st.builds(repaired_of, verified(), laws.seeds, laws.unedited | mostly_good, rejecting, broken, asking)
"""With repairs of what has landed, and questions to people."""


def works_of(history: History, task: str) -> list[Work]:
    """The attempts of a task, in order, without those that were never made."""
    return sorted((work for work in history.works.values() if work.key.task == task), key=lambda work: work.key.number)


@examples(60)
@given(unedited | repaired)
def test_no_work_lands_before_all_its_gates_have_passed_on_it(history: History) -> None:
    graph = history.end.graph
    for i, task in enumerate(graph.ids):
        gates = {step.name for step in graph.steps_of(i) if step.is_gate}
        passed: set[str] = set()
        for work in works_of(history, task):
            if work.phase is Phase.HELD:
                passed = set()
            elif work.phase is Phase.PASSED:
                passed.add(work.step)
            elif work.phase is Phase.REJECTED:
                passed = set()
            elif work.phase is Phase.SUCCEEDED:
                before = passed if work.step in gates else set()  # what it has changed itself, no gate has judged
                assert before | ({work.step} & gates) == gates
                makers = {step.name for step in graph.steps_of(i)} - gates
                assert makers <= {other.step for other in works_of(history, task)}


@examples(60)
@given(unedited)
def test_a_gate_rejects_at_most_once_more_than_it_may_and_then_nothing_of_the_task_starts(history: History) -> None:
    graph = history.end.graph
    for i, task in enumerate(graph.ids):
        rounds = {step.name: step.max_rounds for step in graph.steps_of(i) if step.is_gate}
        counted = dict.fromkeys(rounds, 0)
        before: Work | None = None
        for work in works_of(history, task):
            assert all(count <= rounds[gate] for gate, count in counted.items())
            if before is not None and before.phase is Phase.REJECTED:
                assert work.step == maker_of(graph.steps_of(i), before.step)
            counted[work.step] = counted.get(work.step, 0) + (work.phase is Phase.REJECTED) if work.is_gate else 0
            counted = {gate: count for gate, count in counted.items() if gate in rounds}
            before = work
        if any(count > rounds[gate] for gate, count in counted.items()):
            assert history.final[task][:2] == (TaskState.FAILED, Reason.GATE_FAILED)


@examples(60)
@given(unedited)
def test_no_step_of_a_task_starts_after_the_task_has_failed_and_none_twice_at_once(history: History) -> None:
    for launched in history.launches:
        state = launched.planned.plan.states[launched.planned.graph.index[launched.key.task]]
        assert state is TaskState.PENDING
        assert all(key.task != launched.key.task for key in launched.running)
    failed: set[str] = set()
    for planned in history.plans:
        assert not failed & {planned.graph.ids[launch.task] for launch in planned.plan.launches}
        states = zip(planned.graph.ids, planned.plan.states, strict=True)
        failed |= {task for task, state in states if state is TaskState.FAILED}


@examples(60)
@given(unedited)
def test_no_more_run_than_slots_and_roles_allow_whatever_their_step(history: History) -> None:
    for launched in history.launches:
        graph, spec = launched.planned.graph, launched.planned.spec
        assert len(launched.running) < spec.parallelism
        works = history.works
        if launched.key not in works:
            continue  # it was refused, and never ran
        caps = {role.name: role.max_concurrent for role in spec.roles if role.max_concurrent}
        mine = graph.role_at(graph.index[launched.key.task], works[launched.key].step)
        running = [
            key
            for key in launched.running
            if key in works and graph.role_at(graph.index[key.task], works[key].step) == mine
        ]
        assert mine not in caps or len(running) < caps[mine]


@examples(60)
@given(unedited)
def test_the_files_of_a_task_are_its_own_from_its_first_step_to_its_end(history: History) -> None:
    graph, spec = history.end.graph, history.end.spec
    pairs = [(i, j) for i, j in combinations(range(len(graph.ids)), 2) if laws.share_files(graph, spec, i, j)]
    order = {launched.key: place for place, launched in enumerate(history.launches)}
    for i, j in pairs:
        for mine, theirs in ((i, j), (j, i)):
            works = [work for work in works_of(history, graph.ids[mine]) if work.key in order]
            held = [work for work in works if work.phase is Phase.HELD]
            landed = [work for work in works if work.phase is Phase.SUCCEEDED]
            if not held or not landed:
                continue
            first, last = order[held[0].key], order[landed[-1].key]
            others = works_of(history, graph.ids[theirs])
            assert not any(first < order[work.key] < last for work in others if work.key in order)


@examples(60)
@given(stepped(policies=("Continue",)), laws.seeds, laws.unedited, rejecting)
def test_a_project_with_steps_ends_the_same_whatever_came_late_or_was_restarted(
    spec: Spec, seed: int, chaos: Chaos, share: float
) -> None:
    smooth = history_of(spec, seed, Chaos(failing=chaos.failing), share)
    assert history_of(spec, seed, replace(chaos, refused=0.0, overlooked=0.0), share).final == smooth.final


@examples(40)
@given(histories)
def test_every_project_with_steps_ends_after_a_bounded_number_of_attempts(history: History) -> None:
    most = 1 + sum(1 + step.max_rounds for step in history.end.spec.steps if step.gate)
    for task in history.end.graph.ids:
        ends = history.end.plan.ledger.records.get(task, NEW).steps
        assert len(ends) <= (2 + len(history.end.spec.steps)) * (most + 1)


@examples(60)
@given(unedited)
def test_after_a_restart_the_plan_is_the_same_from_any_earlier_ledger(history: History) -> None:
    laws.test_after_a_restart_the_plan_is_the_same_from_any_earlier_ledger.hypothesis.inner_test(history)  # type: ignore[attr-defined]


@examples(100)
@given(repaired)
def test_a_project_with_repairs_ends_and_no_two_tasks_write_the_same_file_at_once(history: History) -> None:
    assert history.end.plan.completed
    for launched in history.launches:
        graph, spec = launched.planned.graph, launched.planned.spec
        mine = graph.index[launched.key.task]
        running = {graph.index[key.task] for key in launched.running}
        assert not any(laws.share_files(graph, spec, mine, other) for other in running)
