"""What happened between two states: the same by ledgers, plans and documents, and each thing once."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.changes import Event, What, changes
from parallelproject.core.report.counts import count
from parallelproject.core.report.event_words import message
from parallelproject.core.report.readings import LedgerReading, PlanReading, StatusReading
from parallelproject.core.report.status import render_status
from parallelproject.model.spec import Spec
from tests.core.examples import examples
from tests.core.projects import compiled, specs
from tests.core.simulation import Chaos, History, simulate

ATTEMPTS = (What.STARTED, What.SUCCEEDED, What.FAILED, What.STOPPED, What.LANDED)
seeds = st.integers(0, 2**32)
calm = st.builds(
    Chaos,
    failing=st.sampled_from([0.0, 0.3, 0.6]),
    late=st.sampled_from([0, 2, 6]),
    refused=st.sampled_from([0.0, 0.3]),
    lazy=st.sampled_from([0.0, 0.5]),
)


def by_documents(history: History, every: int) -> list[Event]:
    """What is heard where only some of the statuses are written, and the last."""
    last: dict[str, Any] = {}
    events = []
    for turn, planned in enumerate(history.plans):
        if turn % every and planned is not history.end:
            continue
        status = render_status(planned.graph, planned.spec, planned.plan, last, 1, planned.now, name="p")
        events += changes(StatusReading(last), StatusReading(status))
        last = status
    return events


def by_plans(history: History) -> list[Event]:
    readings = [PlanReading(planned.graph, planned.plan, reported=list(planned.observed)) for planned in history.plans]
    return [event for pair in pairwise(readings) for event in changes(*pair)]


def kinds(events: Iterable[Event]) -> Counter[tuple[What, str, int]]:
    return Counter((event.what, event.task, event.number) for event in events if event.what in ATTEMPTS)


@examples(100)
@given(specs(), seeds, calm, st.integers(1, 7))
def test_documents_tell_of_every_attempt_as_ledgers_do(spec: Spec, seed: int, chaos: Chaos, every: int) -> None:
    history = simulate(spec, seed, chaos)
    by_ledgers = [
        event
        for planned in history.plans
        for event in changes(LedgerReading(planned.prior), LedgerReading(planned.plan.ledger))
    ]
    heard = by_documents(history, every)
    assert kinds(heard) == kinds(by_ledgers)
    assert kinds(by_plans(history)) == kinds(by_ledgers)
    assert count(by_ledgers).started == len(history.works)


@examples(100)
@given(specs(), seeds, calm, st.integers(1, 7))
def test_every_end_is_heard_once_and_after_what_it_is_the_end_of(
    spec: Spec, seed: int, chaos: Chaos, every: int
) -> None:
    history = simulate(spec, seed, chaos)
    for events in (by_documents(history, every), by_plans(history)):
        names = [event.what for event in events]
        assert names.count(What.COMPLETED) == history.end.plan.completed
        levels = [event.level for event in events if event.what is What.LEVEL_COMPLETED]
        assert len(levels) == len(set(levels))
        if history.end.plan.completed:
            assert names[-1] is What.COMPLETED
            assert len(levels) == len(history.end.graph.levels)
        begun: set[tuple[str, int]] = set()
        for event in events:
            place = (event.task, event.number)
            if event.what is What.STARTED:
                assert place not in begun
                begun.add(place)
            elif event.what in ATTEMPTS:
                assert place in begun


@examples(50)
@given(specs(), seeds, calm)
def test_where_nothing_has_changed_nothing_has_happened(spec: Spec, seed: int, chaos: Chaos) -> None:
    history = simulate(spec, seed, chaos)
    status = render_status(history.end.graph, spec, history.end.plan, {}, 1, history.end.now, name="p")
    assert changes(StatusReading(status), StatusReading(dict(status))) == []
    assert changes(LedgerReading(history.end.plan.ledger), LedgerReading(history.end.plan.ledger)) == []


def row(**more: Any) -> dict[str, Any]:
    return {"tasks": [{"id": "a", "state": "Pending", **more}]}


PENDING, RUNNING = row(), row(state="Running", attempts=1)
FAILED_ONCE = row(reason="Backoff", attempts=1, failures=1, failure="ExitCode", exitCode=3)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (PENDING, RUNNING, ["Started a: attempt 1 started"]),
        (PENDING, row(reason="WaitingForSlot"), []),
        (RUNNING, FAILED_ONCE, ["Failed a: attempt 1 failed (ExitCode 3)"]),
        (FAILED_ONCE, FAILED_ONCE | row(attempts=1, failures=1, reason="WaitingForSlot"), ["Changed "]),
        (
            RUNNING,
            row(state="Failed", reason="ExitCode", exitCode=3, attempts=1, failures=1),
            ["Failed a: attempt 1 failed (ExitCode 3)", "TaskFailed a: failed for good with attempt 1 (ExitCode 3)"],
        ),
        (
            RUNNING,
            row(state="Succeeded", attempts=2, failures=1),  # both ended between two statuses
            [
                "Failed a: attempt 1 failed",
                "Started a: attempt 2 started",
                "Succeeded a: attempt 2 succeeded",
            ],
        ),
        (PENDING, row(state="Skipped", reason="DependencyFailed"), ["Skipped a: skipped (DependencyFailed)"]),
        (row(state="Skipped", reason="Stopped"), PENDING, ["Changed "]),
        (RUNNING, row(state="Skipped", reason="Stopped", attempts=1),
         ["Stopped a: attempt 1 was stopped, which is no failure", "Skipped a: skipped (Stopped)"]),
        (
            RUNNING,
            row(state="Succeeded", attempts=1, commit="abc", undeclared=2),
            [
                "Succeeded a: attempt 1 succeeded",
                "Landed a: landed as abc",
                "UndeclaredFiles a: commit abc changed 2 paths that its files do not declare",
            ],
        ),
        (RUNNING, row(state="Running", attempts=1, reason="JobSuspended", jobName="j"),
         ["JobSuspended a: attempt 1 (j) is suspended; it keeps its slot and its files"]),
        (row(state="Succeeded", attempts=1), row(attempts=1), ["Changed "]),
        (row(state="Odd", attempts="x"), PENDING, []),
    ],
)  # fmt: skip
def test_the_difference_of_two_rows(before: dict[str, Any], after: dict[str, Any], expected: list[str]) -> None:
    found = changes(StatusReading(before), StatusReading(after))
    assert [f"{event.what} {message(event)}" for event in found] == expected


def test_a_process_that_begins_finds_the_state_and_nothing_has_happened() -> None:
    assert changes(None, StatusReading(RUNNING)) == [Event(What.FOUND)]


def test_a_status_that_claims_a_million_attempts_takes_no_longer_than_others() -> None:
    row = {"id": "a", "state": "Pending", "attempts": 1_000_000, "failures": 999_000, "conflicts": 900_000}
    events = changes(StatusReading({}), StatusReading({"tasks": [row]}))
    assert max(event.number for event in events) == 1_000_000
    assert len(events) < 500


def test_a_plan_and_a_document_say_the_same_of_an_end_that_the_verification_made() -> None:
    graph, spec = compiled(tasks=[{"id": "a"}])
    done = plan(graph, spec, Ledger(), {"a": [Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0)]}, 3.0)
    assert done.completed
    broken = ("False", "BaseFailed", "check tests fails on the base")
    before, after = PlanReading(graph, plan(graph, spec, Ledger(), {}, 0.0)), PlanReading(graph, done, verified=broken)
    (event,) = (each for each in changes(before, after) if each.what is What.COMPLETED)
    document = render_status(graph, spec, done, {}, 1, 3.0, name="p", verified=broken)
    (other,) = (each for each in changes(StatusReading({}), StatusReading(document)) if each.what is What.COMPLETED)
    assert (event.reason, event.message, event.warning) == (other.reason, other.message, True)
    assert event.reason == "BaseFailed"
