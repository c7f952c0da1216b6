"""Both sides on a real control plane: they do the same work, in order, under the cap, and are measured alike."""

from collections.abc import Iterator

import pytest

from bench.arena import Arena
from bench.jobs import Body
from bench.load import Load, Task
from bench.run import Run

pytestmark = pytest.mark.cluster

DIAMOND = Load(
    "p", 2, (Task("a", seconds=0.2), *(Task(f"b{i}", ("a",), 0.2) for i in range(5)), Task("z", ("b0", "b4"), 0.2))
)


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    with Arena() as made:
        yield made


@pytest.mark.parametrize("side", ["ours", "reference", "reference with our Jobs"])
def test_a_load_runs_in_order_and_under_its_cap(arena: Arena, side: str) -> None:
    if side == "ours":
        run = arena.ours(DIAMOND)
    else:
        run = arena.reference(DIAMOND, body=Body.SMALL if side == "reference" else Body.OURS)
    names = {("p", task.id) for task in DIAMOND.tasks}
    assert run.created.keys() == run.succeeded.keys() == names
    assert all(run.created["p", t.id] > run.succeeded["p", above].asked for t in DIAMOND.tasks for above in t.after)
    assert all(run.succeeded[name].asked - run.created[name] >= 0.2 for name in names)
    assert most_at_once(run) <= DIAMOND.cap
    assert run.makespan(DIAMOND) == run.seconds >= 0.2 * 4  # a, and the other six two by two
    assert len(run.release_latencies([DIAMOND])) == 6
    assert run.writes >= 7
    assert run.cpu_seconds > 0
    assert run.memory.peak >= run.memory.now > 10e6


def most_at_once(run: Run) -> int:
    """A task is running from the request for its Job until somebody can know that its pod has ended."""
    events = [(at, 1) for at in run.created.values()] + [(success.asked, -1) for success in run.succeeded.values()]
    highest = now = 0
    for _, change in sorted(events):
        now += change
        highest = max(highest, now)
    return highest


def test_loads_wait_until_there_is_room(arena: Arena) -> None:
    loads = [Load(f"p{i}", 1, (Task("t0", seconds=2),)) for i in range(3)]
    run = arena.ours_packed([(load, 1.0) for load in loads], room=2)
    first, second, third = (run.began[load.name] for load in loads)
    ends = [run.succeeded[load.name, "t0"].asked for load in loads]
    assert first < second < ends[0]
    assert third > min(ends[:2])


def test_an_idle_project_is_seen_to_cost_nothing(arena: Arena) -> None:
    namespace = arena.idle(Load("idle", 1, (Task("t0", seconds=3600),)))
    since = arena.position()
    arena.ours(DIAMOND)
    asked = arena.requests(since)
    assert any(request.is_write for request in asked)
    assert [request for request in asked if request.namespace == namespace] == []
