"""How what is seen of attempts updates what is written down: the laws of ``settle``."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.planner.attempt import NEW, Attempt, Phase, Record, settle
from parallelproject.model.status import TaskState
from tests.core.examples import examples

ENDED_BADLY = [Phase.FAILED, Phase.STOPPED, Phase.LOST]


def attempt(number: int, phase: Phase) -> Attempt:
    failed = "ExitCode" if number % 2 else "Conflict"
    reason = failed if phase is Phase.FAILED else None
    active = phase in (Phase.ACTIVE, Phase.LAUNCHING)
    started = None if phase is Phase.LAUNCHING else number * 10.0
    return Attempt(number, phase, active, False, started, None if active else number * 10.0 + 5, reason)


@st.composite
def lives(draw: st.DrawFn) -> list[Attempt]:
    """All attempts of one task so far, as they can be: each started when the one before had ended."""
    ends = draw(st.lists(st.sampled_from(ENDED_BADLY), max_size=5))
    phases = [*ends, draw(st.sampled_from([*ENDED_BADLY, Phase.ACTIVE, Phase.SUCCEEDED, Phase.LAUNCHING]))]
    return [attempt(i + 1, phase) for i, phase in enumerate(phases)]


def states_seen(life: Sequence[Attempt], length: int, running: bool) -> list[Attempt]:
    """The first attempts, the last of them perhaps while it ran."""
    seen = list(life[:length])
    if seen and running and seen[-1].phase is not Phase.LAUNCHING:
        seen[-1] = attempt(length, Phase.ACTIVE)
    return seen


@examples(150)
@given(lives())
def test_every_attempt_is_counted_once(life: list[Attempt]) -> None:
    record = settle(NEW, life)
    known = [a for a in life if a.phase is not Phase.LAUNCHING]
    assert record.attempts == len(known)
    assert record.failures == sum(a.phase in (Phase.FAILED, Phase.LOST) and a.reason != "Conflict" for a in known)
    assert record.conflicts == sum(a.reason == "Conflict" for a in known)
    assert (record.state is TaskState.SUCCEEDED) == any(a.phase is Phase.SUCCEEDED for a in known)
    assert (record.state is TaskState.RUNNING) == any(a.phase is Phase.ACTIVE for a in known)


@examples(150)
@given(lives(), st.integers(0, 6), st.booleans())
def test_the_record_is_the_same_from_any_earlier_one(life: list[Attempt], length: int, running: bool) -> None:
    earlier = settle(NEW, states_seen(life, min(length, len(life)), running))
    assert settle(earlier, life) == settle(NEW, life)


@examples(150)
@given(lives(), st.integers(0, 6), st.booleans(), st.integers(0, 6))
def test_it_is_the_same_where_what_was_counted_is_no_longer_seen(
    life: list[Attempt], length: int, running: bool, dropped: int
) -> None:
    length = min(length, len(life))
    seen = states_seen(life, length, running)
    if seen and seen[-1].phase is Phase.LAUNCHING:
        length -= 1
    kept = life[min(dropped, max(0, length - 1)) :]
    assert settle(settle(NEW, seen), kept) == settle(NEW, life)


@examples(100)
@given(st.data(), lives())
def test_the_order_does_not_matter(data: st.DataObject, life: list[Attempt]) -> None:
    assert settle(NEW, data.draw(st.permutations(life))) == settle(NEW, life)


@examples(100)
@given(lives(), lives())
def test_settling_is_idempotent_and_numbers_never_get_fewer(first: list[Attempt], second: list[Attempt]) -> None:
    """Also for sights that do not go together."""
    before = settle(NEW, first)
    after = settle(before, second)
    assert settle(after, second) == after
    assert after.attempts >= before.attempts
    assert after.failures >= before.failures
    if before.state is TaskState.SUCCEEDED:
        assert after == before


def test_a_success_keeps_the_number_of_a_later_attempt() -> None:
    both = [attempt(1, Phase.SUCCEEDED), attempt(2, Phase.ACTIVE)]
    assert settle(NEW, both).attempts == 2
    earlier = Record(TaskState.RUNNING, attempts=2, failures=1)
    assert settle(earlier, both).attempts == 2


def test_the_commit_of_a_success_is_taken_in_when_it_is_heard_and_stays() -> None:
    done = attempt(1, Phase.SUCCEEDED)
    heard = settle(settle(NEW, [done]), [done._replace(commit="9b1e77c000")])
    assert heard == settle(NEW, [done._replace(commit="9b1e77c000")])
    assert settle(heard, [done]) == settle(heard, []) == heard
    assert settle(heard, [done._replace(commit="another000")]) == heard
