"""The API server's clock, from the dates of its answers."""

import time
from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.kube.clock import ServerClock

skews = st.floats(-1e6, 1e6)
delays = st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3), st.floats(0, 100)), min_size=1, max_size=20)


@given(skews, delays)
def test_it_is_right_to_a_second_and_the_delay_after_each_answer(
    ahead: float, answers: list[tuple[float, ...]]
) -> None:
    clock = ServerClock()
    now = 1000.0  # monotonic
    truth = time.time() + ahead - now  # what the server's clock shows, less the monotonic one
    for there, back, pause in answers:
        sent, answered, received = now, now + there, now + there + back
        clock.observe(formatdate(answered + truth, usegmt=True), sent, received)
        assert abs(clock._base - truth) <= 1 + there + back + 1e-3
        now = received + pause


@given(st.lists(st.floats(0, 5), min_size=2, max_size=20))
def test_a_clock_that_agrees_is_left_alone(pauses: list[float]) -> None:
    clock = ServerClock()
    before, now = clock._base, 1000.0
    for pause in pauses:
        clock.observe(formatdate(now + before, usegmt=True), now, now + 0.01)
        now += pause
    assert clock._base == before


def test_what_is_no_date_says_nothing() -> None:
    clock = ServerClock()
    before = clock._base
    for date in (None, "", "yesterday", "Thu, 99 Foo 2026"):
        clock.observe(date, 0.0, 1.0)
    assert clock._base == before
