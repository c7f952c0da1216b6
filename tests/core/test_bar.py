"""A bar has its width, and every state in it that there is."""

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.report.bar import bar, states_of
from parallelproject.model.status import TaskState

COUNTS = st.dictionaries(st.sampled_from(TaskState), st.integers(0, 2000))


@given(COUNTS, st.integers(5, 200))
def test_a_bar_is_as_wide_as_asked_and_shows_every_state_that_there_is(
    counts: dict[TaskState, int], cells: int
) -> None:
    parts = bar(counts, cells)
    assert sum(len(part.text) for part in parts) == cells
    there = {state for state, count in counts.items() if count} or {TaskState.PENDING}
    assert {part.state for part in parts} == there
    assert len({part.text[0] for part in parts}) == len(parts)


@given(COUNTS, st.integers(5, 200))
def test_no_state_has_more_than_its_share_and_a_cell(counts: dict[TaskState, int], cells: int) -> None:
    total = sum(counts.values())
    for part in bar(counts, cells) if total else ():
        assert len(part.text) <= cells * counts[part.state] / total + 1


def test_one_failure_of_many_is_seen() -> None:
    level = {"index": 0, "total": 500, "succeeded": 490, "running": 1, "failed": 1, "skipped": 1}
    assert "".join(part.text for part in bar(states_of(level), 12)) == "████████✗–▶·"


def test_what_is_in_no_other_state_is_pending() -> None:
    assert states_of({"total": 4, "failed": 1})[TaskState.PENDING] == 3
