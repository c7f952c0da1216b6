"""Lines for people that are longer than the terminal is wide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.local.views.wrapping import wrapped
from tests.core.examples import examples

words = st.lists(st.text("abcdefg.:", min_size=1, max_size=12), max_size=30)
HINT = "note: nothing has landed yet; pproj retry demo a --run runs what failed again, and what waits for it"


@examples(100)
@given(words, st.integers(1, 60), st.integers(0, 4))
def test_no_word_is_broken_and_none_is_lost(text: list[str], width: int, depth: int) -> None:
    lines = wrapped(" " * depth + " ".join(text), width)
    assert " ".join(lines).split() == text
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines)
    assert all(line.startswith(" " * (depth + 2)) for line in lines[1:])


@pytest.mark.parametrize("width", [64, 70, 80])
def test_a_command_stays_on_one_line_where_it_fits_on_one(width: int) -> None:
    lines = wrapped(HINT, width)
    assert len(lines) > 1
    assert sum("pproj retry demo a --run" in line for line in lines) == 1
    assert all(len(line) <= width for line in lines)


def test_a_command_with_quotes_stays_whole_and_can_be_pasted() -> None:
    command = "pproj run --repo . --command 'claude -p < \"$PPROJ_TASK_FILE\"; echo (done)'"
    lines = wrapped(f"demo: Interrupted: 0/4 tasks succeeded; nothing runs ({command} resumes it)", 60)
    assert sum(command in line for line in lines) == 1
    assert len(lines) == 2


def test_one_that_fits_on_none_is_wrapped_between_words() -> None:
    assert " ".join(line.strip() for line in wrapped(HINT, 20)) == HINT
