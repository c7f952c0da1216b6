"""Conditions of tasks, and parameters that others give: the rules one by one, and what a spec may not say."""

from collections.abc import Sequence
from typing import Any

import pytest

from parallelproject.core.planner import conditions
from parallelproject.core.planner.attempt import Attempt
from parallelproject.core.report.status import render_status, result_of
from parallelproject.core.report.why.why import why
from parallelproject.executors.base.task_file import environment, task_document
from parallelproject.model.problem import ProblemsError
from parallelproject.model.status import Reason, TaskState
from tests.core.projects import compiled
from tests.core.test_plan import Decided, active, decide, failed, succeeded, task

FAILED, PENDING, SKIPPED = TaskState.FAILED, TaskState.PENDING, TaskState.SKIPPED
POLICIES = ("FinishLevel", "Continue", "FailFast")


def gave(**outputs: str) -> Attempt:
    return succeeded()._replace(outputs=tuple(sorted(outputs.items())))


def when(id: str, *dependencies: str, conditions: Sequence[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    return task(id, *dependencies, when=list(conditions), **fields)


def ends(named: str, state: str) -> dict[str, Any]:
    return {"task": named, "is": state}


def output(named: str, operator: str, *values: str) -> dict[str, Any]:
    return {"task": named, "output": "severity", "operator": operator, "values": list(values)}


def once(tasks: list[dict[str, Any]], seen: Any = None, **fields: Any) -> Decided:
    return decide(tasks, seen, **{"defaults": {"maxAttempts": 1}, "scheduling": "Graph"} | fields)


HANDLED = [task("a"), when("rescue", "a", conditions=[ends("a", "Failed")]), task("b", "a"), task("after", "rescue")]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("scheduling", ["Levels", "Graph"])
def test_a_task_that_expects_a_failure_runs_after_it_and_so_does_what_follows(policy: str, scheduling: str) -> None:
    fields = {"failurePolicy": policy, "scheduling": scheduling}
    found = once(HANDLED, {"a": [failed()]}, **fields)
    assert found.starts == ["rescue"]
    assert (found.reasons["b"], found.states["after"]) == (Reason.DEPENDENCY_FAILED, PENDING)
    found = once(HANDLED, {"a": [failed()], "rescue": [active()]}, **fields)
    assert not found.stops
    found = once(HANDLED, {"a": [failed()], "rescue": [succeeded()]}, **fields)
    assert found.starts == ["after"]
    found = once(HANDLED, {"a": [failed()], "rescue": [succeeded()], "after": [succeeded()]}, **fields)
    assert found.plan.completed
    graph, _ = compiled(tasks=HANDLED)
    assert result_of(graph, found.plan)[0] == "TasksFailed"


def test_it_waits_while_a_further_attempt_may_succeed() -> None:
    found = once(HANDLED, {"a": [failed()]}, defaults={"maxAttempts": 2, "backoffSeconds": 500})
    assert (found.starts, found.reasons["rescue"]) == ([], Reason.WAITING_FOR_DEPENDENCIES)


def test_what_depends_on_a_task_that_a_condition_skips_runs_without_it() -> None:
    found = once(HANDLED, {"a": [succeeded()]})
    assert found.reasons["rescue"] == Reason.CONDITION_FALSE
    assert sorted(found.starts) == ["after", "b"]
    found = once(HANDLED, {"a": [succeeded()], "b": [succeeded()], "after": [succeeded()]})
    graph, _ = compiled(tasks=HANDLED)
    said = "3 of 4 tasks succeeded, 1 skipped by a condition"
    assert result_of(graph, found.plan) == ("AllSucceeded", said, True)


def test_a_failure_above_a_task_that_a_condition_skips_is_still_a_failure() -> None:
    off = {"parameter": "on", "operator": "In", "values": ["yes"]}
    rescue = when("rescue", "a", conditions=[ends("a", "Failed"), off], parameters=[{"name": "on", "value": "no"}])
    found = once([task("a"), rescue, task("after", "rescue")], {"a": [failed()]}, failurePolicy="Continue")
    assert (found.reasons["rescue"], found.reasons["after"]) == (Reason.CONDITION_FALSE, Reason.DEPENDENCY_FAILED)
    found = once([task("a"), rescue, task("after", "rescue")], {"a": [failed()]})
    assert found.reasons["after"] == Reason.DEPENDENCY_FAILED


def test_a_task_can_be_skipped_along_with_the_one_before_it() -> None:
    tasks = [
        task("a"),
        when("b", "a", conditions=[output("a", "In", "high")]),
        when("c", "b", conditions=[ends("b", "Succeeded")]),
        when("d", "b", conditions=[ends("b", "Skipped")]),
        task("e", "c", "d"),
    ]
    found = once(tasks, {"a": [gave(severity="low")]})
    assert (found.starts, found.reasons["c"], found.states["e"]) == (["d"], Reason.CONDITION_FALSE, PENDING)
    found = once(tasks, {"a": [gave(severity="high")], "b": [succeeded()]})
    assert (found.starts, found.reasons["d"]) == (["c"], Reason.CONDITION_FALSE)


def test_a_dependency_that_must_have_succeeded_and_failed_is_a_failed_dependency() -> None:
    tasks = [task("a"), when("b", "a", conditions=[ends("a", "Succeeded")]), task("c", "b")]
    found = once(tasks, {"a": [failed()]}, failurePolicy="Continue")
    assert (found.reasons["b"], found.reasons["c"]) == (Reason.DEPENDENCY_FAILED, Reason.DEPENDENCY_FAILED)


@pytest.mark.parametrize(
    ("condition", "value", "starts"),
    [
        (output("a", "In", "low", "none"), "low", True),
        (output("a", "In", "low"), "high", False),
        (output("a", "In", "low"), None, False),
        (output("a", "NotIn", "high"), "low", True),
        (output("a", "NotIn", "high"), "high", False),
        (output("a", "NotIn", "high"), None, False),
    ],
)
def test_an_output_that_does_not_exist_makes_a_condition_false(condition: Any, value: str | None, starts: bool) -> None:
    seen = {"a": [gave(severity=value) if value else succeeded()]}
    found = once([task("a"), when("b", "a", conditions=[condition])], seen)
    assert found.starts == (["b"] if starts else [])
    assert starts or found.reasons["b"] == Reason.CONDITION_FALSE


def test_all_conditions_must_hold_and_a_parameter_may_be_an_output() -> None:
    source = {"task": "a", "output": "severity", "default": "low"}
    parameters = [{"name": "env", "value": "prod"}, {"name": "level", "valueFrom": source}]
    conditions = [
        {"parameter": "env", "operator": "In", "values": ["prod", "test"]},
        {"parameter": "level", "operator": "NotIn", "values": ["high"]},
        ends("a", "Succeeded"),
    ]
    tasks = [task("a"), when("b", "a", conditions=conditions, parameters=parameters)]
    assert once(tasks, {"a": [succeeded()]}).starts == ["b"]
    assert once(tasks, {"a": [gave(severity="high")]}).reasons["b"] == Reason.CONDITION_FALSE
    conditions[0]["values"] = ["test"]
    assert once(tasks, {"a": [succeeded()]}).reasons["b"] == Reason.CONDITION_FALSE


TAKES = [
    task("a"),
    task("b", "a", parameters=[{"name": "schema-path", "valueFrom": {"task": "a", "output": "path"}}]),
    task("c", "b"),
    task("d", "a"),
]


def test_a_task_gets_the_output_as_a_parameter() -> None:
    found = once(TAKES, {"a": [gave(path="api.yaml")]})
    assert set(found.starts) == {"b", "d"}
    graph, _ = compiled(tasks=TAKES)
    records = found.ledger.records
    assert environment("p", graph, 1, 1, records)["PPROJ_PARAM_SCHEMA_PATH"] == "api.yaml"
    assert task_document("p", graph, 1, 1, records)["parameters"] == {"schema-path": "api.yaml"}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_task_without_the_output_that_it_takes_fails_before_it_starts(policy: str) -> None:
    found = once(TAKES, {"a": [gave(other="x")]}, failurePolicy=policy)
    assert (found.states["b"], found.reasons["b"]) == (FAILED, Reason.OUTPUT_MISSING)
    assert found.reasons["c"] == Reason.DEPENDENCY_FAILED
    assert found.starts == ([] if policy == "FailFast" else ["d"])
    done = once(TAKES, {"a": [gave(other="x")], "d": [succeeded()]}, failurePolicy=policy)
    assert done.plan.completed
    graph, spec = compiled(tasks=TAKES)
    status = render_status(graph, spec, done.plan, {}, 1, 100.0, name="p")
    assert (
        "b (OutputMissing, attempts 0)" in next(c for c in status["conditions"] if c["type"] == "Succeeded")["message"]
    )
    answer = why(graph, spec, status, "b", 100.0)
    assert "its parameter schema-path takes the output path of a, which does not exist" in answer.answer


@pytest.mark.parametrize(
    ("seen", "skip", "said"),
    [
        ([gave(path="x" * 1025)], [], "which does not exist, or was too large to keep"),
        ([gave(other="x")], [], "which does not exist, or was too large to keep"),
        ([], ["a"], "which does not exist"),
    ],
)
def test_an_output_that_was_not_kept_is_not_said_not_to_exist(seen: list[Attempt], skip: list[str], said: str) -> None:
    graph, spec = compiled(tasks=TAKES, skip=skip)
    status = render_status(graph, spec, once(TAKES, {"a": seen}, skip=skip).plan, {}, 1, 100.0, name="p")
    answer = why(graph, spec, status, "b", 100.0).answer
    assert answer.endswith(f"its parameter schema-path takes the output path of a, {said}")


def test_a_failure_elsewhere_that_comes_later_changes_nothing_of_that() -> None:
    tasks = [*TAKES, task("z")]
    for policy in POLICIES:
        for seen in ({"z": [active()]}, {"z": [failed()]}):
            found = once(tasks, {"a": [gave(other="x")], **seen}, failurePolicy=policy)
            assert found.reasons["b"] == Reason.OUTPUT_MISSING


def test_a_default_is_used_also_where_the_task_was_skipped() -> None:
    source = {"task": "a", "output": "path", "default": "none.yaml"}
    tasks = [task("a"), task("b", "a", parameters=[{"name": "p", "valueFrom": source}])]
    found = once(tasks, {}, skip=["a"])
    assert found.starts == ["b"]
    graph, _ = compiled(tasks=tasks)
    assert environment("p", graph, 1, 1, found.ledger.records)["PPROJ_PARAM_P"] == "none.yaml"


def test_a_dependency_that_has_failed_is_reported_as_failed_in_the_task_file() -> None:
    found = once(HANDLED, {"a": [failed()]})
    graph, _ = compiled(tasks=HANDLED)
    (dependency,) = task_document("p", graph, 1, 1, found.ledger.records)["dependencies"]
    assert (dependency["id"], dependency["state"]) == ("a", "Failed")
    found = once(HANDLED, {"a": [succeeded()]})
    (dependency,) = task_document("p", graph, 3, 1, found.ledger.records)["dependencies"]
    assert (dependency["id"], dependency["state"]) == ("rescue", "Skipped")


def test_a_condition_on_a_task_that_still_runs_waits_for_its_end() -> None:
    tasks = [
        task("x"),
        task("y"),
        task("m", "x", "y"),
        when("t", "m", conditions=[ends("m", "Skipped"), ends("x", "Failed")]),
    ]
    found = once(tasks, {"x": [active()], "y": [failed()]}, failurePolicy="Continue")
    assert (found.reasons["m"], found.reasons["t"]) == (Reason.DEPENDENCY_FAILED, Reason.WAITING_FOR_DEPENDENCIES)
    assert once(tasks, {"x": [failed()], "y": [failed()]}, failurePolicy="Continue").starts == ["t"]
    found = once(tasks, {"x": [succeeded()], "y": [failed()]}, failurePolicy="Continue")
    assert found.reasons["t"] == Reason.CONDITION_FALSE


def test_why_names_the_condition_and_what_is_so() -> None:
    tasks = [task("a"), when("b", "a", conditions=[output("a", "In", "high"), ends("a", "Succeeded")])]
    found = once(tasks, {"a": [gave(severity="low")]})
    graph, spec = compiled(tasks=tasks)
    status = render_status(graph, spec, found.plan, {}, 1, 100.0, name="p")
    answer = why(graph, spec, status, "b", 100.0)
    assert (answer.state, answer.reason) == ("Skipped", "ConditionFalse")
    assert answer.answer == 'a condition does not hold: output severity of a is "low", which is not in ["high"]'
    status = render_status(graph, spec, once(tasks, {"a": [gave(severity="x" * 1025)]}).plan, {}, 1, 100.0, name="p")
    said = "a condition does not hold: output severity of a does not exist, or was too large to keep"
    assert why(graph, spec, status, "b", 100.0).answer == said


def test_named_outputs_are_in_a_status_before_all_others_however_many_tasks_there_are() -> None:
    many = [task(f"t{i}") for i in range(1998)]
    tasks = [task("a"), when("b", "a", conditions=[output("a", "In", "x" * 1000)]), *many]
    loud = tuple(sorted({"severity": "x" * 1000, **{f"n{i}": "y" * 100 for i in range(30)}}.items()))
    seen = {
        "a": [succeeded()._replace(outputs=loud)],
        **{f"t{i}": [succeeded()._replace(outputs=loud)] for i in range(9)},
    }
    found = once(tasks, seen, parallelism=1)
    assert found.starts == ["b"]
    graph, spec = compiled(tasks=tasks)
    rows = {row["id"]: row for row in render_status(graph, spec, found.plan, {}, 1, 100.0, name="p")["tasks"]}
    assert rows["a"]["outputs"]["severity"] == "x" * 1000
    assert "outputs" not in rows["t0"]


def problems(*tasks: dict[str, Any]) -> list[str]:
    with pytest.raises(ProblemsError) as error:
        compiled(tasks=list(tasks))
    return [f"{problem.reason}: {problem}" for problem in error.value.problems]


def test_a_task_must_depend_on_what_it_names() -> None:
    taken = [{"name": "x", "valueFrom": {"task": "a", "output": "o"}}]
    assert problems(task("a"), task("b"), when("c", "b", conditions=[ends("a", "Failed")])) == [
        'InvalidSpec: spec.tasks[2].when[0].task: "c" does not depend on "a", so that may not have ended '
        '(add "a" to spec.tasks[2].dependencies)'
    ]
    assert problems(task("a"), task("b", parameters=taken)) == [
        'InvalidSpec: spec.tasks[1].parameters[0].valueFrom.task: "b" does not depend on "a", so that may not have '
        'ended (add "a" to spec.tasks[1].dependencies)'
    ]
    compiled(tasks=[task("a"), task("b", "a"), task("c", "b", parameters=taken)])  # by way of another one


def test_a_cycle_through_an_output_is_refused() -> None:
    taken = [{"name": "x", "valueFrom": {"task": "b", "output": "o"}}]
    assert problems(task("a", parameters=taken), task("b", "a")) == [
        "CycleFound: spec.tasks[0].parameters[0].valueFrom.task: a cycle through an output or a condition: a → b → a "
        "(remove it, or one of these dependencies)"
    ]
    both = [{"name": "x", "valueFrom": {"task": "a", "output": "o"}}]
    (found,) = problems(task("a", parameters=taken), task("b", parameters=both))
    assert found.startswith("CycleFound: ")
    (found,) = problems(when("a", conditions=[ends("a", "Failed")]))
    assert found.startswith("CycleFound: spec.tasks[0].when[0].task: ")


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ({}, "when[0]: has neither task nor parameter (add task, or parameter)"),
        ({"task": "a", "parameter": "p"}, "when[0]: has task and parameter (remove one of the two)"),
        ({"task": "a"}, "when[0]: has neither is nor output (add is: "),
        ({"task": "a", "is": "Failed", "output": "x"}, "when[0]: has is and output (remove one of the two)"),
        ({"task": "a", "is": "Failed", "values": ["x"]}, "when[0]: has values next to is"),
        (
            {"task": "a", "is": "Failed", "operator": "In", "values": ["x"]},
            "when[0]: has operator and values next to is, which compares no value",
        ),
        ({"task": "a", "output": "x", "operator": "In"}, "when[0]: compares a value, and has no values"),
        ({"task": "a", "output": "x", "values": ["x"]}, "when[0]: compares a value, and has no operator"),
        ({"parameter": "p"}, "when[0]: compares a value, and has no operator and no values"),
        ({"parameter": "p", "is": "Failed"}, "when[0]: has is next to parameter, and only a task has that"),
        (
            {"task": "a", "output": "usage.json", "operator": "In", "values": ["x"]},
            'when[0].output: "usage.json" is not an output: a file of this name in PPROJ_OUTPUTS is a message to pproj',
        ),
        (
            {"parameter": "q", "operator": "In", "values": ["x"]},
            'when[0].parameter: "q" is not a parameter of the task',
        ),
        ({"task": "aa", "is": "Failed"}, 'when[0].task: "aa" is not a task (did you mean "a"?)'),
    ],
)
def test_a_condition_that_makes_no_sense_is_named_with_its_fix(condition: dict[str, Any], says: str) -> None:
    (found,) = problems(task("a"), when("b", "a", conditions=[condition], parameters=[{"name": "p", "value": "1"}]))
    assert says in found


