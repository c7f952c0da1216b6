"""Repairs of both kinds are numbered together: each lands once by its number."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from parallelproject.core.review.state import FeedbackRepair, FeedbackState
from parallelproject.core.verification.state import Repair
from parallelproject.local.review.current import current_repair
from parallelproject.local.review.record import LocalFeedback
from parallelproject.local.state.directory import StateDirectory


def checked(*floors: int) -> Any:
    """A verification with repairs of the task ``a``."""
    repairs = [Repair(floor, "test", 1, "c") for floor in floors]
    state = SimpleNamespace(repairs={"a": tuple(repairs)} if repairs else {})
    return SimpleNamespace(state=state, feedback=lambda *arguments: "of a check")


def reviewed(folder: Path, *floors: int) -> LocalFeedback:
    found = LocalFeedback(StateDirectory(folder))
    (folder / "tasks").mkdir(exist_ok=True)
    found.write(FeedbackState({"a": tuple(FeedbackRepair(floor, at, ()) for at, floor in enumerate(floors, 1))}))
    return found


def test_the_last_repair_counts_and_numbers_are_of_both(tmp_path: Path) -> None:
    both = reviewed(tmp_path, 2)
    found = current_repair("a", cast(Any, checked(1)), both)
    assert found
    assert (found.number, found.floor) == (2, 2)
    assert Path(found.feedback(2, "", None)).name == "a.2.review.feedback"
    later = current_repair("a", cast(Any, checked(1, 3)), both)
    assert later
    assert (later.number, later.floor, later.feedback(3, "", None)) == (3, 3, "of a check")
    assert current_repair("b", cast(Any, checked(1)), both) is None
    assert current_repair("a", None, None) is None
    alone = current_repair("a", None, both)
    assert alone
    assert (alone.number, alone.floor) == (1, 2)


def test_a_record_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    written = reviewed(tmp_path, 1, 4).state
    assert LocalFeedback(StateDirectory(tmp_path)).state == written
    assert written.floors == {"a": 4}
