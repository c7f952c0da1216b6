"""The operator's memory with many tasks."""

from collections.abc import Iterator

from bench.figure import Figure, at_most
from bench.load import independent
from bench.setting import Setting

_MB = 1e6


def run(setting: Setting) -> Iterator[Figure]:
    """Ten projects of 500 tasks at once, once: an operator that has never run anything, then and now."""
    arena = setting.arena(room=0)
    each = 30 if setting.short else 500
    before = arena.memory.now / _MB
    used = arena.ours(*(independent(each, 20, f"p{i}") for i in range(10))).memory
    what, aim = f"with 10 projects of {each} tasks", at_most(150, far_out=450)
    yield Figure("memory", f"peak {what}", "MB", (used.peak / _MB,), (before,), "without any", aim)
    yield Figure("memory", f"after that, {what}", "MB", (used.now / _MB,), (before,), "without any", aim)
