"""The moments at which a run can be killed, counted in the process itself: before and after every write of its state,
every message, and every start and end of a process.

``watch_engine`` is called in a process before it runs a project. It wraps the functions that do these things, and
has the same done in the supervisor as that starts.
"""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

from tests.local.disk import fill
from tests.local.faults import bugs

ENGINE, SUPERVISOR, GUARD = "engine", "supervisor", "guard"
BOTH = "engine and supervisor"
ALL = "all"
VICTIMS = {
    ENGINE: (ENGINE,), SUPERVISOR: (SUPERVISOR,), GUARD: (GUARD,),
    BOTH: (ENGINE, SUPERVISOR), ALL: (ENGINE, GUARD, SUPERVISOR),
}  # fmt: skip
ROOM = "room"
"""What is taken away instead of killing anybody: there is none left on the disk."""


class Kill(NamedTuple):
    """One SIGKILL, or a disk that is full from then on."""

    where: str
    """The process that comes to the moment: ENGINE, SUPERVISOR or GUARD."""
    point: str
    count: int
    """The how manieth time it does this, from 1."""
    after: bool
    """Whether it has done it, or is about to."""
    victim: str
    """Who is killed, one of ``VICTIMS``; where it is more than one, in one instant. Or ROOM."""

    def __str__(self) -> str:
        return f"{self.victim} {'after' if self.after else 'before'} {self.point} {self.count} of the {self.where}"


class Plan(NamedTuple):
    """What is to happen in one session."""

    kills: list[Kill]
    trace: str
    """File in which it is noted who comes to which point."""
    disk: str = ""
    """The disk that is filled, if one is."""
    bug: str = ""
    """A bug to be planted, one of ``bugs``."""


