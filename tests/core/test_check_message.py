"""What the containers of a check report fits into a termination message, and says the important things first."""

import json
import random

from hypothesis import example, given
from hypothesis import strategies as st

from parallelproject.core.verification.check_message import (
    CHECKED_OUT,
    SKIPPED,
    checkout_message,
    end_message,
    packed_print,
    packed_work,
    read_end,
    read_work,
    said_in,
    work_head,
)
from parallelproject.core.verification.failure_report import read_failure
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.packed_lines import pack, pack_lines, unpack
from parallelproject.core.verification.probe import LandedChange, ProbeOutcome
from tests.core.examples import examples

MOST = 4096
paths = st.lists(st.text(min_size=1, max_size=12), max_size=4, unique=True).map(tuple)
ids = st.text("ab1-.", min_size=1, max_size=20)
changes = st.builds(LandedChange, ids, st.just(""), paths, st.integers(0, 9_999), st.integers(0, 9), st.just(()))
works = st.builds(
    LandedWork, st.just("b" * 40), st.just("t" * 40), st.lists(changes, max_size=5).map(tuple), st.integers(0, 9)
)


def large_work(count: int, paths_of_each: int) -> LandedWork:
    drawn = random.Random(1)
    found = tuple(
        LandedChange(
            f"task-{i}", "", tuple(f"src/{drawn.randbytes(12).hex()}.py" for _ in range(paths_of_each)), i, i % 3
        )
        for i in range(count)
    )
    return LandedWork("b" * 40, "t" * 40, found)


@given(works)
@examples(60)
def test_a_work_that_fits_is_read_as_it_was(work: LandedWork) -> None:
    packed = packed_work(work, 1_000_000)
    assert packed is not None
    assert read_work(work_head(work), packed) == work


@given(works, st.integers(0, 300))
@examples(60)
def test_a_work_that_is_cut_has_all_changes_or_is_not_read(work: LandedWork, cut: int) -> None:
    packed = packed_work(work, 1_000_000)
    assert packed is not None
    found = read_work(work_head(work), packed[: max(0, len(packed) - cut)])
    if found is not None:
        assert [change._replace(paths=()) for change in found.changes] == [
            change._replace(paths=()) for change in work.changes
        ]
        assert all(set(one.paths) <= set(all.paths) for one, all in zip(found.changes, work.changes, strict=True))


def test_of_long_lists_of_paths_each_change_keeps_some() -> None:
    work = large_work(40, 30)
    message = checkout_message(CHECKED_OUT, work, MOST)
    assert message is not None
    assert len(message) <= MOST
    found = read_end(message, end_message("Passed", "", MOST))
    assert found is not None
    assert found.work is not None
    kept = [len(change.paths) for change in found.work.changes]
    assert min(kept) > 0
    assert max(kept) - min(kept) <= 1


def test_hundreds_of_changes_fit_and_thousands_are_not_half_reported() -> None:
    assert checkout_message(CHECKED_OUT, large_work(500, 3), MOST) is not None
    assert checkout_message(CHECKED_OUT, large_work(5_000, 1), MOST) is None


def test_an_output_is_kept_whole_where_it_fits() -> None:
    printed = "\n".join(f"line {i}" for i in range(300)) + "\n"
    assert unpack(packed_print(printed, MOST)) == printed


def test_of_a_long_output_the_end_and_the_names_of_what_failed_are_kept() -> None:
    noise = random.Random(2)
    lines = [noise.randbytes(30).hex() for _ in range(3_000)]
    lines[2000] = "FAILED tests/test_shop.py::test_total - assert 3 == 4"
    lines[2500] = "src/shop.py:12: error: incompatible types"
    lines[-1] = "1 failed, 41 passed in 3.21s"
    printed = "\n".join(lines)
    packed = packed_print(printed, 3_000)
    assert len(packed) <= 3_000
    shown = unpack(packed)
    assert shown.splitlines()[-1] == lines[-1]
    assert {lines[2000], lines[2500], "[…]"} <= set(shown.splitlines())
    assert read_failure(shown) == read_failure(printed)


@given(st.text(max_size=3_000), st.integers(500, 3_000))
@examples(80)
def test_any_output_fits_and_is_read(printed: str, most: int) -> None:
    message = end_message("Failed", printed, most)
    assert len(message) <= most
    found = read_end(str(checkout_message(CHECKED_OUT, large_work(2, 1), MOST)), message)
    assert found is not None
    assert found.outcome is ProbeOutcome.FAILED


@given(st.lists(st.text("ab c", max_size=20), max_size=60), st.integers(0, 400), st.integers(0, 400))
@examples(100)
@example(["a  a baca abc", " caa", " bb bbabb", "a   ", "a", " a abaa baaaba", "aaa aaaaaaaa aa  a"], 0, 59)
def test_packed_lines_are_read_as_far_as_they_go(lines: list[str], most: int, cut: int) -> None:
    packed = pack_lines(lines, most)
    assert len(packed) <= most
    text = "".join(f"{line}\n" for line in lines)
    assert text.startswith(unpack(packed))
    assert text.startswith(unpack(pack(text)[:cut]))


def test_how_a_run_has_ended() -> None:
    ready = str(checkout_message(CHECKED_OUT, large_work(1, 1), MOST))
    passed, failed = end_message("Passed", "", MOST), end_message("Failed", "no\n", MOST)
    stopped = end_message("Stopped", "half\n", MOST)
    conflict = str(checkout_message("Conflict", None, MOST, said="it cannot be built: a.py"))
    skipped = str(checkout_message(SKIPPED, large_work(1, 1), MOST))
    broken = json.dumps({"outcome": "Transient", "message": "the remote is not there"})

    def outcome(first: str, last: str) -> str | None:
        found = read_end(first, last)
        return found and found.outcome.value

    assert outcome(ready, passed) == "Passed"
    assert outcome(ready, failed) == "Failed"
    assert outcome(conflict, "") == "Conflict"
    assert outcome(str(checkout_message("Stale", None, MOST)), "") == "Stale"
    assert outcome(skipped, "") == "Passed"
    assert outcome(broken, passed) is None
    assert outcome(ready, "") is None
    assert outcome("", failed) is None
    assert outcome(ready, "not JSON") is None
    found = read_end(ready, stopped)
    assert found is not None
    assert (found.is_stopped, found.outcome, found.printed) == (True, ProbeOutcome.BROKEN, "half\n")
    assert said_in(broken) == "the remote is not there"
