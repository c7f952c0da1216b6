"""How many tasks a second get done when they do nothing, and what processor time the operator takes for it."""

from collections.abc import Iterator

from bench.figure import Aim, Figure, Series, at_most, ratio_at_least
from bench.jobs import Body
from bench.load import Load, independent
from bench.rounds import in_turns
from bench.run import Run
from bench.setting import Setting

PLOT = "dispatch"
_BARE = "bare client"
_ITS_JOBS = "bare client, Jobs as ours"


def run(setting: Setting) -> Iterator[Figure | Series]:
    """500 tasks at two caps, and ten projects of 100 at once."""
    count, each = (60, 12) if setting.short else (500, 100)
    aim = ratio_at_least(0.95, far_out=0.3)
    for cap in (200, 20):
        load = independent(count, cap)
        runs = _turns(setting, load, more=cap == 200 and not setting.short)
        yield _rate(f"{count} tasks, cap {cap}", runs["ours"], runs[_BARE], _BARE, aim)
        if _ITS_JOBS in runs:
            yield _rate(f"{count} tasks, cap {cap}", runs["ours"], runs[_ITS_JOBS], _ITS_JOBS)
        cpu = {side: tuple(run.cpu_seconds for run in found) for side, found in runs.items()}
        cpu_aim = at_most(2 * count / 500, far_out=10 * count / 500)
        yield Figure("dispatch", f"CPU for {count} tasks, cap {cap}", "s", cpu["ours"], cpu[_BARE], _BARE, cpu_aim)
        if cap == 200:
            yield from (_timeline(side, found) for side, found in runs.items())
    loads = [independent(each, 20, f"p{i}") for i in range(10)]
    runs = _turns(setting, *loads)
    yield _rate(f"10 projects of {each} tasks at once, cap 20 each", runs["ours"], runs[_BARE], _BARE, aim)


def _turns(setting: Setting, *loads: Load, more: bool = False) -> dict[str, list[Run]]:
    arena = setting.arena()
    sides = {"ours": lambda: arena.ours(*loads), _BARE: lambda: arena.reference(*loads)}
    if more:
        sides[_ITS_JOBS] = lambda: arena.reference(*loads, body=Body.OURS)
    return in_turns(setting.rounds, sides)


def _rate(name: str, ours: list[Run], reference: list[Run], reference_name: str, aim: Aim | None = None) -> Figure:
    mine, theirs = (tuple(run.rate for run in found) for found in (ours, reference))
    return Figure("dispatch", name, "tasks/s", mine, theirs, reference_name, aim)


def _timeline(side: str, runs: list[Run]) -> Series:
    """When the tasks had succeeded, in seconds since the start; of the round in the middle."""
    middle = sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]
    return Series.over(PLOT, side, [success.done - middle.started for success in middle.succeeded.values()])
