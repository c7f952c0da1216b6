"""What a large project does to small ones that share a limit with it."""

import statistics
from collections.abc import Iterator

from bench.figure import Figure, ratio_at_most
from bench.load import Load, Task
from bench.rounds import in_turns
from bench.run import Run
from bench.setting import Setting

_SECONDS = 0.5


def run(setting: Setting) -> Iterator[Figure]:
    """Fifty projects of ten tasks beside one of 500 that was there first, and without it; 50 tasks at once in all."""
    few = setting.short
    count, large, limit = (10, 60, 10) if few else (50, 500, 50)
    small = [_load(f"s{i}", 10) for i in range(count)]
    big = _load("large", large)
    arena = setting.limited_arena(limit)

    def beside() -> Run:
        arena.fresh()
        return arena.ours(big, *small)

    def alone() -> Run:
        arena.fresh()
        return arena.ours(*small)

    runs = in_turns(setting.rounds, {"beside": beside, "alone": alone})
    took = {
        side: tuple(statistics.mean(each.makespan(load) for load in small) for each in found)
        for side, found in runs.items()
    }
    what = f"{count} projects of 10 next to one of {large}: how long a small one takes"
    yield Figure("fairness", what, "s", took["beside"], took["alone"], "the same alone", ratio_at_most(1.5, far_out=4))


def _load(name: str, count: int) -> Load:
    return Load(name, 1000, tuple(Task(f"t{i}", seconds=_SECONDS) for i in range(count)))
