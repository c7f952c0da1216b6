"""Writes down the state of a run that an earlier revision left in the middle.

``python -m tests.local.data.write_state VERSION`` is run by hand, for the last revision with a version of the schema.

The revision's own code does all of it, from ``git archive``. The first session ends with a failure. The second one
retries it; the third one has more tasks. Both lose engine, guard and supervisor at once, and of the last one's attempts
one has its end in the spill, as on a full disk. What is left goes to a folder named after the revision, as text.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from parallelproject.local.supervisor import process_tree
from tests.local.earlier_state import LATER, REVISIONS, spec
from tests.local.earlier_state import folder as folder_of
from tests.local.runner import until

_COMMAND = (
    'echo "$PPROJ_TASK_ID $PPROJ_ATTEMPT $$" >> $JOURNAL; '
    "case $PPROJ_TASK_ID in done) exit 0;; twice) exit 7;; esac; [ -e $JOURNAL.hold ] || exit 7; exec sleep 1000"
)
_SPILL = """
import sys
from pathlib import Path
try:
    from parallelproject.executors.local_spill import Spill
    from parallelproject.executors.local_store import Store
except ImportError:
    from parallelproject.local.state.spill import Spill
    from parallelproject.local.state.store import Store
store = Store(Path(sys.argv[1]) / "state.db")
row = next(row for row in store.attempts() if row.task == "spilled")
Spill(Path(sys.argv[1]) / "state.spill").write([row._replace(phase="Succeeded", ended=row.started + 1, exit_code=0)])
store.close()
"""


def main() -> None:
    """Writes the folder anew."""
    root, version = Path(__file__).parents[3], int(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        archive = subprocess.run(
            ["git", "archive", REVISIONS[version], "operator"], cwd=root, check=True, capture_output=True
        )
        subprocess.run(["tar", "x"], input=archive.stdout, cwd=folder, check=True)
        state = _run_and_kill(folder)
        _keep(state, folder_of(version))


def _run_and_kill(folder: Path) -> Path:
    journal, state, file = folder / "journal", folder / "state", folder / "project.json"
    environment = {**os.environ, "PYTHONPATH": str(folder / "operator"), "JOURNAL": str(journal)}
    call = [sys.executable, "-c", "from parallelproject.cli.main import main; main()", "run", str(file)]
    call += ["--command", _COMMAND, "--state-dir", str(state)]
    _write(file, spec())
    assert subprocess.run(call, cwd=folder, env=environment).returncode == 1
    (folder / "journal.hold").touch()
    _kill_all_when(["forgiven 2 Running"], state, subprocess.Popen(call, cwd=folder, env=environment))
    _write(file, spec(*LATER))
    last = ["forgiven 3 Running", "twice 1 Failed", "running 1 Running", "spilled 1 Running"]
    _kill_all_when(last, state, subprocess.Popen(call, cwd=folder, env=environment))
    subprocess.run([sys.executable, "-c", _SPILL, str(state)], env=environment, check=True)
    return state


def _kill_all_when(rows: Iterable[str], state: Path, engine: "subprocess.Popen[bytes]") -> None:
    """kill -9 of engine, guard and supervisor as soon as these attempts are written down, and then of their tasks."""
    pids: dict[str, int] = {}
    with closing(sqlite3.connect(state / "state.db")) as db:

        def written() -> bool:
            found = db.execute("select task || ' ' || number || ' ' || phase, pid from attempts")
            pids.update(found)
            return all(row in pids and (pids[row] or not row.endswith(" Running")) for row in rows)

        until(written)
    guard = _child_of(engine.pid)
    all_three = [engine.pid, guard, _child_of(guard)]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in all_three:
            os.kill(pid, number)
    engine.wait()
    for row in rows:
        if row.endswith(" Running"):
            os.killpg(pids[row], signal.SIGKILL)


def _keep(state: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    with closing(sqlite3.connect(state / "state.db")) as db:
        (target / "state.sql").write_text("\n".join(db.iterdump()) + "\n")
    rows = json.loads((state / "state.spill").read_bytes().partition(b"\n\0")[0])
    (target / "spill.json").write_text(json.dumps(rows, indent=1) + "\n")
    shutil.copytree(state / "tasks", target / "tasks")


def _write(file: Path, content: dict[str, Any]) -> None:
    project = {
        "apiVersion": "parallelproject.io/v1alpha1",
        "kind": "ParallelProject",
        "metadata": {"name": "demo"},
        "spec": content,
    }
    file.write_text(json.dumps(project))


def _child_of(pid: int) -> int:
    return int(until(lambda: next((p.pid for p in process_tree.everything() if p.parent == pid), 0)))


if __name__ == "__main__":
    main()
