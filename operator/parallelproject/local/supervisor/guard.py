"""The guard: the supervisor's parent, which does nothing until the supervisor is lost.

It adopts the tasks then, learns how they ended, stops the others, and writes that down. So the ends of tasks are
known as long as one of the two lives, whatever becomes of the engine.
"""

import os
import time
from contextlib import closing
from pathlib import Path

from parallelproject.local.state.record import AttemptLog
from parallelproject.local.state.spill import Spill
from parallelproject.local.state.store import RUNNING, Store
from parallelproject.local.supervisor import process_tree
from parallelproject.local.supervisor.orphans import Orphans, clean_up
from parallelproject.local.supervisor.roster import Roster
from parallelproject.local.supervisor.settings import Settings

_POLL = 0.01


def guard(supervisor: int, settings: Settings, roster: Roster) -> int:
    """Waits for the end of the supervisor, and does what it could not do any more.

    Returns:
        Its exit code; 128 and the number of the signal that killed it, as shells have it.
    """
    _, status = os.waitpid(supervisor, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return 0
    try:
        with closing(Store(Path(settings.store))) as store, closing(Spill(Path(settings.spill))) as spill:
            _take_over(settings, roster, store, AttemptLog(store, spill))
    finally:  # whatever can be written down
        process_tree.kill_all(lambda: process_tree.descendants(os.getpid()))
    return code if code > 0 else 128 - code


def _take_over(settings: Settings, roster: Roster, store: Store, record: AttemptLog) -> None:
    known = {row.key for row in record.spilled}
    running = [row for row in store.attempts() if row.phase == RUNNING and row.key not in known]
    orphans = Orphans(running, roster.read(), store.run_id, settings.now)
    for ends in orphans.ended():
        record.write(ends)
    orphans.terminate()
    deadline = time.monotonic() + settings.orphan_grace
    while orphans.running and time.monotonic() < deadline:
        time.sleep(_POLL)
        for ends in orphans.ended():
            record.write(ends)
    clean_up(store.run_id, running)
    for ends in orphans.ended():
        record.write(ends)
    if record.write(orphans.rest()):
        store.end_session(settings.now())
