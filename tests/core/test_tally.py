"""What is counted of attempts: each once, whatever the order and however often it is seen."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.planner.attempt import NEW, Attempt, Phase, Record
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.changes import changes
from parallelproject.core.report.counts import NOTHING, End, Result, Tally, count
from parallelproject.core.report.readings import LedgerReading
from parallelproject.model.spec import Spec
from parallelproject.model.status import TaskState
from tests.core.examples import examples
from tests.core.projects import compiled, specs
from tests.core.simulation import Chaos, History, simulate

SUCCEEDED, FAILED, STOPPED = End(Result.SUCCEEDED), End(Result.FAILED, "ExitCode"), End(Result.STOPPED)
LOST, CONFLICT = End(Result.FAILED, "Lost"), End(Result.FAILED, "Conflict")


def one(number: int, phase: Phase, reason: str | None = None, commit: str | None = None) -> Attempt:
    running = phase in (Phase.LAUNCHING, Phase.ACTIVE)
    return Attempt(number, phase, running, started=10.0, ended=None if running else 20.0, reason=reason, commit=commit)


def after(record: Record, *attempts: Attempt) -> Tally:
    """What is counted when these attempts of a task are seen that is recorded so."""
    graph, spec = compiled(tasks=[{"id": "a"}], defaults={"maxAttempts": 9, "backoffSeconds": 0})
    before = Ledger({} if record is NEW else {"a": record}, start_time=0.0)
    return tally(before, plan(graph, spec, before, {"a": attempts}, 100.0).ledger)


def tally(before: Ledger, after: Ledger) -> Tally:
    """What a plan has recorded."""
    return count(changes(LedgerReading(before), LedgerReading(after)))


RUNNING = Record(TaskState.RUNNING, attempts=1)


@pytest.mark.parametrize(
    ("record", "attempts", "expected"),
    [
        (NEW, [one(1, Phase.LAUNCHING)], NOTHING),
        (NEW, [one(1, Phase.ACTIVE)], Tally(1)),
        (RUNNING, [one(1, Phase.ACTIVE)], NOTHING),
        (RUNNING, [one(1, Phase.SUCCEEDED)], Tally(ended=Counter([SUCCEEDED]))),
        (RUNNING, [one(1, Phase.SUCCEEDED, commit="c")], Tally(landed=1, ended=Counter([SUCCEEDED]))),
        (RUNNING, [one(1, Phase.FAILED, "ExitCode")], Tally(ended=Counter([FAILED]))),
        (RUNNING, [one(1, Phase.FAILED, "Conflict")], Tally(ended=Counter([CONFLICT]))),
        (RUNNING, [one(1, Phase.LOST)], Tally(ended=Counter([LOST]))),
        (RUNNING, [one(1, Phase.STOPPED)], Tally(ended=Counter([STOPPED]))),
        (
            RUNNING,
            [one(1, Phase.FAILED, "ExitCode"), one(2, Phase.ACTIVE)],
            Tally(started=1, retries=1, ended=Counter([FAILED])),
        ),
        (
            Record(TaskState.RUNNING, attempts=2, failures=1, reason="PodFailed"),
            [one(1, Phase.FAILED, "PodFailed"), one(2, Phase.FAILED, "ExitCode")],
            Tally(ended=Counter([FAILED])),
        ),
        (RUNNING, [one(3, Phase.ACTIVE)], Tally(started=2, retries=2, ended=Counter([LOST, LOST]))),
        (
            NEW,
            [one(1, Phase.FAILED, "ExitCode"), one(2, Phase.FAILED, "Conflict"), one(3, Phase.SUCCEEDED)],
            Tally(started=3, retries=2, ended=Counter([FAILED, CONFLICT, SUCCEEDED])),
        ),
    ],
)
def test_the_difference_that_attempts_make_is_counted(record: Record, attempts: list[Attempt], expected: Tally) -> None:
    assert after(record, *attempts) == expected


def test_work_that_is_heard_to_have_landed_after_the_success_is_counted_then() -> None:
    graph, spec = compiled(tasks=[{"id": "a"}])
    before = plan(graph, spec, Ledger(start_time=0.0), {"a": (one(1, Phase.SUCCEEDED),)}, 100.0).ledger
    heard = plan(graph, spec, before, {"a": (one(1, Phase.SUCCEEDED, commit="c"),)}, 101.0).ledger
    heard = replace(heard, records={"a": before.records["a"]._replace(commit="c")})
    assert tally(before, heard) == Tally(landed=1)
    again = replace(heard, records={"a": heard.records["a"]._replace(job="another")})
    assert tally(replace(heard, snapshot=before.snapshot), again) == NOTHING


def test_what_is_recorded_is_not_counted_by_a_process_that_begins_with_it() -> None:
    over = [one(1, Phase.FAILED, "ExitCode"), one(2, Phase.FAILED, "ExitCode")]
    assert after(Record(attempts=2, failures=2, reason="ExitCode", ended=20.0), *over) == NOTHING


def of(tallies: Iterable[Tally]) -> Tally:
    """The sum."""
    found = list(tallies)
    ended: Counter[End] = Counter()
    for each in found:
        ended.update(each.ended)
    return Tally(sum(t.started for t in found), sum(t.retries for t in found), sum(t.landed for t in found), ended)


def counted(history: History) -> Tally:
    return of(tally(planned.prior, planned.plan.ledger) for planned in history.plans)


seeds = st.integers(0, 2**32)
calm = st.builds(
    Chaos,
    failing=st.sampled_from([0.0, 0.3, 0.6]),
    late=st.sampled_from([0, 2, 6]),
    refused=st.sampled_from([0.0, 0.3]),
    lazy=st.sampled_from([0.0, 0.5]),
)


@examples(150)
@given(specs(), seeds, calm)
def test_every_attempt_is_counted_once(spec: Spec, seed: int, chaos: Chaos) -> None:
    history = simulate(spec, seed, chaos)
    works = history.works.values()
    ends = {Phase.SUCCEEDED: Result.SUCCEEDED, Phase.FAILED: Result.FAILED, Phase.STOPPED: Result.STOPPED}
    found = counted(history)
    assert found.started == len(works)
    assert found.retries == sum(work.key.number > 1 for work in works)
    assert found.ended == Counter(End(ends[work.phase], work.reason or "") for work in works)


restarting = st.builds(
    Chaos,
    failing=st.sampled_from([0.3, 0.6]),
    late=st.sampled_from([0, 2, 6]),
    lazy=st.sampled_from([0.0, 0.5]),
    restarts=st.lists(st.integers(0, 40), min_size=1, max_size=3).map(tuple),
)


@examples(150)
@given(specs(), seeds, restarting)
def test_a_process_counts_what_is_not_written_down_where_it_begins(spec: Spec, seed: int, chaos: Chaos) -> None:
    history = simulate(spec, seed, chaos)
    begins = [i for i, planned in enumerate(history.plans) if planned.after_restart]
    for begin, end in zip(begins, [*begins[1:], len(history.plans)], strict=True):
        life = history.plans[begin:end]
        first, last = life[0].prior.records, life[-1].plan.ledger.records
        found = of(tally(planned.prior, planned.plan.ledger) for planned in life)
        assert found.started == sum(last[task].attempts - first.get(task, NEW).attempts for task in last)
        states = [(first.get(task, NEW).state, last[task].state) for task in last]
        done = TaskState.SUCCEEDED
        assert found.ended[SUCCEEDED] == sum(now is done and then is not done for then, now in states)
