"""A new rule is one class: the plan goes by it, the simulation predicts it, and ``why`` has it explain itself."""

from typing import Any

import pytest

from parallelproject.core.planner.constraints.admission import CONSTRAINTS
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.planner.simulation import makespan
from parallelproject.core.report.status import render_status
from parallelproject.core.report.why.why import why
from parallelproject.model.status import Reason
from tests.core.projects import compiled


class NightShift(Constraint):
    """Tasks of priority 9 run by themselves: nothing else of that priority is active."""

    reasons = ("WaitingForTheNight",)

    def __init__(self, situation: Situation) -> None:
        self.graph = situation.graph
        self.active = sum(self.is_mine(situation.graph.index[task]) for task in situation.snapshot.live)

    @classmethod
    def of(cls, situation: Situation) -> "NightShift":
        return cls(situation)

    def is_mine(self, task: int) -> bool:
        return self.graph.tasks[task].priority == 9

    def blocks(self, task: int) -> Block | None:
        return Block(self.reasons[0]) if self.active and self.is_mine(task) else None

    def take(self, task: int) -> None:
        self.active += self.is_mine(task)

    def release(self, task: int) -> None:
        self.active -= self.is_mine(task)

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        holders = view.active(lambda i: view.graph.tasks[i].priority == 9)
        return Explanation(f"it runs by itself, after {view.named(holders)}", tasks=holders)


RULES = (*CONSTRAINTS, NightShift)
TASKS = [{"id": id, "priority": 9, "estimateSeconds": 60} for id in "ab"] + [{"id": "c", "estimateSeconds": 10}]


def test_a_new_rule_is_planned_predicted_and_explained_from_one_class() -> None:
    graph, spec = compiled(tasks=TASKS)
    made = plan(graph, spec, Ledger(), {}, 100.0, constraints=RULES)
    assert [graph.ids[launch.task] for launch in made.launches] == ["a", "c"]
    assert made.reasons == ["Starting", "WaitingForTheNight", "Starting"]
    assert (makespan(graph, spec, 3), makespan(graph, spec, 3, RULES)) == (60, 120)
    found = why(graph, spec, render_status(graph, spec, made, {}, 1, 100.0, name="p"), "b", 100.0, RULES)
    assert (found.reason, found.tasks) == ("WaitingForTheNight", ("a",))
    assert found.answer == "it runs by itself, after a (pending: Starting)"


def test_every_reason_to_wait_is_explained_by_exactly_one_constraint() -> None:
    explained = [reason for constraint in CONSTRAINTS for reason in constraint.reasons]
    names = [reason.name for reason in Reason]
    waiting = {reason for reason in Reason if names.index(reason.name) < names.index("UNSCHEDULABLE")}
    assert len(explained) == len(set(explained))
    assert set(explained) == waiting - {Reason.STARTING}


class Never(NightShift):
    """A rule that cannot be kept."""

    def blocks(self, task: int) -> Block | None:
        return Block("Never")


def test_a_prediction_of_what_never_starts_is_refused() -> None:
    graph, spec = compiled(tasks=TASKS)
    with pytest.raises(RuntimeError, match="a never starts: Never"):
        makespan(graph, spec, 3, (Never,))


class Tonight(NightShift):
    """Nothing starts before a time."""

    def blocks(self, task: int) -> Block | None:
        return Block("Tonight", until=500.0)


@pytest.mark.parametrize("more", [{}, {"parallelism": 1}])
def test_a_block_that_ends_by_itself_wakes_the_planner(more: dict[str, Any]) -> None:
    graph, spec = compiled(tasks=TASKS, **more)
    made = plan(graph, spec, Ledger(), {}, 100.0, constraints=(*CONSTRAINTS, Tonight))
    assert (made.launches, made.wake_at, set(made.reasons)) == ([], 500.0, {"Tonight"})
