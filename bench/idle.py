"""What an operator takes that has nothing to do."""

import time
from collections.abc import Iterator

from bench.figure import Figure, at_most
from bench.load import Load, Task
from bench.setting import Setting


def run(setting: Setting) -> Iterator[Figure]:
    """An operator that starts; then projects that wait for a task of a day, looked at for a while, once."""
    arena = setting.arena(room=0)
    yield Figure("idle", "from the start of the process until it is ready", "s", (arena.started_in,))
    yield Figure("idle", "memory without any project", "MB", (arena.memory.now / 1e6,))
    count, seconds = (20, 10) if setting.short else (100, 120)
    tasks = (Task("t0", seconds=24 * 3600), Task("t1", ("t0",)))
    arena.idle(*(Load(f"p{i}", 1, tasks) for i in range(count)))
    since, before, began = arena.position(), arena.cpu_seconds, time.monotonic()
    arena.wait(seconds)
    share = 100 * (arena.cpu_seconds - before) / (time.monotonic() - began)
    asked = [request for request in arena.requests(since) if request.is_write]
    what = f"with {count} idle projects"
    yield Figure("idle", f"CPU {what}", "% of a core", (share,), aim=at_most(1, far_out=5))
    yield Figure("idle", f"writes in {seconds} s {what}", "", (float(len(asked)),), aim=at_most(0, far_out=0))
