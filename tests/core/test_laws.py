"""The laws of the planner, over random projects in a world where things come late, fail, vanish and change."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations_with_replacement, pairwise
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.file_overlap import normalise
from parallelproject.core.graph.graph import CompiledGraph, compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.constraints.shared_limits import Share
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.model.spec import FailurePolicy, FileOverlap, Git, Scheduling, Spec
from parallelproject.model.status import Reason, TaskState
from tests.core.examples import examples
from tests.core.paths import all_paths, overlap
from tests.core.projects import FILES, specs
from tests.core.simulation import EDITS, Chaos, Edit, History, Launched, Planned, simulate

PENDING, RUNNING, SUCCEEDED = TaskState.PENDING, TaskState.RUNNING, TaskState.SUCCEEDED
FAILED, SKIPPED = TaskState.FAILED, TaskState.SKIPPED
UNFINISHED = (PENDING, RUNNING)

PATHS = all_paths(["a", "b", "d", "x", "y", "e", "f.py", "n.md"], 3)
OVERLAPPING = {
    frozenset(pair)
    for pair in combinations_with_replacement([normalise(f, "") for f in FILES], 2)
    if overlap(*pair, PATHS)
}

times = st.integers(0, 40)
edits = st.builds(Edit, times, st.sampled_from(EDITS), st.integers(0, 99), st.integers(0, 99))
chaoses = st.builds(
    Chaos,
    failing=st.sampled_from([0.0, 0.2, 0.5]),
    late=st.sampled_from([0, 2, 6]),
    refused=st.sampled_from([0.0, 0.3]),
    vanishing=st.sampled_from([0.0, 0.2]),
    overlooked=st.sampled_from([0.0, 1.0]),
    lazy=st.sampled_from([0.0, 0.5]),
    restarts=st.lists(times, max_size=3).map(tuple),
    edits=st.lists(edits, max_size=5).map(tuple),
)
unedited = st.builds(
    Chaos,
    failing=st.sampled_from([0.2, 0.5]),
    late=st.sampled_from([0, 2, 6]),
    refused=st.sampled_from([0.0, 0.3]),
    overlooked=st.sampled_from([0.0, 1.0]),
    lazy=st.sampled_from([0.0, 0.5]),
    restarts=st.lists(times, max_size=4).map(tuple),
)
seeds = st.integers(0, 2**32)


def history_of(spec: Spec, seed: int, chaos: Chaos) -> History:
    return simulate(spec, seed, chaos)


histories = st.builds(history_of, specs(), seeds, chaoses)


def forgiven(spec: Spec, task_id: str) -> int:
    return sum(retry.forgive for retry in spec.retries if retry.id == task_id)


def most_attempts(spec: Spec, task_id: str) -> int:
    task = next(task for task in spec.tasks if task.id == task_id)
    return task.max_attempts or spec.defaults.max_attempts


def truly_failed(launched: Launched) -> set[str]:
    """The tasks that have failed for good, by what is true and the spec of that moment."""
    spec = launched.planned.spec
    counting = {task.id: launched.failures[task.id] - forgiven(spec, task.id) for task in spec.tasks}
    return {
        task_id
        for task_id, failures in counting.items()
        if task_id not in launched.succeeded
        and task_id not in spec.skip
        and (failures >= most_attempts(spec, task_id) or (failures > 0 and task_id in launched.given_up))
    }


def without_future(launched: Launched) -> set[str]:
    """Those, and all that waits for one of them, also by way of a skipped task."""
    graph, lost = launched.planned.graph, truly_failed(launched)
    below = [graph.index[task_id] for task_id in lost]
    while below:
        for child in graph.children[below.pop()]:
            if graph.ids[child] not in lost:
                lost.add(graph.ids[child])
                below.append(child)
    return lost


def needed(graph: CompiledGraph, task: int, is_skipped: Callable[[int], bool]) -> set[int]:
    """The dependencies of a task; those of a skipped one in its place."""
    found: set[int] = set()
    for parent in graph.parents[task]:
        found |= needed(graph, parent, is_skipped) if is_skipped(parent) else {parent}
    return found


@examples(80)
@given(histories)
def test_no_more_tasks_run_than_parallelism_at_any_moment(history: History) -> None:
    for launched in history.launches:
        assert len(launched.running) < launched.planned.spec.parallelism


MERGED_BY_LEVEL = Git.model_validate(
    {"url": "https://x/y", "forge": {"type": "Gitea"}, "pullRequest": {"scope": "Level", "merge": "WhenChecksPass"}}
)


@examples(80)
@given(st.builds(history_of, specs(scheduling=("Levels",)), seeds, chaoses), st.integers(0, 4))
def test_no_level_starts_before_those_below_it_are_merged(history: History, merged: int) -> None:
    for planned in history.plans:
        graph, snapshot = planned.graph, planned.plan.ledger.snapshot
        assert snapshot is not None
        known = (min(merged, len(graph.levels)), snapshot.succeeded_below(min(merged, len(graph.levels))))
        prior = replace(planned.prior, merged=known, snapshot=None)
        spec = planned.spec.model_copy(update={"git": MERGED_BY_LEVEL})
        made = plan(graph, spec, prior, planned.observed, planned.now)
        assert all(graph.level[launch.task] <= merged for launch in made.launches)
        waiting = {i for i, reason in enumerate(made.reasons) if reason is Reason.WAITING_FOR_MERGE}
        assert all(graph.level[i] == made.level > merged for i in waiting)
        # Whoever waits for that would otherwise start, or wait for something else than a level or a dependency.
        others = (Reason.WAITING_FOR_LEVEL, Reason.WAITING_FOR_DEPENDENCIES)
        assert not any(planned.plan.reasons[i] in others for i in waiting)
        if merged >= min(made.level, len(graph.levels)):
            assert (made.launches, made.reasons) == (planned.plan.launches, planned.plan.reasons)


@examples(80)
@given(histories)
def test_no_more_tasks_of_a_role_run_than_its_cap_at_any_moment(history: History) -> None:
    for launched in history.launches:
        graph, spec = launched.planned.graph, launched.planned.spec
        caps = {role.name: role.max_concurrent for role in spec.roles}
        role = graph.role[graph.index[launched.key.task]]
        cap = caps.get(role or "")
        running = [key for key in launched.running if key.task in graph.index]
        same = [key for key in running if graph.role[graph.index[key.task]] == role]
        assert cap is None or len(same) < cap


@examples(80)
@given(histories)
def test_no_task_starts_before_all_its_dependencies_have_succeeded(history: History) -> None:
    for launched in history.launches:
        task = next(task for task in launched.planned.spec.tasks if task.id == launched.key.task)
        graph = launched.planned.graph
        skipped = {graph.index[id] for id in {*launched.planned.spec.skip} & graph.index.keys() - launched.succeeded}
        above = needed(graph, graph.index[task.id], skipped.__contains__)
        assert {graph.ids[i] for i in above} <= launched.succeeded
        assert not {key.task for key in launched.running} & set(task.dependencies)
        assert task.id not in skipped


def skipping(spec: Spec, but: set[int]) -> Spec:
    """A spec without most of the tasks that are between others."""
    needed_by_others = {parent for task in spec.tasks for parent in task.dependencies}
    between = [task.id for i, task in enumerate(spec.tasks) if task.dependencies and i not in but]
    return spec.model_copy(update={"skip": [id for id in between if id in needed_by_others]})


@examples(80)
@given(
    st.builds(
        history_of,
        st.builds(
            skipping, specs(scheduling=("Graph",), policies=("Continue",)), st.sets(st.integers(0, 8), max_size=2)
        ),
        seeds,
        chaoses,
    )
)
def test_a_skipped_task_keeps_the_order_of_those_around_it(history: History) -> None:
    """Whether a task may start is the same as in the graph without the skipped ones, joined around them."""
    for planned in history.plans:
        graph, states = planned.graph, planned.plan.states
        skipped = {i for i in graph.skipped if states[i] is SKIPPED}
        above = {task.id: needed(graph, i, skipped.__contains__) for i, task in enumerate(graph.tasks)}
        joined = [
            task.model_copy(update={"dependencies": [graph.ids[parent] for parent in sorted(above[task.id])]})
            for i, task in enumerate(planned.spec.tasks)
            if i not in skipped
        ]
        spec = planned.spec.model_copy(update={"tasks": joined, "skip": []})
        other = compile_graph(spec)
        observed = {task: seen for task, seen in planned.observed.items() if task in other.index}
        records = {task: record for task, record in planned.prior.records.items() if task in other.index}
        made = plan(other, spec, replace(planned.prior, records=records, snapshot=None), observed, planned.now)
        found = {graph.ids[i]: state for i, state in enumerate(states) if i not in skipped}
        again = dict(zip(other.ids, made.states, strict=True))
        for task, state in found.items():
            waits = planned.plan.reasons[graph.index[task]] is Reason.WAITING_FOR_DEPENDENCIES
            assert waits == (made.reasons[other.index[task]] is Reason.WAITING_FOR_DEPENDENCIES), task
            assert (state is SKIPPED) == (again[task] is SKIPPED), task


@examples(80)
@given(st.builds(history_of, specs(scheduling=("Levels",)), seeds, chaoses))
def test_with_levels_no_task_starts_before_the_levels_below_are_done(history: History) -> None:
    for launched in history.launches:
        graph, policy = launched.planned.graph, launched.planned.spec.failure_policy
        level = graph.level[graph.index[launched.key.task]]
        lower = {graph.ids[i] for tasks in graph.levels[:level] for i in tasks}
        assert lower <= launched.succeeded | without_future(launched) | set(launched.planned.spec.skip)
        assert not lower & {key.task for key in launched.running}
        assert policy is FailurePolicy.CONTINUE or not lower & truly_failed(launched)


@examples(80)
@given(histories)
def test_no_task_has_two_running_attempts(history: History) -> None:
    for launched in history.launches:
        assert launched.key.task not in {key.task for key in launched.running}


@examples(80)
@given(histories)
def test_no_task_starts_after_it_has_succeeded(history: History) -> None:
    for launched in history.launches:
        assert launched.key.task not in launched.succeeded


@examples(80)
@given(histories)
def test_no_task_fails_more_often_than_its_attempts_and_what_was_forgiven(history: History) -> None:
    for launched in history.launches:
        assert launched.key.task not in truly_failed(launched)


@examples(80)
@given(histories)
def test_attempts_are_numbered_from_one_without_gaps(history: History) -> None:
    numbers: dict[str, list[int]] = {}
    for key in history.works:
        numbers.setdefault(key.task, []).append(key.number)
    for found in numbers.values():
        assert sorted(found) == list(range(1, len(found) + 1))


@examples(80)
@given(histories)
def test_no_task_starts_before_its_backoff_has_ended(history: History) -> None:
    for launched in history.launches:
        spec = launched.planned.spec
        failures = launched.failures[launched.key.task] - forgiven(spec, launched.key.task)
        if failures > 0:
            assert launched.last_failure is not None
            wait = spec.defaults.backoff_seconds * 2 ** (failures - 1)
            assert launched.planned.now >= launched.last_failure + min(wait, 360)


@examples(80)
@given(st.builds(history_of, specs(overlap=("Serialize",)), seeds, chaoses))
def test_tasks_that_write_the_same_path_are_never_at_work_together(history: History) -> None:
    for launched in history.launches:
        files = {task.id: task.files for task in launched.planned.spec.tasks}
        mine = [normalise(name, "") for name in files[launched.key.task]]
        for other in {key.task for key in launched.running} & files.keys():
            theirs = [normalise(name, "") for name in files[other]]
            assert not any(frozenset((a, b)) in OVERLAPPING for a in mine for b in theirs)


@examples(80)
@given(st.builds(history_of, specs(), seeds, unedited))
def test_a_failure_keeps_from_starting_what_the_policy_says(history: History) -> None:
    for planned in history.plans:
        graph, policy = planned.graph, planned.spec.failure_policy
        failed = [i for i, state in enumerate(planned.plan.states) if state is FAILED]
        for launch in planned.plan.launches if failed else ():
            assert policy is not FailurePolicy.FAIL_FAST
            if policy is FailurePolicy.FINISH_LEVEL:
                assert graph.level[launch.task] <= min(graph.level[i] for i in failed)


@examples(80)
@given(histories)
def test_nothing_starts_while_suspended_or_stopped_or_past_the_deadline(history: History) -> None:
    for planned in history.plans:
        if planned.spec.suspend or planned.spec.stop or is_late(planned):
            assert not planned.plan.launches


def is_late(planned: Planned) -> bool:
    deadline, start = planned.spec.active_deadline_seconds, planned.plan.ledger.start_time
    return deadline is not None and start is not None and planned.now >= start + deadline


@examples(80)
@given(histories)
def test_exactly_those_attempts_are_stopped_that_should_not_go_on(history: History) -> None:
    for planned in history.plans:
        states, policy = planned.plan.states, planned.spec.failure_policy
        all_of_them = planned.spec.stop or is_late(planned)
        all_of_them |= policy is FailurePolicy.FAIL_FAST and FAILED in states
        due = {
            (task_id, attempt.number)
            for task_id, attempts in planned.observed.items()
            for attempt in attempts
            if attempt.running and not attempt.stopping and attempt.phase is not Phase.LAUNCHING
            if all_of_them or task_id not in planned.graph.index or is_skipped(planned, task_id)
        }
        assert {(stop.id, stop.attempt.number) for stop in planned.plan.stops} == due
        assert len(planned.plan.stops) == len(due)


def is_skipped(planned: Planned, task_id: str) -> bool:
    """Whether somebody has skipped a task before it has succeeded."""
    return task_id in planned.spec.skip and planned.plan.states[planned.graph.index[task_id]] is not SUCCEEDED


@examples(80)
@given(histories)
def test_every_task_has_the_reason_of_its_state_and_the_reason_is_true(history: History) -> None:
    for planned in history.plans:
        for i in range(len(planned.graph.ids)):
            check_reason(planned, i)


def check_reason(planned: Planned, i: int) -> None:
    graph, spec, made = planned.graph, planned.spec, planned.plan
    state, reason, record = made.states[i], made.reasons[i], made.ledger.records.get(graph.ids[i])
    launched = {launch.task for launch in made.launches}
    attempts = planned.observed.get(graph.ids[i], [])
    asked = any(attempt.phase is Phase.LAUNCHING for attempt in attempts)
    if state in (RUNNING, SUCCEEDED):
        assert reason is None
        return
    if state is FAILED:
        assert record is not None
        assert reason == record.reason
        return
    if state is SKIPPED and graph.ids[i] in spec.skip:
        assert reason is Reason.SKIP_REQUESTED
        return
    above = needed(graph, i, lambda p: made.reasons[p] is Reason.SKIP_REQUESTED)
    if state is SKIPPED:
        assert reason in (Reason.DEPENDENCY_FAILED, Reason.STOPPED)
        assert (reason is Reason.DEPENDENCY_FAILED) == any(
            made.states[p] is FAILED or made.reasons[p] is Reason.DEPENDENCY_FAILED for p in above
        )
        return
    # Pending: the reason is the first of these that holds; there is always one.
    running = Counter(holding(planned))
    ready = record is None or not record.failures or backoff_is_over(planned, i)
    same_role = sum(n for j, n in running.items() if j is not None and graph.role[j] == graph.role[i])
    cap = next((role.max_concurrent for role in spec.roles if role.name == graph.role[i]), None)
    lower = [j for j, level in enumerate(graph.level) if level < graph.level[i]]
    reasons = [
        (Reason.STARTING, i in launched or asked),
        (Reason.WAITING_FOR_DEPENDENCIES, any(made.states[p] is not SUCCEEDED for p in above)),
        (
            Reason.WAITING_FOR_LEVEL,
            spec.scheduling is Scheduling.LEVELS and any(made.states[j] in UNFINISHED for j in lower),
        ),
        (Reason.SUSPENDED, spec.suspend),
        (Reason.BACKOFF, not ready),
        (Reason.WAITING_FOR_FILES, any(j is not None and share_files(graph, spec, i, j) for j in running)),
        (Reason.WAITING_FOR_ROLE, cap is not None and same_role >= cap),
        (Reason.WAITING_FOR_SLOT, sum(running.values()) >= spec.parallelism),
    ]
    assert reason == next(reason for reason, holds in reasons if holds)


def holding(planned: Planned) -> list[int | None]:
    """The tasks that hold slots after the plan, as often as they do; None for one that left the spec."""
    found: list[int | None] = [launch.task for launch in planned.plan.launches]
    for task_id, attempts in planned.observed.items():
        found += [planned.graph.index.get(task_id) for attempt in attempts if attempt.running]
    return found + [planned.graph.index.get(unseen.id) for unseen in planned.plan.unseen]


def share_files(graph: CompiledGraph, spec: Spec, i: int, j: int) -> bool:
    if i == j or spec.conflicts.on_file_overlap is not FileOverlap.SERIALIZE:
        return False
    mine, theirs = ([normalise(name, "") for name in graph.tasks[t].files] for t in (i, j))
    return any(frozenset((a, b)) in OVERLAPPING for a in mine for b in theirs)


def backoff_is_over(planned: Planned, i: int) -> bool:
    record = planned.plan.ledger.records[planned.graph.ids[i]]
    failures = record.failures - forgiven(planned.spec, planned.graph.ids[i])
    if failures <= 0 or record.ended is None:
        return True
    return bool(planned.now >= record.ended + planned.spec.defaults.backoff_seconds * 2 ** (failures - 1))


@examples(80)
@given(histories)
def test_tasks_start_in_the_order_of_priority_then_rank_then_place(history: History) -> None:
    for planned in history.plans:
        graph = planned.graph
        started = [launch.task for launch in planned.plan.launches]
        key = {i: (-graph.tasks[i].priority, -graph.rank[i], i) for i in range(len(graph.ids))}
        assert started == sorted(started, key=key.__getitem__)
        for i, reason in enumerate(planned.plan.reasons):
            if reason == Reason.WAITING_FOR_SLOT:
                assert all(key[i] > key[j] for j in started)


@examples(80)
@given(histories)
def test_what_succeeded_stays_so_and_attempts_and_failures_never_get_fewer(history: History) -> None:
    for before, after in pairwise(history.plans):
        assert after.plan.ledger.peak >= before.plan.ledger.peak or after.after_restart
        if after.after_restart and after.plan.unseen:
            continue  # from an older ledger, until all is looked up
        for task_id, record in before.plan.ledger.records.items():
            now = after.plan.ledger.records.get(task_id)
            if task_id not in after.graph.index and record.state is not SUCCEEDED:
                continue
            if now is None:
                assert record.failures == 0, "a task that came back is as new only if it never failed"
                continue
            expected = record if task_id in after.graph.index else record._replace(outputs=())  # nothing takes them
            assert record.state is not SUCCEEDED or now == expected
            assert now.attempts >= record.attempts
            assert now.failures >= record.failures


@examples(80)
@given(histories, seeds)
def test_the_same_facts_give_the_same_plan_in_whatever_order_they_are_told(history: History, seed: int) -> None:
    random = Random(seed)
    for planned in history.plans:
        ids = list(planned.observed)
        random.shuffle(ids)
        observed = {task_id: planned.observed[task_id][::-1] for task_id in ids}
        records = dict(sorted(planned.prior.records.items(), reverse=True))
        prior = Ledger(records, planned.prior.start_time, planned.prior.completion_time, planned.prior.peak)
        again = plan(planned.graph, planned.spec, prior, observed, planned.now)
        assert as_facts(again) == as_facts(planned.plan)


def as_facts(made: Plan) -> dict[str, Any]:
    """A plan without the order of what has none."""
    return {
        "launches": list(made.launches),
        "stops": sorted((stop.id, stop.attempt.number, stop.why) for stop in made.stops),
        "unseen": sorted(unseen[:2] for unseen in made.unseen),
        "states": list(made.states),
        "reasons": list(made.reasons),
        "removed": dict(made.removed),
        "running": made.running,
        "level": made.level,
        "completed": made.completed,
        "stopped": made.stopped,
        "wake_at": made.wake_at,
        "ledger": (dict(made.ledger.records), made.ledger.start_time, made.ledger.completion_time),
    }


@examples(80)
@given(histories)
def test_what_a_ledger_carries_and_what_is_settled_change_no_plan(history: History) -> None:
    for planned in history.plans:
        graph, spec, now, made = planned.graph, planned.spec, planned.now, planned.plan
        prior = planned.prior
        bare = Ledger(prior.records, prior.start_time, prior.completion_time, prior.peak)
        assert as_facts(plan(graph, spec, bare, planned.observed, now)) == as_facts(made)
        again = as_facts(plan(graph, spec, made.ledger, planned.observed, now))
        unsettled = {t: attempts for t, attempts in planned.observed.items() if t not in made.settled}
        assert as_facts(plan(graph, spec, made.ledger, unsettled, now)) == again
        bare = Ledger(made.ledger.records, made.ledger.start_time, made.ledger.completion_time, made.ledger.peak)
        assert as_facts(plan(graph, spec, bare, unsettled, now)) == again


@examples(80)
@given(histories)
def test_a_plan_that_is_carried_out_is_not_planned_again(history: History) -> None:
    for planned in history.plans:
        observed: dict[str, list[Attempt]] = {t: list(seen) for t, seen in planned.observed.items()}
        for launch in planned.plan.launches:
            attempt = Attempt(launch.number, Phase.LAUNCHING, running=True)
            observed.setdefault(planned.graph.ids[launch.task], []).append(attempt)
        for stop in planned.plan.stops:
            mine = observed[stop.id]
            mine[mine.index(stop.attempt)] = stop.attempt._replace(stopping=True)
        again = plan(planned.graph, planned.spec, planned.plan.ledger, observed, planned.now)
        first, second = as_facts(planned.plan), as_facts(again)
        assert not again.launches
        assert not again.stops
        records = {t: r for t, r in second.pop("ledger")[0].items() if r.attempts}
        assert records == {t: r for t, r in first.pop("ledger")[0].items() if r.attempts}
        first["launches"] = first["stops"] = []
        assert second == first


@examples(80)
@given(histories)
def test_every_project_ends_and_never_waits_for_nothing(history: History) -> None:
    """That it ends at all is what ``simulate`` asserts."""
    for planned in history.plans:
        made = planned.plan
        assert made.completed == (not made.running and not any(state in UNFINISHED for state in made.states))
        assert (made.ledger.completion_time is not None) == made.completed
        assert made.running == len(holding(planned))
        if made.completed:
            assert made.wake_at is None
        elif not made.running and RUNNING not in made.states:
            assert Reason.SUSPENDED in made.reasons or (Reason.BACKOFF in made.reasons and made.wake_at)
        assert made.wake_at is None or made.wake_at > planned.now
    assert history.end.plan.completed


@examples(80)
@given(st.builds(history_of, specs(deadlines=False), seeds, unedited))
def test_after_a_restart_the_plan_is_the_same_from_any_earlier_ledger(history: History) -> None:
    for planned in history.plans:
        if planned.after_restart and not planned.plan.unseen:
            expected = as_facts(planned.plan)
            expected["ledger"] = expected["ledger"][0]
            for prior in planned.older:
                again = plan(planned.graph, planned.spec, prior, planned.observed, planned.now)
                if again.unseen:
                    continue
                found = as_facts(again)
                found["ledger"] = {t: r for t, r in found["ledger"][0].items() if r.attempts}
                assert found == expected | {"ledger": {t: r for t, r in expected["ledger"].items() if r.attempts}}


@examples(80)
@given(
    specs(policies=("Continue",), deadlines=False)
    | specs(scheduling=("Levels",), policies=("Continue", "FinishLevel"), deadlines=False),
    seeds,
    unedited,
)
def test_a_project_ends_the_same_whatever_came_late_or_was_restarted(spec: Spec, seed: int, chaos: Chaos) -> None:
    calm = simulate(spec, seed, Chaos(failing=chaos.failing))
    assert simulate(spec, seed, chaos).final == calm.final


@examples(40)
@given(histories, st.integers(0, 4))
def test_what_is_shared_with_others_only_holds_back(history: History, room: int) -> None:
    for planned in history.plans:
        alone = plan(planned.graph, planned.spec, planned.prior, planned.observed, planned.now)
        shared = plan(planned.graph, planned.spec, planned.prior, planned.observed, planned.now, Share(room))
        assert list(shared.launches) == list(alone.launches)[:room]
        assert (shared.running + shared.wanted, shared.stops) == (alone.running, alone.stops)
        assert (shared.states, shared.completed, shared.level) == (alone.states, alone.completed, alone.level)
        held = {launch.task for launch in list(alone.launches)[room:]}
        for i, state in enumerate(shared.states):
            assert state is not PENDING or shared.reasons[i] is not None
            if i in held:
                assert shared.reasons[i] is Reason.WAITING_FOR_CAPACITY
