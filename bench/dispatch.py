"""How many tasks a second get done when they do nothing, and what processor time the operator takes for it."""

from collections.abc import Iterator

from bench.figure import Figure, Series, at_most, ratio_at_least
from bench.jobs import Body
from bench.load import Load, independent
from bench.rounds import in_turns
from bench.run import Run
from bench.setting import Setting

PLOT = "dispatch"
_BARE = "bare client"
_SAME_JOBS = "bare client, the same Jobs"


def run(setting: Setting) -> Iterator[Figure | Series]:
    """500 tasks at two caps, and ten projects of 100 at once."""
    count, each = (60, 12) if setting.short else (500, 100)
    for cap in (200, 20):
        runs = _turns(setting, independent(count, cap))
        yield from _rates(f"{count} tasks, cap {cap}", runs)
        cpu = {side: tuple(run.cpu_seconds for run in found) for side, found in runs.items()}
        cpu_aim = at_most(2 * count / 500, far_out=10 * count / 500)
        yield Figure("dispatch", f"CPU for {count} tasks, cap {cap}", "s", cpu["ours"], cpu[_BARE], _BARE, cpu_aim)
        if cap == 200:
            yield from (_timeline(side, found) for side, found in runs.items())
    runs = _turns(setting, *(independent(each, 20, f"p{i}") for i in range(10)))
    yield from _rates(f"10 projects of {each} tasks at once, cap 20 each", runs)


def _turns(setting: Setting, *loads: Load) -> dict[str, list[Run]]:
    arena = setting.arena()
    sides = {"ours": lambda: arena.ours(*loads), _BARE: lambda: arena.reference(*loads)}
    if not setting.short:
        sides[_SAME_JOBS] = lambda: arena.reference(*loads, body=Body.OURS)
    return in_turns(setting.rounds, sides)


def _rates(name: str, runs: dict[str, list[Run]]) -> Iterator[Figure]:
    rates = {side: tuple(run.rate for run in found) for side, found in runs.items()}
    for side, found in rates.items():
        if side != "ours":
            yield Figure("dispatch", name, "tasks/s", rates["ours"], found, side, ratio_at_least(0.95, far_out=0.3))


def _timeline(side: str, runs: list[Run]) -> Series:
    """When the tasks had succeeded, in seconds since the start; of the round in the middle."""
    middle = sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]
    return Series.over(PLOT, side, [success.done - middle.started for success in middle.succeeded.values()])
