"""What a task costs: the operator's processor time by the size of the project, and its requests to the API server."""

from collections.abc import Iterator

from bench.figure import Figure, at_most, ratio_at_most
from bench.load import Load, Task, independent
from bench.rounds import in_turns
from bench.run import Run
from bench.setting import Setting

CAP = 200


def run(setting: Setting) -> Iterator[Figure]:
    """A small and a large project of tasks that do nothing; an idle one beside them."""
    arena = setting.arena()
    sizes = (20, 200) if setting.short else (100, 2000)
    small, large = (independent(count, CAP) for count in sizes)
    idle = arena.idle(Load("idle", 1, (Task("t0", seconds=24 * 3600), Task("t1"))))
    since = arena.position()
    runs = in_turns(setting.rounds, {"small": lambda: arena.ours(small), "large": lambda: arena.ours(large)})
    cpu = {side: tuple(1e3 * run.cpu_seconds / len(run.created) for run in found) for side, found in runs.items()}
    yield Figure(
        "cost",
        f"CPU a task, project of {sizes[1]:,}",
        "ms",
        cpu["large"],
        cpu["small"],
        f"project of {sizes[0]}",
        ratio_at_most(1.15, far_out=3),
    )
    growth = list(zip(runs["small"], runs["large"], strict=True))
    writes = tuple(_slope(less.writes, more.writes, less, more) for less, more in growth)
    reads = tuple(_slope(less.reads, more.reads, less, more) for less, more in growth)
    between = f"from {sizes[0]} to {sizes[1]:,} tasks"
    yield Figure("cost", f"writes for each further task, {between}", "", writes, aim=at_most(2.25, far_out=4))
    yield Figure("cost", f"reads for each further task, {between}", "", reads, aim=at_most(0.05, far_out=1))
    asked = [request for request in arena.requests(since) if request.namespace == idle and request.is_write]
    yield Figure("cost", "writes for an idle project meanwhile", "", (float(len(asked)),), aim=at_most(0, far_out=0))


def _slope(less: float, more: float, small: Run, large: Run) -> float:
    return (more - less) / (len(large.created) - len(small.created))
