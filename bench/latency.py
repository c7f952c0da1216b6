"""How soon a task starts once its last dependency has succeeded, both told by the API server's clock."""

import statistics
from collections.abc import Iterator

from bench.figure import Figure, Series, ratio_at_most
from bench.load import releases
from bench.rounds import in_turns
from bench.setting import Setting

PLOT = "latency"
_BARE = "bare client"


def run(setting: Setting) -> Iterator[Figure | Series]:
    """A graph of tasks of about a second, some ten running at once; the same graph for both."""
    arena = setting.arena()
    load = releases(40 if setting.short else 200, seed=1)
    runs = in_turns(setting.rounds, {"ours": lambda: arena.ours(load), _BARE: lambda: arena.reference(load)})
    latencies = {
        side: [[1e3 * seconds for seconds in run.release_latencies([load])] for run in found]
        for side, found in runs.items()
    }
    for percent, limit, far_out in ((50, 1.5, 10), (99, 2.0, 20)):
        values = {
            side: tuple(statistics.quantiles(found, n=100, method="inclusive")[percent - 1] for found in rounds)
            for side, rounds in latencies.items()
        }
        aim = ratio_at_most(limit, far_out=far_out)
        yield Figure("latency", f"release latency, p{percent}", "ms", values["ours"], values[_BARE], _BARE, aim)
    writes = tuple(run.writes / len(load.tasks) for run in runs["ours"])
    theirs = tuple(run.writes / len(load.tasks) for run in runs[_BARE])
    yield Figure("latency", "writes a task, all of them, when tasks take a second", "", writes, theirs, _BARE)
    for side, rounds in latencies.items():
        yield Series.over(PLOT, side, [value for found in rounds for value in found])
