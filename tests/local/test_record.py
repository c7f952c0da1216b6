"""Ends of attempts are written down, with room in the store or without."""

from contextlib import closing
from pathlib import Path

from parallelproject.local.engine.earlier_sessions import recover
from parallelproject.local.state.record import AttemptLog
from parallelproject.local.state.spill import Spill
from parallelproject.local.state.store import AttemptRow, Store
from parallelproject.model.work import WorkKey

A, B = (
    AttemptRow(WorkKey.of_task("a", 1), "Succeeded", 1.0, 2.0),
    AttemptRow(WorkKey.of_task("b", 1), "Failed", 1.0, 2.0, "ExitCode", 1),
)
INTENT = AttemptRow(WorkKey.of_task("c", 1), "Running", 3.0)


def test_what_the_store_cannot_take_goes_to_the_spill_and_later_to_the_store(tmp_path: Path) -> None:
    lost = Store(tmp_path / "state.db")
    with closing(Spill(tmp_path / "spill")) as spill:
        record = AttemptLog(lost, spill)
        assert record.write([A])
        lost.close()
        assert not record.write([B], [INTENT])
        assert record.trouble
        assert spill.read() == [B]
        with closing(Store(tmp_path / "state.db")) as store:
            assert store.attempts() == [A]
            again = AttemptLog(store, spill)  # another process, after a kill
            assert again.spilled == [B]
            assert again.write()
            assert store.attempts() == [A, B]
            assert spill.read() == []
            assert again.trouble is None


def test_all_that_was_not_written_is_kept_together(tmp_path: Path) -> None:
    lost = Store(tmp_path / "state.db")
    lost.close()
    with closing(Spill(tmp_path / "spill")) as spill:
        record = AttemptLog(lost, spill)
        assert not record.write([A])
        assert not record.write([B])
        assert spill.read() == [A, B]


def test_the_most_attempts_at_once_are_counted_with_their_ends(tmp_path: Path) -> None:
    rows = [AttemptRow(WorkKey.of_task("a", n), "Succeeded", float(n), n + 0.5) for n in (1, 2, 3)]
    with closing(Store(tmp_path / "state.db")) as store, closing(Spill(tmp_path / "spill")) as spill:
        store.write(rows)
        assert recover(store, spill, 9.0).peak == 1
