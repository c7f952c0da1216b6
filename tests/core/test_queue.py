"""Tasks whose Jobs a queue admits: what waits there takes no slot, has no deadline, and keeps its files."""

import pytest

from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.claim import Claim, claim_of
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.core.planner.simulation import makespan
from parallelproject.core.report.status import read_status, render_status
from parallelproject.core.report.why.why import why
from parallelproject.model.status import Reason, TaskState
from tests.core.projects import compiled

ROLES = [{"name": "queued", "queueName": "q"}, {"name": "plain"}]
TASKS = [
    {"id": "a", "role": "queued", "files": ["src/"]},
    {"id": "b", "role": "queued"},
    {"id": "c", "role": "queued"},
    {"id": "d", "role": "plain", "files": ["src/x"]},
    {"id": "e", "role": "plain"},
]


def waits(number: int = 1, role: str = "queued", *files: str, slots: int = 0) -> Attempt:
    """An attempt that a queue has not admitted."""
    claim = Claim(role, files, slots)
    return Attempt(number, Phase.ACTIVE, True, started=1.0, reason=Reason.WAITING_FOR_QUOTA, name="j", claim=claim)


def runs(role: str = "queued") -> Attempt:
    """An attempt that a queue has admitted."""
    return Attempt(1, Phase.ACTIVE, True, started=1.0, claim=Claim(role))


def planned(observed: dict[str, Attempt], now: float = 5.0, prior: Ledger | None = None, **more: object) -> Plan:
    fields = {"parallelism": 1, "maxQueued": 2, "roles": ROLES, "tasks": TASKS, **more}
    graph, spec = compiled(**fields)
    return plan(graph, spec, prior or Ledger(), {task: (attempt,) for task, attempt in observed.items()}, now)


def started(found: Plan) -> list[str]:
    return [TASKS[launch.task]["id"] for launch in found.launches]  # type: ignore[misc]


def test_a_queue_of_the_role_comes_before_that_of_the_project() -> None:
    graph, _ = compiled(queueName="all", roles=ROLES, tasks=TASKS)
    assert graph.queue == ("q", "q", "q", "all", "all")
    assert compiled(tasks=[{"id": "a"}], queueName="all")[0].queue == ("all",)
    assert [claim_of(compiled(roles=ROLES, tasks=TASKS)[0], task).slots for task in (0, 4)] == [0, 1]


def test_as_many_go_into_queues_as_maxqueued_says_next_to_those_that_run() -> None:
    found = planned({})
    assert (started(found), found.running) == (["a", "b", "e"], 1)
    assert [found.reasons[i] for i in (2, 3)] == [Reason.WAITING_FOR_QUEUE, Reason.WAITING_FOR_FILES]


def test_by_default_as_many_wait_as_parallelism_says() -> None:
    assert started(planned({}, maxQueued=None, parallelism=3)) == ["a", "b", "c", "e"]


def test_what_waits_takes_no_slot_and_keeps_its_files_and_its_role() -> None:
    found = planned({"a": waits(1, "queued", "src/"), "e": runs("plain")})
    assert (found.running, started(found)) == (1, [])
    assert (found.states[0], found.reasons[0]) == (TaskState.PENDING, Reason.WAITING_FOR_QUOTA)
    assert found.reasons[3] == Reason.WAITING_FOR_FILES
    limited = [{**ROLES[0], "maxConcurrent": 1}, ROLES[1]]
    found = planned({"a": waits()}, roles=limited)
    assert found.reasons[1] == Reason.WAITING_FOR_ROLE


def test_what_a_queue_admits_takes_a_slot() -> None:
    found = planned({"a": runs()})
    assert (found.running, started(found), found.states[0]) == (1, [], TaskState.RUNNING)
    assert found.reasons[1] == Reason.WAITING_FOR_SLOT


def test_its_pods_still_hold_a_slot_while_they_end() -> None:
    found = planned({"a": waits(slots=1)})
    assert (found.running, found.states[0]) == (1, TaskState.PENDING)


@pytest.mark.parametrize("stop", [True, False])
def test_it_is_not_over_while_one_waits_and_no_deadline_runs(stop: bool) -> None:
    observed = {"a": waits()}
    found = planned(observed, 1e9, stop=stop, defaults={"activeDeadlineSeconds": 1}, tasks=TASKS[:1])
    assert not found.completed
    assert [each.why for each in found.stops] == (["Stopped"] if stop else [])
    assert found.states == [TaskState.PENDING]
    ended = {"a": waits()._replace(phase=Phase.STOPPED, running=False, ended=2.0)}
    assert planned(ended, 1e9, stop=True, tasks=TASKS[:1]).completed


def test_what_waits_leaves_its_queue_while_the_project_is_suspended() -> None:
    found = planned({"a": waits(), "e": runs("plain")}, suspend=True)
    assert [(each.id, each.why) for each in found.stops] == [("a", "Suspended")]
    assert planned({"a": waits()}).stops == []


def test_its_row_says_that_it_waits_and_its_record_that_it_exists() -> None:
    graph, spec = compiled(parallelism=1, roles=ROLES, tasks=TASKS)
    first = plan(graph, spec, Ledger(), {"a": (waits(),)}, 5.0)
    status = render_status(graph, spec, first, {}, 1, 5.0, name="p")
    row = status["tasks"][0]
    assert (row["state"], row["reason"], row["queued"], row["attempts"]) == ("Pending", "WaitingForQuota", True, 1)
    assert status["counts"]["running"] == 0
    again = plan(graph, spec, read_status(status), {}, 6.0)
    assert [each.id for each in again.unseen] == ["a"]
    assert again.ledger.records["a"] == first.ledger.records["a"]
    ended = plan(graph, spec, read_status(status), {"a": (runs(),)}, 6.0)
    assert "queued" not in render_status(graph, spec, ended, status, 1, 6.0, name="p")["tasks"][0]


def test_why_names_the_queue() -> None:
    graph, spec = compiled(parallelism=1, maxQueued=1, roles=ROLES, tasks=TASKS)
    found = plan(graph, spec, Ledger(), {"a": (waits(),)}, 5.0)
    status = render_status(graph, spec, found, {}, 1, 5.0, name="p")
    answer = why(graph, spec, status, "a", 5.0)
    assert answer.answer.startswith("attempt 1 waits since ")
    assert answer.answer.endswith(" in queue q, as Job j")
    assert answer.look == "workload"
    answer = why(graph, spec, status, "b", 5.0)
    assert answer.answer == "maxQueued is 1, and that many Jobs of the project wait in queues"
    assert answer.tasks == ("a",)


def test_a_prediction_runs_as_many_as_may_wait() -> None:
    tasks = [{"id": f"t{i}"} for i in range(6)]
    graph, spec = compiled(parallelism=2, queueName="q", maxQueued=3, tasks=tasks)
    assert makespan(graph, spec, 2) == 2