class Points:
    """The points of one process."""

    def __init__(self, where: str, plan: "Plan") -> None:
        self._kills = {(kill.where, kill.point, kill.count, kill.after): kill.victim for kill in plan.kills}
        self._disk = plan.disk
        self._trace = os.open(plan.trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        self.become(where, {where: os.getpid()})

    def become(self, where: str, pids: dict[str, int]) -> None:
        """This is another process now, after fork(2); all that are known are given by their roles."""
        self._where = where
        self._counts: Counter[str] = Counter()
        self.pids = pids

    @contextmanager
    def around(self, point: str) -> Iterator[None]:
        """Doing something is one point before it and one after it."""
        self._counts[point] += 1
        count = self._counts[point]
        self.note("point", self._where, point)
        self._reached(point, count, False)
        yield
        self._reached(point, count, True)

    def note(self, *words: str) -> None:
        """A line in the trace."""
        os.write(self._trace, f"{' '.join(words)}\n".encode())

    def wrap(self, owner: Any, name: str, point: str) -> None:
        """Counts the calls of a function."""
        function = getattr(owner, name)

        @wraps(function)
        def counted(*args: Any, **keywords: Any) -> Any:
            with self.around(point):
                return function(*args, **keywords)

        setattr(owner, name, counted)

    def _reached(self, point: str, count: int, after: bool) -> None:
        victim = self._kills.get((self._where, point, count, after))
        if victim is None:
            return
        if victim == ROOM:
            self.note("struck", str(time.monotonic_ns()))
            fill(Path(self._disk))
            return
        victims = [self.pids[role] for role in VICTIMS[victim] if self.pids.get(role)]
        self.note("struck", str(time.monotonic_ns()))
        for pid in sorted(victims, key=lambda pid: pid == os.getpid()):  # the others first
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def watch_engine(plan: Plan) -> None:
    """Counts, and kills, in this process and in the supervisor that it starts."""
    from parallelproject.local import start
    from parallelproject.local.engine import lock
    from parallelproject.local.engine import state_outage as trouble
    from parallelproject.local.state import store
    from parallelproject.local.state.directory import StateDirectory
    from parallelproject.local.supervisor import handle
    from parallelproject.local.supervisor.channel import Channel
    from parallelproject.local.supervisor.handle import Processes

    trouble.PATIENCE, trouble.PROBE_EVERY = 0.3, 0.1
    points = Points(ENGINE, plan)
    before = "import json; from tests.local.faults import points;"
    argument = f"json.loads({json.dumps(plan)!r})"
    root = str(Path(__file__).parents[3])
    handle._BOOT = f"import sys; sys.path.insert(0, {root!r});" + handle._BOOT.replace(
        "main(int(", f"{before} points.watch_supervisor({argument}); main(int("
    )
    bugs.plant(bugs.ENGINE, plan.bug)
    boot = Processes.__init__

    def booted(self: Processes) -> None:
        with points.around("boot"):
            boot(self)
            points.pids[GUARD] = self._process.pid

    Processes.__init__ = booted  # type: ignore[method-assign]
    receive = Processes.receive

    def received(self: Processes) -> Any:
        report = receive(self)
        if report and SUPERVISOR not in points.pids:
            guard = self._process.pid
            with suppress(OSError):  # the guard is dead, and so nobody knows
                found = Path(f"/proc/{guard}/task/{guard}/children").read_text().split()
                # Once the supervisor is dead, its tasks are the guard's children.
                points.pids[SUPERVISOR] = int(found[0]) if len(found) == 1 else 0
        return report

    Processes.receive = received  # type: ignore[method-assign]
    points.wrap(Processes, "begin", "begin")
    points.wrap(Processes, "close", "close")
    points.wrap(StateDirectory, "create", "folders")
    points.wrap(StateDirectory, "claim", "claim")
    points.wrap(StateDirectory, "prepare", "prepare")
    points.wrap(lock.os, "pwrite", "lock")
    points.wrap(start, "summary", "summary")
    _watch_common(points, store.Store, Channel)


def watch_supervisor(written: list[Any]) -> None:
    """The same in the supervisor and its guard."""
    from parallelproject.local.state.spill import Spill
    from parallelproject.local.supervisor import supervisor as local_supervisor
    from parallelproject.local.supervisor.roster import Roster
    from parallelproject.model.work import WorkKey

    plan = Plan([Kill(*kill) for kill in written[0]], *written[1:])
    points = Points(SUPERVISOR, plan)
    bugs.plant(bugs.SUPERVISOR, plan.bug)
    engine, guard = os.getppid(), os.getpid()
    fork = os.fork

    def forked() -> int:
        pid = fork()
        if pid:
            points.become(GUARD, {ENGINE: engine, GUARD: guard, SUPERVISOR: pid})
        else:
            points.become(SUPERVISOR, {ENGINE: engine, GUARD: guard, SUPERVISOR: os.getpid()})
        return pid

    os.fork = forked
    known = Roster.started

    def noted(self: Roster, key: WorkKey, pid: int) -> None:
        known(self, key, pid)
        points.note("known", key.task, str(key.attempt))

    Roster.started = noted  # type: ignore[method-assign]
    points.wrap(Spill, "clear", "clear")
    points.wrap(local_supervisor.Sync, "_sync", "sync")
    points.wrap(os, "posix_spawn", "spawn")
    points.wrap(os, "waitpid", "reap")
    points.wrap(os, "killpg", "signal")
    _watch_common(points, local_supervisor.Store, local_supervisor.Channel)


def _watch_common(points: Points, store: Any, channel: Any) -> None:
    transaction = store._transaction

    @contextmanager
    def counted(self: Any) -> Iterator[None]:
        held = points.around("commit")
        with transaction(self):
            yield
            held.__enter__()  # all is stated, and not yet committed
        held.__exit__(None, None, None)

    store._transaction = counted
    points.wrap(channel, "send", "send")
    receive = channel.receive

    def received(self: Any) -> Any:
        messages = receive(self)
        if messages:
            with points.around("receive"):  # before: it is taken from the other end and not acted upon
                pass
        return messages

    channel.receive = received
