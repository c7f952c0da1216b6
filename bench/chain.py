"""A chain: what one step costs when nothing else goes on."""

from collections.abc import Iterator

from bench.figure import Figure, ratio_at_most
from bench.load import chain
from bench.rounds import in_turns
from bench.setting import Setting

STEPS = 10


def run(setting: Setting) -> Iterator[Figure]:
    """Ten tasks that do nothing, one after the other."""
    arena = setting.arena()
    load = chain(STEPS)
    runs = in_turns(2 * setting.rounds, {"ours": lambda: arena.ours(load), "reference": lambda: arena.reference(load)})
    steps = {side: tuple(1e3 * run.seconds / STEPS for run in found) for side, found in runs.items()}
    aim = ratio_at_most(1.5, far_out=6)
    yield Figure("chain", f"a step in a chain of {STEPS}", "ms", steps["ours"], steps["reference"], "bare client", aim)
