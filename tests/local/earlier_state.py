"""The state of a run that the last release left in the middle, as ``tests/local/data/write_state.py`` wrote it down."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

REVISION = "d53be82"
"""The last release whose states do not count their schema."""
FOLDER = Path(__file__).parent / "data" / f"state-{REVISION}"
LATER = ("twice", "running", "spilled", "later")
"""Tasks that the project has since its last session."""


def spec(*more: str, backoff: float = 3600) -> dict[str, Any]:
    """The project: ``done`` and ``forgiven``, and more of its tasks."""
    rows: dict[str, dict[str, Any]] = {
        "done": {},
        "forgiven": {"maxAttempts": 1},
        "twice": {"maxAttempts": 2},
        "running": {"maxAttempts": 1},
        "spilled": {"maxAttempts": 1},
        "later": {"maxAttempts": 1, "dependencies": ["running"]},
    }
    return {
        "tasks": [{"id": id, **rows[id]} for id in ("done", "forgiven", *more)],
        "parallelism": 4,
        "scheduling": "Graph",
        "failurePolicy": "Continue",
        "defaults": {"backoffSeconds": backoff},
    }


def restore_database(path: Path) -> None:
    """Makes the database, as the release left it."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript((FOLDER / "state.sql").read_text())
        db.execute("pragma journal_mode = wal")


def restore(state: Path) -> None:
    """Makes the state directory, as the release left it."""
    state.mkdir(parents=True)
    restore_database(state / "state.db")
    spilled = json.loads((FOLDER / "spill.json").read_text())
    (state / "state.spill").write_bytes(json.dumps(spilled).encode() + b"\n\0" + bytes(256 * 1024))
    shutil.copytree(FOLDER / "tasks", state / "tasks")