def test_a_value_is_given_once() -> None:
    taken = [{"name": "x", "value": "1", "valueFrom": {"task": "a", "output": "o"}}]
    (found,) = problems(task("a"), task("b", "a", parameters=taken))
    assert "parameters[0].value: is given next to valueFrom" in found


@pytest.mark.parametrize("name", ["no-change", "needs-input.md", "usage.json"])
def test_a_parameter_takes_no_file_that_is_a_message_to_us(name: str) -> None:
    """It would never have a value."""
    taken = [{"name": "x", "valueFrom": {"task": "a", "output": name}}]
    (found,) = problems(task("a"), task("b", "a", parameters=taken))
    assert f'spec.tasks[1].parameters[0].valueFrom.output: "{name}" is not an output' in found


@pytest.mark.parametrize("policy", POLICIES)
def test_a_chain_of_tasks_without_values_is_decided_in_a_few_passes(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each handles the failure of the one before, and fails itself."""
    passes: list[object] = []

    class Counted(conditions._Decider):
        def __init__(self, *args: Any) -> None:
            passes.append(self)
            super().__init__(*args)

    monkeypatch.setattr(conditions, "_Decider", Counted)
    given = [{"name": "x", "valueFrom": {"task": "t0", "output": "out"}}]
    tasks = [task("t0"), task("t1", "t0", parameters=given)]
    for i in range(2, 40):
        tasks.append(when(f"t{i}", f"t{i - 1}", conditions=[ends(f"t{i - 1}", "Failed")], parameters=given))
    found = once(tasks, {"t0": [succeeded()]}, failurePolicy=policy)
    assert {found.reasons[f"t{i}"] for i in range(1, 40)} == {Reason.OUTPUT_MISSING}
    assert len(passes) <= 3
