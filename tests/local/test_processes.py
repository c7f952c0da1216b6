"""The supervisor's end, whenever the engine goes."""

import os
import time
from pathlib import Path

from parallelproject.local.state.spill import Spill
from parallelproject.local.state.store import Store
from parallelproject.local.supervisor.handle import Processes
from rig.deadline import until


def test_a_supervisor_whose_answer_meets_a_closed_channel_ends(tmp_path: Path) -> None:
    store, spill, lock = tmp_path / "state.db", tmp_path / "state.spill", tmp_path / "lock"
    Store(store).close()
    Spill(spill).close()
    held = os.open(lock, os.O_RDWR | os.O_CREAT)
    clock = time.time() - time.monotonic()
    processes = Processes()
    processes.begin(store=store, spill=spill, lock=held, errors=tmp_path / "errors", clock=clock, orphan_grace=0.1)
    pid = processes._process.pid
    processes.probe()  # it will answer, and by then nobody hears
    processes.channel.close()
    until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, "the end of the supervisor", seconds=60)
    os.close(held)
