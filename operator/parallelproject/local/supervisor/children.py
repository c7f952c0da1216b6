"""The tasks' processes as the supervisor holds them: started, stopped, and asked how they ended.

Each task leads a session and process group of its own. When its first process ends, the task has ended, and
whatever it left behind is killed, as in a container.
"""

import errno
import heapq
import math
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from parallelproject.local.state.store import FAILED, RUNNING, STOPPED, SUCCEEDED, AttemptRow
from parallelproject.local.supervisor import process_tree
from parallelproject.local.supervisor.roster import Cut, Roster
from parallelproject.local.supervisor.start_failure import start_failure
from parallelproject.model.names import ENV_ATTEMPT, ENV_RUN, ENV_STEP, ENV_TASK_ID
from parallelproject.model.work import WorkKey

_DEFAULT_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
"""All: a shell that starts us in the background ignores some, and its tasks would inherit that."""
STRAYS_EVERY = 1.0
"""Least seconds between two searches for strays: each looks at every process of the machine."""


@dataclass(slots=True, eq=False)
class Child:
    """A task's first process."""

    key: WorkKey
    pid: int
    started: float
    grace: float
    """Seconds between SIGTERM and SIGKILL when its deadline has passed."""
    stop_reason: str | None = None
    overdue: bool = False


