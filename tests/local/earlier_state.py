"""States of runs that earlier versions left in the middle, as ``tests/local/data/write_state.py`` wrote them down."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

REVISIONS = ("d53be82", "4fbcba9")
"""By version of the schema, from 0 on, the last revision that wrote it. The first one did not count its schema."""
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


def folder(version: int) -> Path:
    """Where the state of a version of the schema is kept."""
    return Path(__file__).parent / "data" / f"state-{REVISIONS[version]}"


def restore_database(path: Path, version: int = 0) -> None:
    """Makes the database, as the last revision with this version of the schema left it."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript((folder(version) / "state.sql").read_text())
        db.execute(f"pragma user_version = {version}")
        db.execute("pragma journal_mode = wal")


def restore(state: Path, version: int) -> None:
    """Makes the state directory, as the last revision with this version of the schema left it."""
    state.mkdir(parents=True)
    restore_database(state / "state.db", version)
    spilled = json.loads((folder(version) / "spill.json").read_text())
    (state / "state.spill").write_bytes(json.dumps(spilled).encode() + b"\n\0" + bytes(256 * 1024))
    shutil.copytree(folder(version) / "tasks", state / "tasks")
