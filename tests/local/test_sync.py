"""What is written outlives a loss of power soon, and nobody waits for it."""

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from parallelproject.local.state import sync as local_sync
from parallelproject.local.state.store import AttemptRow, Store
from parallelproject.local.state.sync import Sync
from parallelproject.model.work import WorkKey
from rig.deadline import until


def test_the_disk_is_asked_once_for_all_that_comes_within_the_time_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    sync_file = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: (asked.append(file), sync_file(file)))
    monkeypatch.setattr(local_sync, "SYNC_EVERY", 0.3)
    with closing(Store(tmp_path / "state.db", synced=True)) as store:
        sync = Sync(tmp_path / "state.db")
        store.write([AttemptRow(WorkKey.of_task("a", 1), "Succeeded", 1.0, 2.0)])
        sync.ask()
        until(lambda: len(asked) == 1, "the first", seconds=60)
        began = time.monotonic()
        for number in range(2, 50):
            store.write([AttemptRow(WorkKey.of_task("a", number), "Succeeded", 1.0, 2.0)])
            sync.ask()
        until(lambda: len(asked) == 2, "the second", seconds=60)
        sync.close()
    assert len(asked) <= 2 + (time.monotonic() - began) / 0.3


def test_the_log_does_not_grow_without_end(tmp_path: Path) -> None:
    log = tmp_path / "state.db-wal"
    with closing(Store(tmp_path / "state.db", synced=True)) as store:
        for number in range(6000):
            store.write([AttemptRow(WorkKey.of_task("a", number), "Succeeded", 1.0, 2.0)])
        assert log.stat().st_size < 20_000_000


def test_closing_it_does_not_wait_for_something_new(tmp_path: Path) -> None:
    Store(tmp_path / "state.db").close()
    Sync(tmp_path / "state.db").close()
