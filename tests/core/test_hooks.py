"""When hooks run, what waits for them, what their failures mean, and the phases of groups."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.hooks.hook_runs import HookBook, HookRun
from parallelproject.core.hooks.phases import phases
from parallelproject.core.planner.agent_usage import AgentUsage
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.constraints.verified_work import NOTHING_VERIFIED, VerifiedWork
from parallelproject.core.planner.hooks import HookOccasion, HookProgress, all_occasions
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.status import condition, read_status, rejected_status, render_status
from parallelproject.core.report.why.why import why
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import HookKind
from parallelproject.model.status import GroupPhase, HookRunState, TaskState
from tests.core.examples import examples
from tests.core.hooked_world import HookedWorld
from tests.core.projects import compiled, task_lists
from tests.core.test_plan import active, succeeded, task

ALL = {kind.value: {"command": [kind.value]} for kind in HookKind}
TASKS = [task("a", group="X"), task("b", group="X"), task("c", "a", group="Y"), task("d", "b")]


def hooks(*kinds: str, **fields: Any) -> dict[str, Any]:
    return {kind: {"command": [kind], **fields} for kind in kinds}


def test_hooks_run_around_levels_and_groups() -> None:
    played = HookedWorld(hooks=ALL, tasks=TASKS, parallelism=1).run()
    assert played.violations == []
    assert played.order == [
        *("+before-level-0", "-before-level-0", f"+{GROUP_X}", f"-{GROUP_X}", "+a", "-a", "+b", "-b"),
        *("+after-level-0", "-after-level-0", f"+{AFTER_X}", f"-{AFTER_X}", "+before-level-1", "-before-level-1"),
        *(f"+{GROUP_Y}", f"-{GROUP_Y}", "+c", "-c"),
        *(f"+{AFTER_Y}", f"-{AFTER_Y}", "+d", "-d", "+after-level-1", "-after-level-1"),
    ]  # fmt: skip
    assert played.seen == {name: [*list(GroupPhase)[:3], GroupPhase.DONE] for name in "XY"}
    assert played.report is not None
    assert played.report.condition == ("True", "Succeeded", "8 hooks have succeeded")


def step(kind: HookKind, group: str) -> str:
    return HookOccasion(kind, None, group).step


GROUP_X, GROUP_Y = step(HookKind.BEFORE_GROUP, "X"), step(HookKind.BEFORE_GROUP, "Y")
AFTER_X, AFTER_Y = step(HookKind.AFTER_GROUP, "X"), step(HookKind.AFTER_GROUP, "Y")


def test_a_hook_takes_a_slot_at_the_place_of_the_task_that_waits_for_it() -> None:
    tasks = [task("low"), task("first", priority=2, group="X"), task("second", priority=1)]
    graph, spec = compiled(hooks=hooks("beforeGroup"), tasks=tasks, parallelism=2)
    made = plan(graph, spec, Ledger(), {}, 0.0)
    assert [str(occasion) for occasion in made.hooks] == ["beforeGroup of X"]
    assert [graph.ids[launch.task] for launch in made.launches] == ["second"]
    running = Ledger(hooks=HookProgress(running=frozenset({GROUP_X})))
    again = plan(graph, spec, running, {"second": [active()]}, 1.0)
    assert (list(again.hooks), list(again.launches)) == ([], [])
    assert (made.hook_slots, again.hook_slots) == (1, 1), "what the verification may not use"


def test_with_graph_the_next_level_does_not_wait_for_the_hook_after_one() -> None:
    played = HookedWorld(hooks=hooks("afterLevel"), tasks=TASKS, parallelism=2, scheduling="Graph").run()
    assert played.violations == []
    assert played.order.index("+c") < played.order.index("-after-level-0")
    assert played.order[-1] == "-after-level-1"


def test_a_failure_is_recorded_and_the_project_continues() -> None:
    played = HookedWorld(
        hooks=hooks("beforeLevel"), tasks=TASKS, hook_fails=lambda step, number: step == "before-level-0"
    ).run()
    assert set(states(played).values()) == {"Succeeded"}
    assert played.report is not None
    assert played.report.condition == (
        *("False", "HookFailed", "beforeLevel of L0 failed (exit code 3), the project continues"),
    )
    assert played.report.rows[0] == {
        "hook": "beforeLevel", "level": 0, "state": "Failed", "attempts": 1, "exitCode": 3,
    }  # fmt: skip


@pytest.mark.parametrize("fields", [{}, {"onFailure": "Stop"}])
def test_what_people_read_does_not_depend_on_the_order_in_which_runs_are_known(fields: dict[str, str]) -> None:
    kinds = ("beforeLevel", "afterLevel", "beforeGroup")
    graph, spec = compiled(tasks=TASKS, hooks=hooks(*kinds, **fields))
    assert spec.hooks is not None
    book, failed = HookBook(graph, spec.hooks), HookRunState.FAILED
    runs = [HookRun(each.step, 1, failed, "", 3) for each in all_occasions(graph, spec.hooks)]
    progress = book.progress(runs)
    known = book.report(runs, progress)
    assert "beforeLevel of L0 failed (exit code 3), the project" in known.condition[2]
    for other in (list(reversed(runs)), runs[1:] + runs[:1]):
        assert book.progress(other) == progress
        assert book.report(other, progress) == known


def states(played: HookedWorld) -> dict[str, str]:
    assert played.plan is not None
    return {task: state.value for task, state in zip(played.graph.ids, played.plan.states, strict=True)}


def test_a_failure_stops_the_project_where_that_is_asked_for_and_the_next_session_runs_it_again() -> None:
    fails = {("before-level-1", 1)}
    played = HookedWorld(
        hooks=hooks("beforeLevel", onFailure="Stop"),
        tasks=TASKS,
        hook_fails=lambda step, number: (step, number) in fails,
    ).run()
    assert states(played) == {"a": "Succeeded", "b": "Succeeded", "c": "Skipped", "d": "Skipped"}
    made = played.plan
    assert made is not None
    assert (made.stopped, made.reasons[2]) == ("HookFailed", "HookFailed")
    status = render_status(played.graph, played.spec, made, {}, 1, 9.0, hooks=played.report, name="p")
    found = condition(status, "Succeeded")
    assert (found["status"], found["reason"]) == ("False", "HookFailed")
    assert "the hook beforeLevel of L1 failed, which stops the project" in found["message"]
    answer = why(played.graph, played.spec, status, "c", 9.0)
    assert "beforeLevel of L1 failed (exit code 3), the project stops" in answer.answer
    played.kill()
    played.run()
    assert set(states(played).values()) == {"Succeeded"}
    assert [run.number for run in played.runs if run.step == "before-level-1"] == [1, 2]
    assert played.violations == []


def test_a_hook_after_the_last_task_that_fails_with_stop_is_no_success() -> None:
    played = HookedWorld(
        hooks=hooks("afterLevel", onFailure="Stop"), tasks=TASKS[:2], hook_fails=lambda step, number: True
    ).run()
    assert set(states(played).values()) == {"Succeeded"}
    assert played.plan is not None
    status = render_status(played.graph, played.spec, played.plan, {}, 1, 9.0, hooks=played.report, name="p")
    assert condition(status, "Succeeded")["reason"] == "HookFailed"


def test_levels_and_groups_without_a_started_task_have_no_hooks() -> None:
    played = HookedWorld(
        hooks=ALL, tasks=TASKS, task_fails=lambda task, number: task == "a", defaults={"maxAttempts": 1}
    ).run()
    assert states(played)["c"] == "Skipped"
    assert {run.step for run in played.runs} == {"before-level-0", GROUP_X, "after-level-0", AFTER_X}
    assert played.seen["Y"] == [GroupPhase.PRE_EXECUTION, GroupPhase.DONE]


def test_nothing_starts_while_the_project_is_suspended() -> None:
    graph, spec = compiled(hooks=ALL, tasks=TASKS, suspend=True)
    made = plan(graph, spec, Ledger(), {"a": [succeeded()], "b": [succeeded()]}, 30.0)
    assert (list(made.hooks), made.completed) == ([], False)
    assert {"after-level-0", AFTER_X} <= made.open_hooks
    graph, spec = compiled(hooks=ALL, tasks=TASKS[:2], suspend=True)
    made = plan(graph, spec, Ledger(), {"a": [succeeded()], "b": [succeeded()]}, 30.0)
    assert (list(made.hooks), made.completed) == ([], False), "it ends when its hooks have"


def test_a_hook_after_tasks_runs_also_when_the_budget_is_used_up() -> None:
    budget = [{"unit": "units", "limit": "1"}]
    graph, spec = compiled(hooks=hooks("afterLevel"), tasks=[task("a"), task("b", "a")], budgets=budget)
    usage = AgentUsage(units=(("units", Decimal(2)),))
    spent = Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0, usage=usage)
    ledger = plan(graph, spec, Ledger(), {"a": [spent]}, 3.0).ledger
    made = plan(graph, spec, ledger, {"a": [spent]}, 4.0)
    assert [occasion.step for occasion in made.hooks] == ["after-level-0"]
    assert not made.is_exhausted


def test_a_task_that_waits_says_for_which_hook() -> None:
    graph, spec = compiled(hooks=ALL, tasks=TASKS)
    assert spec.hooks is not None
    book = HookBook(graph, spec.hooks)
    runs = [HookRun("before-level-0", 1, HookRunState.RUNNING)]
    progress = book.progress(runs)
    made = plan(graph, spec, Ledger(hooks=progress), {}, 1.0)
    assert [made.reasons[i] for i in range(4)] == ["WaitingForHook"] * 2 + ["WaitingForDependencies"] * 2
    status = render_status(graph, spec, made, {}, 1, 1.0, hooks=book.report(runs, progress), name="p")
    assert condition(status, "HooksSucceeded")["message"] == "beforeLevel of L0"
    answer = why(graph, spec, status, "a", 1.0)
    assert answer.answer == "it starts when the hook beforeLevel of L0 has ended, which runs before it"
    assert list(answer.more) == ["the hook runs now, and takes a slot of parallelism"]
    assert status["groups"] == [{"name": "X", "phase": "PreExecution"}, {"name": "Y", "phase": "PreExecution"}]
    ended = {"a": [succeeded()], "b": [succeeded()]}
    runs = [HookRun(each, 1, HookRunState.SUCCEEDED) for each in ("before-level-0", GROUP_X)]
    later = plan(graph, spec, Ledger(hooks=book.progress(runs)), ended, 30.0)
    status = render_status(graph, spec, later, {}, 1, 30.0, hooks=book.report(runs, book.progress(runs)), name="p")
    answer = why(graph, spec, status, "c", 30.0)
    assert answer.answer == "it starts when the hook afterLevel of L0 has ended, which runs before the next level"
    assert "has not started" in answer.more[0]


def test_a_group_that_is_verified_is_in_validation() -> None:
    verification = {"checks": [{"name": "test", "command": ["true"]}]}
    graph, spec = compiled(tasks=TASKS, verification=verification)
    ended = {"a": [succeeded()], "b": [succeeded()]}
    found = phases(graph, spec, plan(graph, spec, Ledger(verified=NOTHING_VERIFIED), ended, 30.0))
    assert found == {"X": GroupPhase.VALIDATION, "Y": GroupPhase.PRE_EXECUTION}
    found = phases(graph, spec, plan(graph, spec, Ledger(verified=VerifiedWork(1, {"a": 1, "b": 1})), ended, 30.0))
    assert found["X"] is GroupPhase.DONE
    repaired = graph.with_repairs({"a": 1}, ())
    made = plan(repaired, spec, Ledger(verified=NOTHING_VERIFIED), ended, 30.0)
    assert phases(repaired, spec, made)["X"] is GroupPhase.VALIDATION


def test_a_group_that_waits_for_a_merge_is_in_coordination() -> None:
    forge = {"type": "Gitea", "url": "https://forge.example"}
    git = {
        "url": "https://forge.example/a/b.git", "credentialsSecretRef": {"name": "git"}, "forge": forge,
        "pullRequest": {"scope": "Level", "merge": "WhenChecksPass"},
    }  # fmt: skip
    graph, spec = compiled(tasks=TASKS, git=git)
    ended = {"a": [succeeded()], "b": [succeeded()]}
    made = plan(graph, spec, Ledger(merged=(0, 0)), ended, 30.0)
    assert phases(graph, spec, made)["X"] is GroupPhase.COORDINATION
    made = plan(graph, spec, Ledger(merged=(1, 2)), ended, 30.0)
    assert phases(graph, spec, made)["X"] is GroupPhase.DONE


def test_what_is_recorded_of_hooks_stays_while_the_spec_is_not_accepted() -> None:
    played = HookedWorld(hooks=hooks("beforeLevel"), tasks=TASKS[:2]).run()
    assert played.plan is not None
    status = render_status(played.graph, played.spec, played.plan, {}, 1, 9.0, hooks=played.report, name="p")
    rejected = rejected_status([Problem("spec.tasks", "are wrong")], status, {}, 2, 10.0)
    assert rejected["hooks"] == status["hooks"] != []
    assert rejected["groups"] == status["groups"]


def test_a_role_of_a_hook_has_to_exist() -> None:
    with pytest.raises(ProblemsError) as error:
        compile_graph(parse_spec({"roles": [{"name": "coder"}], "hooks": hooks("afterGroup", role="codr")}))
    assert [str(problem) for problem in error.value.problems] == [
        'spec.hooks.afterGroup.role: "codr" is not a role (did you mean "coder"?)'
    ]


@given(st.lists(st.text(min_size=1, max_size=63), max_size=20, unique=True))
def test_each_hook_has_a_name_of_its_own_that_is_a_label_and_a_file_name(groups: list[str]) -> None:
    tasks = [task(f"t{i}", group=group) for i, group in enumerate(groups)]
    try:
        graph, spec = compiled(hooks=ALL, tasks=tasks)
    except ProblemsError:  # a text that no spec may have
        return
    assert spec.hooks is not None
    steps = [occasion.step for occasion in all_occasions(graph, spec.hooks)]
    assert len(set(steps)) == len(steps)
    for each in steps:
        assert len(each) <= 63
        assert each.strip("-") == each
        assert set(each) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@st.composite
def worlds(draw: st.DrawFn) -> HookedWorld:
    tasks = draw(task_lists(most=8))
    for each in tasks:
        each |= {"group": draw(st.sampled_from([None, "X", "Y", "_sequential"])), "files": []}
        each.pop("maxAttempts", None)
    kinds = draw(st.lists(st.sampled_from(list(HookKind)), min_size=1, unique=True))
    made = {
        kind.value: {"command": ["x"], "onFailure": draw(st.sampled_from(["Continue", "Continue", "Stop"]))}
        for kind in kinds
    }
    random = draw(st.randoms(use_true_random=False))
    return HookedWorld(
        pick=random.randrange,
        task_fails=lambda task, number: random.random() < 0.15,
        hook_fails=lambda step, number: random.random() < 0.3,
        hooks=made,
        tasks=tasks,
        parallelism=draw(st.integers(1, 4)),
        scheduling=draw(st.sampled_from(["Levels", "Graph"])),
        failurePolicy=draw(st.sampled_from(["FinishLevel", "Continue", "FailFast"])),
        defaults={"backoffSeconds": draw(st.sampled_from([0, 5])), "maxAttempts": draw(st.integers(1, 2))},
    )


@examples(60)
@given(worlds())
def test_no_law_is_broken(played: HookedWorld) -> None:
    assert played.run().violations == []


@examples(60)
@given(worlds(), st.sets(st.integers(1, 60), max_size=6))
def test_no_law_is_broken_over_kills_and_restarts(played: HookedWorld, kills: set[int]) -> None:
    """Nothing is kept of a run but its attempts, its status, and the runs of its hooks."""
    assert played.run(kills.__contains__).violations == []


@examples(20)
@given(worlds())
def test_the_same_facts_give_the_same_hooks(played: HookedWorld) -> None:
    """Also from the status alone, as another process reads it."""
    while played.step():
        made = played.plan
        assert made is not None
        progress = played.book.progress(played.runs, played.forgiven)
        now = played.now + 1
        assert played.ledger.snapshot is not None
        kept = Ledger(played.ledger.records, played.ledger.start_time, hooks=progress)
        status = render_status(played.graph, played.spec, made, {}, 1, played.now, hooks=played.report, name="p")
        read = Ledger(**{**vars_of(read_status(status)), "hooks": progress, "merged": None, "completion_time": None})
        plans = [plan(played.graph, played.spec, each, played.attempts, now) for each in (kept, read)]
        assert len({tuple(each.hooks) for each in plans}) == 1
        assert len({each.open_hooks for each in plans}) == 1


def vars_of(ledger: Ledger) -> dict[str, Any]:
    return {name: getattr(ledger, name) for name in ("records", "start_time", "peak", "met", "spending")}


def test_a_state_that_no_task_has_started_is_pre_execution() -> None:
    graph, spec = compiled(tasks=TASKS)
    made = plan(graph, spec, Ledger(), {}, 0.0)
    assert set(phases(graph, spec, made).values()) == {GroupPhase.PRE_EXECUTION}
    made = plan(graph, spec, made.ledger, {"a": [active()]}, 1.0)
    assert phases(graph, spec, made)["X"] is GroupPhase.EXECUTION
    assert made.states[0] is TaskState.RUNNING
