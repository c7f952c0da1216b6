"""The laws of conditions and of parameters that others give, in a world where things come late, fail and vanish."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.graph.walk import reachable
from parallelproject.core.planner.inputs import output_of, parameters_of
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.overview import outline
from parallelproject.core.report.status import read_status, render_status
from parallelproject.model.conditions import EndState
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason, TaskState
from tests.core import test_laws as laws
from tests.core.examples import examples
from tests.core.projects import compiled, specs
from tests.core.simulation import Chaos, History, Launched, Planned, simulate
from tests.core.test_simulation import played

FAILED, SKIPPED, SUCCEEDED = TaskState.FAILED, TaskState.SKIPPED, TaskState.SUCCEEDED


@st.composite
def conditional(draw: st.DrawFn, **fields: Any) -> Spec:
    """A spec whose tasks name what they depend on, in all ways that there are."""
    spec = draw(specs(**fields))
    graph, _ = compiled(tasks=[task.model_dump(by_alias=True, include={"id", "dependencies"}) for task in spec.tasks])
    tasks = []
    for i, task in enumerate(spec.tasks):
        above = sorted(reachable([i], graph.parents))
        made: dict[str, Any] = task.model_dump(by_alias=True, exclude_defaults=True, mode="json")
        if above and draw(st.integers(0, 2)) == 0:
            made["when"] = [draw(condition(spec, above, graph.parents[i])) for _ in range(draw(st.integers(1, 2)))]
        if above and draw(st.integers(0, 3)) == 0:
            source = {"task": spec.tasks[draw(st.sampled_from(above))].id, "output": "out"}
            if draw(st.booleans()):
                source["default"] = "z"
            made["parameters"] = [{"name": "given", "valueFrom": source}]
        tasks.append(made)
    content = spec.model_dump(by_alias=True, exclude_defaults=True, mode="json")
    return Spec.model_validate(content | {"tasks": tasks})


@st.composite
def condition(draw: st.DrawFn, spec: Spec, above: list[int], parents: tuple[int, ...]) -> dict[str, Any]:
    kind = draw(st.sampled_from(["parent", "parent", "above", "output"]))
    named = spec.tasks[draw(st.sampled_from(list(parents) if kind == "parent" else above))].id
    if kind == "output":
        operator = draw(st.sampled_from(["In", "NotIn"]))
        return {"task": named, "output": "out", "operator": operator, "values": draw(st.sampled_from([["x"], ["y"]]))}
    return {"task": named, "is": draw(st.sampled_from(["Failed", "Failed", "Skipped", "Succeeded"]))}


histories = st.builds(laws.history_of, conditional(), laws.seeds, laws.unedited)
edited = st.builds(laws.history_of, conditional(), laws.seeds, laws.chaoses)


@examples(80)
@given(histories)
def test_no_task_starts_with_a_condition_that_does_not_hold(history: History) -> None:
    for launched in history.launches:
        graph = launched.planned.graph
        task = graph.tasks[graph.index[launched.key.task]]
        for when in task.when:
            assert holds(history, launched, when), (task.id, when)
        for parameter in task.parameters:
            source = parameter.value_from
            assert source is None or source.default or true_output(history, launched, source.task) is not None


def holds(history: History, launched: Launched, when: Any) -> bool:
    """By what is true in the world, and not by what the planner has."""
    if when.output:
        value = true_output(history, launched, when.task)
        return value is not None and (value in when.values) == (when.operator == "In")
    if when.task in launched.succeeded:
        return when.end is EndState.SUCCEEDED
    index = launched.planned.graph.index[when.task]
    never_started = launched.planned.plan.reasons[index] == Reason.OUTPUT_MISSING
    if when.task in laws.truly_failed(launched) or never_started:
        return when.end is EndState.FAILED
    is_open = when.task in {key.task for key in launched.running}
    return when.end is EndState.SKIPPED and not is_open


def true_output(history: History, launched: Launched, task: str) -> str | None:
    if task not in launched.succeeded:
        return None
    works = [work for work in history.works.values() if work.key.task == task and work.phase.name == "SUCCEEDED"]
    return next((value for work in works for _, value in work.outputs), None)


@examples(80)
@given(histories)
def test_what_a_task_depends_on_has_succeeded_is_passed_or_is_expected_to_end_so(history: History) -> None:
    for launched in history.launches:
        graph = launched.planned.graph
        for parent in graph.parents[graph.index[launched.key.task]]:
            assert is_passed(launched, parent, graph.index[launched.key.task]), launched.key


def is_passed(launched: Launched, parent: int, task: int) -> bool:
    graph, made = launched.planned.graph, launched.planned.plan
    if graph.ids[parent] in launched.succeeded:
        return True
    expected = [w.end for w in graph.tasks[task].when if w.task == graph.ids[parent]]
    if EndState.FAILED in expected or EndState.SKIPPED in expected:
        return made.states[parent] in (FAILED, SKIPPED)
    through = made.reasons[parent] == Reason.CONDITION_FALSE
    return through and all(is_passed(launched, above, -1) for above in graph.parents[parent])


@examples(60)
@given(edited)
def test_the_other_laws_hold_with_conditions(history: History) -> None:
    for law in (
        laws.test_no_more_tasks_run_than_parallelism_at_any_moment,
        laws.test_no_more_tasks_of_a_role_run_than_its_cap_at_any_moment,
        laws.test_no_task_has_two_running_attempts,
        laws.test_no_task_starts_after_it_has_succeeded,
        laws.test_attempts_are_numbered_from_one_without_gaps,
        laws.test_no_task_starts_before_its_backoff_has_ended,
        laws.test_nothing_starts_while_suspended_or_stopped_or_past_the_deadline,
        laws.test_what_succeeded_stays_so_and_attempts_and_failures_never_get_fewer,
        laws.test_what_a_ledger_carries_and_what_is_settled_change_no_plan,
        laws.test_a_plan_that_is_carried_out_is_not_planned_again,
        laws.test_every_project_ends_and_never_waits_for_nothing,
    ):
        law.hypothesis.inner_test(history)  # type: ignore[attr-defined]


@examples(60)
@given(histories)
def test_what_a_condition_has_skipped_and_what_has_failed_for_good_stays_so(history: History) -> None:
    for before, after in pairwise(history.plans):
        if after.after_restart or before.plan.unseen or after.plan.unseen:
            continue  # from an older ledger
        for i, reason in enumerate(before.plan.reasons):
            if reason in (Reason.CONDITION_FALSE, Reason.OUTPUT_MISSING):
                assert after.plan.reasons[i] == reason, before.graph.ids[i]


@examples(60)
@given(edited, laws.seeds)
def test_the_order_in_which_facts_are_reported_decides_nothing(history: History, seed: int) -> None:
    laws.test_the_same_facts_give_the_same_plan_in_whatever_order_they_are_told.hypothesis.inner_test(history, seed)  # type: ignore[attr-defined]


@examples(60)
@given(histories)
def test_a_status_that_is_written_and_read_decides_the_same(history: History) -> None:
    for planned in history.plans:
        if planned.plan.unseen:
            continue
        again = after_restart(planned)
        assert list(again.states) == list(planned.plan.states)
        assert [*map(str, again.reasons)] == [*map(str, planned.plan.reasons)]


def after_restart(planned: Planned) -> Any:
    graph, spec, now = planned.graph, planned.spec, planned.now
    status = render_status(graph, spec, planned.plan, {}, 1, now, name="p")
    read = read_status(status)
    prior = Ledger(read.records, read.start_time, None, read.peak)
    return plan(graph, spec, prior, planned.observed, now)


@examples(60)
@given(
    conditional(policies=("Continue",), deadlines=False)
    | conditional(scheduling=("Levels",), policies=("Continue", "FinishLevel"), deadlines=False),
    laws.seeds,
    laws.unedited,
)
def test_a_project_ends_the_same_whatever_came_late_or_was_restarted(spec: Spec, seed: int, chaos: Chaos) -> None:
    calm = simulate(spec, seed, Chaos(failing=chaos.failing))
    assert simulate(spec, seed, chaos).final == calm.final


@examples(60)
@given(histories)
def test_a_policy_stops_no_path_that_a_failure_has_opened(history: History) -> None:
    """At the end each task on such a path has ended by itself, or by something on the path."""
    end = history.end
    graph, made = end.graph, end.plan
    if made.stopped:
        return
    refused = {graph.role[i] for i in range(len(graph.ids)) if made.reasons[i] in ("AgentAuth", "AgentDenied")}
    for i, expected in graph.conditions.expected.items():
        after_failure = [p for p in expected if made.states[p] is FAILED or made.reasons[p] == Reason.DEPENDENCY_FAILED]
        others = [p for p in graph.parents[i] if p not in expected]
        if after_failure and all(made.states[p] is SUCCEEDED for p in others) and graph.role[i] not in refused:
            assert made.reasons[i] != Reason.STOPPED, graph.ids[i]


@examples(60)
@given(histories)
def test_the_values_of_parameters_are_those_of_the_outputs(history: History) -> None:
    for launched in history.launches:
        graph, records = launched.planned.graph, launched.planned.plan.ledger.records
        i = graph.index[launched.key.task]
        for source in graph.conditions.sources.get(i, ()):
            value = true_output(history, launched, graph.ids[source.task])
            record = records[graph.ids[source.task]] if value is not None else None
            assert parameters_of(graph, i, records)[source.parameter] == (value or source.default)
            assert record is None or output_of(graph, source.task, source.output, record) == value


@examples(100)
@given(conditional(deadlines=False), st.integers(1, 5), st.sets(st.integers(0, 9)))
def test_a_prediction_is_what_the_planner_does_where_all_goes_well(
    spec: Spec, parallelism: int, skipped: set[int]
) -> None:
    skip = [task.id for i, task in enumerate(spec.tasks) if i in skipped]
    spec = spec.model_copy(update={"parallelism": parallelism, "skip": skip})
    graph = compile_graph(spec)
    found = outline(graph, spec)
    assert not set(found.skipped) & set(found.unexpected)
    if not graph.conditions.needed:  # else it depends on outputs, of which nothing is known before
        assert found.seconds.get(parallelism, 0) == played(graph, spec)
