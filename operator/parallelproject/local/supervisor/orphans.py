"""What becomes of tasks whose supervisor is gone: their ends are learnt where that is possible, and all are stopped."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping

from parallelproject.local.state.store import FAILED, STOPPED, SUCCEEDED, AttemptRow
from parallelproject.local.supervisor import process_tree
from parallelproject.local.supervisor.children import key_of, zombie
from parallelproject.local.supervisor.roster import Cut, Entry
from parallelproject.model.names import ENV_RUN
from parallelproject.model.work import WorkKey

INTERRUPTED = "Interrupted"
"""Reason of attempts that were stopped because the engine or the supervisor was gone."""


class Orphans:
    """Tasks that are our children now, since we adopted them."""

    def __init__(
        self, running: Iterable[AttemptRow], roster: Mapping[WorkKey, Entry], run_id: str, now: Callable[[], float]
    ) -> None:
        """Describe them.

        Args:
            running: The attempts that are written down as running.
            roster: Those that the supervisor had noted last.
            run_id: What their processes carry in their environment.
            now: Gives the time.
        """
        self._rows = {row.key: row for row in running}
        self._pids = _leaders(run_id) | {key: entry.pid for key, entry in roster.items() if entry.pid}
        self._cut = {key: entry.cut for key, entry in roster.items()}
        self._now = now

    @property
    def running(self) -> bool:
        """Whether there is one whose end can be learnt."""
        return any(key in self._pids for key in self._rows)

    def ended(self) -> Iterator[list[AttemptRow]]:
        """Yields what has ended since the last time; the processes are let go only when that was written down."""
        ends: dict[int, AttemptRow] = {}
        for key, row in list(self._rows.items()):
            pid = self._pids.get(key)
            found = zombie(os.P_PID, pid) if pid else None
            if pid and found:
                del self._rows[key]
                code = found.si_status if found.si_code == os.CLD_EXITED else 128 + found.si_status
                ends[pid] = self._end(row, code)
        if ends:
            yield list(ends.values())
        for pid in ends:
            os.waitpid(pid, 0)

    def terminate(self) -> None:
        """Asks all to end."""
        for key in self._rows:
            self._cut[key] = self._cut.get(key) or Cut.STOPPED
            if pid := self._pids.get(key):
                process_tree.signal_group(pid, signal.SIGTERM)
                process_tree.signal_group(pid, signal.SIGCONT)  # one that is stopped could not end

    def rest(self) -> list[AttemptRow]:
        """Those whose end cannot be learnt, as stopped: only to be asked for when all are gone."""
        return [self._end(row, None) for row in self._rows.values()]

    def _end(self, row: AttemptRow, code: int | None) -> AttemptRow:
        cut = self._cut.get(row.key, Cut.NO)
        if code is None:
            phase, reason = STOPPED, INTERRUPTED
        elif cut is Cut.OVERDUE:
            phase, reason = FAILED, "DeadlineExceeded"
        elif code == 0:
            phase, reason = SUCCEEDED, None
        elif cut is Cut.STOPPED:
            phase, reason = STOPPED, INTERRUPTED
        else:
            phase, reason = FAILED, "ExitCode"
        return row._replace(phase=phase, ended=self._now(), reason=reason, exit_code=code)


def _leaders(run_id: str) -> dict[WorkKey, int]:
    """The first processes of a run's attempts, known by their environment: those that have ended have none any more."""
    found: dict[WorkKey, process_tree.Process] = {}
    for process in process_tree.marked(ENV_RUN, run_id):
        key = key_of(process_tree.environment(process.pid))
        if key is None or process.session != process.pid:
            continue
        if key not in found or process.start < found[key].start:  # later ones are what it left behind
            found[key] = process
    return {key: process.pid for key, process in found.items()}


def clean_up(run_id: str, running: Iterable[AttemptRow]) -> list[int]:
    """Kills what an earlier session left behind when its engine and its supervisor were both lost.

    Args:
        run_id: What its processes carry in their environment.
        running: Attempts that are written down as running: their processes are known by pid and start.

    Returns:
        The ids of processes that could not be killed.
    """
    known = {row.pid for row in running if row.pid and row.pid_start and process_tree.is_alive(row.pid, row.pid_start)}

    def find() -> list[process_tree.Process]:
        found = {p.pid: p for p in process_tree.marked(ENV_RUN, run_id)}
        if known:
            found |= {p.pid: p for p in process_tree.everything() if p.session in known}
        return [p for p in found.values() if p.state not in "ZX"]

    return [p.pid for p in process_tree.kill_all(find)]