class Children:
    """All processes of the running tasks."""

    def __init__(self, clock: Callable[[], float], run_id: str, roster: Roster) -> None:
        self._clock = clock
        self._roster = roster
        self._environment = dict(os.environ) | {ENV_RUN: run_id}
        self._by_pid: dict[int, Child] = {}
        self._by_attempt: dict[WorkKey, Child] = {}
        self._zombies: list[Child] = []
        self._timers: list[tuple[float, int, str, Child]] = []  # when (monotonic), a tie-break, what, whose
        self._serial = count()
        self._look_for_strays = math.inf
        self._looked_for_strays = -math.inf

    def __len__(self) -> int:
        return len(self._by_pid)

    def start(self, key: WorkKey, order: dict[str, Any], log: int) -> AttemptRow:
        """Starts an attempt as an order says, with ``log`` as its output.

        Returns:
            The row of the running attempt, or of one that failed because it cannot be started.
        """
        environment = self._environment | order["env"]
        started = self._clock()
        self._roster.starting(key)
        try:
            os.chdir(order["cwd"])
            pid = os.posix_spawn(
                _program(order["argv"][0], environment),
                order["argv"],
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=_DEFAULT_SIGNALS,
            )
        except (OSError, ValueError) as error:
            with suppress(OSError):
                os.write(log, f"cannot start {order['argv'][0]}: {error}\n".encode(errors="replace"))
            code = start_failure(error)
            reason = "ExitCode" if code else "StartFailed"
            self._roster.ended(key)
            return AttemptRow(key, FAILED, started, self._clock(), reason, code)
        self._roster.started(key, pid)
        child = Child(key, pid, started, order["grace"])
        self._by_pid[pid] = self._by_attempt[key] = child
        if order["deadline"]:
            self._set_timer(order["deadline"], child, "deadline")
        # When it began is left to the process that writes it down: many have ended by then, and asking costs much.
        return AttemptRow(key, RUNNING, started, pid=pid)

    def ended(self) -> list[AttemptRow]:
        """Takes note of every task that has ended, and kills its group.

        Their processes stay zombies until ``release``: should we be killed before their ends are written down,
        the process that inherits them can still learn how they ended.
        """
        while (found := zombie(os.P_ALL, 0)) and found.si_pid not in self._by_pid:
            os.waitpid(found.si_pid, 0)  # left behind by a task
        ended = []
        for pid, child in list(self._by_pid.items()) if found else ():
            if end := zombie(os.P_PID, pid):
                process_tree.signal_group(pid, signal.SIGKILL)
                del self._by_pid[pid], self._by_attempt[child.key]
                self._zombies.append(child)
                code = end.si_status if end.si_code == os.CLD_EXITED else 128 + end.si_status
                ended.append(self._result(child, code))
        if ended:
            soonest = self._looked_for_strays + STRAYS_EVERY
            self._look_for_strays = min(self._look_for_strays, max(soonest, time.monotonic()))
        return ended

    def release(self) -> None:
        """Lets go of what ``ended`` found."""
        for child in self._zombies:
            self._roster.ended(child.key)
            os.waitpid(child.pid, 0)
        self._zombies = []

    def stop(self, key: WorkKey, reason: str, grace: float) -> None:
        """Asks an attempt to end, and kills it after ``grace`` seconds. One that has ended is left alone."""
        child = self._by_attempt.get(key)
        if child and child.stop_reason is None:
            child.stop_reason = reason
            self._terminate(child, grace, Cut.STOPPED)

    def stop_all(self, reason: str, grace: float) -> None:
        """Asks all to end."""
        for child in list(self._by_pid.values()):
            self.stop(child.key, reason, grace)

    def kill_all(self, reason: str) -> None:
        """Kills all, now."""
        for child in self._by_pid.values():
            child.stop_reason = child.stop_reason or reason
            self._roster.cut_off(child.key, Cut.STOPPED)
            process_tree.signal_group(child.pid, signal.SIGKILL)

    def act_on_time(self) -> None:
        """Does what is due: deadlines, the kills that follow a request to end, and the search for strays."""
        while self._timers and self._timers[0][0] <= time.monotonic():
            _, _, what, child = heapq.heappop(self._timers)
            if self._by_pid.get(child.pid) is not child:
                continue
            if what == "deadline":
                child.overdue = True
                self._terminate(child, child.grace, Cut.OVERDUE)
            else:
                process_tree.signal_group(child.pid, signal.SIGKILL)
        if self._look_for_strays <= time.monotonic():
            self._kill_strays()

    def next_time(self) -> float:
        """When something is due, by the monotonic clock; infinity for never."""
        return min(self._look_for_strays, self._timers[0][0] if self._timers else math.inf)

    def _result(self, child: Child, code: int) -> AttemptRow:
        now = self._clock()
        if child.overdue:
            phase, reason = FAILED, "DeadlineExceeded"
        elif code == 0:
            phase, reason = SUCCEEDED, None  # exit 0 is success, also of one that was asked to stop
        elif child.stop_reason:
            phase, reason = STOPPED, child.stop_reason
        else:
            phase, reason = FAILED, "ExitCode"
        return AttemptRow(child.key, phase, child.started, now, reason, code)

    def _terminate(self, child: Child, grace: float, why: Cut) -> None:
        self._roster.cut_off(child.key, why)
        process_tree.signal_group(child.pid, signal.SIGTERM)
        process_tree.signal_group(child.pid, signal.SIGCONT)  # one that is stopped could not end
        self._set_timer(grace, child, "kill")

    def _set_timer(self, seconds: float, child: Child, what: str) -> None:
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._serial), what, child))

    def _kill_strays(self) -> None:
        """Kills processes that left the group of a task that has ended.

        Being below us and outside every group, they are known by their environment. One that hides it is
        left to the end of the run.
        """
        self._look_for_strays = math.inf
        strays = [
            found
            for found in process_tree.descendants(os.getpid())
            if found.session not in self._by_pid and self._has_ended(process_tree.environment(found.pid))
        ]
        process_tree.kill(strays)
        self._looked_for_strays = time.monotonic()
        if strays:  # their own children come to light now
            self._look_for_strays = self._looked_for_strays + STRAYS_EVERY

    def _has_ended(self, environment: Mapping[bytes, bytes]) -> bool:
        """Whether a process belongs to a task of this run (not of a run within it) that has ended."""
        if environment.get(ENV_RUN.encode()) != self._environment[ENV_RUN].encode():
            return False
        key = key_of(environment)
        return key is not None and key not in self._by_attempt


def key_of(environment: Mapping[bytes, bytes]) -> WorkKey | None:
    """The attempt that a process belongs to, by its environment; None if that names none."""
    task = environment.get(ENV_TASK_ID.encode(), b"").decode(errors="replace")
    number = environment.get(ENV_ATTEMPT.encode(), b"")
    step = environment.get(ENV_STEP.encode(), b"").decode(errors="replace")
    return WorkKey.of_task(task, int(number), step) if number.isdigit() else None


def zombie(kind: int, id: int) -> Any:
    """What is known of a child that has ended (waitid(2)); it stays as it is. None when no child has ended."""
    try:
        return os.waitid(kind, id, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None


def _program(name: str, environment: dict[str, str]) -> str:
    """The file of a command, found in the task's own PATH."""
    if "/" in name:
        return name
    found = shutil.which(name, path=environment.get("PATH", os.defpath))
    if not found:
        raise FileNotFoundError(errno.ENOENT, "not found in PATH", name)
    return found
