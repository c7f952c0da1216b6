"""What a run leaves behind, and how it is removed: its processes, its refs in a repository, its state."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from parallelproject.local.engine import lock
from parallelproject.local.engine.earlier_sessions import recover
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.spill import Spill
from parallelproject.local.state.store import Store


def forget(directory: StateDirectory) -> None:
    """Stops what is left of a run's processes, and removes from the repository what only the run needs.

    Only to be called with the lock held. Branches stay, and so does work that did not land.

    Raises:
        RunError: a process that was left behind cannot be killed, or a newer version has written the state.
    """
    if not directory.database.exists():
        return
    with (
        suppress(sqlite3.Error),  # a state that cannot be read is no reason to keep it
        closing(Store(directory.database)) as store,
        closing(Spill(directory.spill)) as spill,
    ):
        recover(store, spill, 0.0)
        if directory.repository_note.exists():
            from parallelproject.local.delivery.target import forget as forget_target  # here, because git is slow

            forget_target(directory, store.run_id)


def delete_run(path: Path) -> None:
    """Removes a run of which nothing is running, with its state directory.

    Raises:
        RunError: it is running, or is left as ``forget`` says.
        OSError: something cannot be removed, since it belongs to another user.
    """
    directory = StateDirectory(path)
    held = lock.acquire(directory.lock, lambda _: None)
    try:
        forget(directory)
        directory.remove()
    finally:
        os.close(held)
