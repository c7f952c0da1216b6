"""What is tried: each fault by itself, two in one run, a second kill after a restart, a few of each in many tasks,
and one in each of many sequences of edits."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.controller.cluster import task
from tests.faults.editing import Edited
from tests.faults.frozen import Frozen
from tests.faults.graphs import Graph
from tests.faults.kinds import WRITE, is_write
from tests.faults.lab import Lab
from tests.faults.others import others
from tests.faults.plan import Action, Chance, Fault
from tests.faults.scenario import Outcome, run_one
from tests.faults.stepped import Stepped
from tests.faults.storm import Storm
from tests.faults.sweep import RESOURCES, SMALL, SMALL_STEPS, Case, Trial, cases
from tests.faults.without_crd import WithoutCrd

RATE = 0.02
"""Share of all requests and events of watches that go wrong in a run of ``Volume``."""
TASKS = 250
_VOLUME_SECONDS = 900
"""Some hundred faults in a run, of which most cost a second; on a busy machine several."""
PAIRS = 300
VOLUMES = 80
SEQUELS = 300
STEPPED = 200
FROZEN = 30
WITHOUT_CRD = 30
_KILLS = (Action.KILL_BEFORE, Action.KILL_AFTER)

Counts = Mapping[str, Mapping[str, int]]
"""Of each graph, how often each request came in a run without faults."""


def singles(counts: Counts, seed: int) -> Iterator[Case]:
    """Every fault by itself."""
    for name, counted in counts.items():
        yield from cases(name, counted)


def pairs(counts: Counts, seed: int) -> Iterator[Case]:
    """Two single faults at once, drawn from all there are."""
    chance = random.Random(seed)
    found = {name: list(cases(name, counts[name])) for name in (*SMALL, *SMALL_STEPS) if name in counts}
    for _ in range(PAIRS):
        name = chance.choice(sorted(found))
        some, other = chance.sample(found[name], 2)
        yield Case("pair", name, (*some.faults, *other.faults))


def killed_again(counts: Counts, seed: int) -> Iterator[Case]:
    """The operator is killed, and the next one as well: at each of its writes, once before and once after it."""
    for name, counted in counts.items():
        first = Fault(Action.KILL_AFTER, WRITE, max(1, counted[WRITE] // 3))
        for k in range(1, counted[WRITE] - first.nth + 1):
            for action in _KILLS:
                yield Case("killed-again", name, (first, Fault(action, WRITE, k)), in_turn=True)


@dataclass(frozen=True)
class Volume:
    """One run of many tasks in which a share of everything goes wrong."""

    seed: int
    kind: str = "volume"

    @property
    def graph(self) -> Graph:
        """Ten or so levels, of which the cap allows less than is ready; one task of twenty fails once."""
        chance = random.Random(self.seed)
        made = []
        for i in range(TASKS):
            near = range(max(0, i - 60), max(0, i - 20))
            parents = [f"t{j}" for j in chance.sample(near, min(len(near), 2))]
            fails = 1 if chance.random() < 0.05 else None
            made.append(task(f"t{i}", *parents, seconds=0.02 * (i % 4), fail_attempts=fails))
        return Graph("volume", made, 20)

    def run(self, lab: Lab, patch: str = "") -> Outcome:
        """Makes it."""
        return run_one(
            lab, self.graph, Chance(RATE, list(mixed()), self.seed), self.seed, patch=patch, seconds=_VOLUME_SECONDS
        )

    def took_place(self, outcome: Outcome) -> bool:
        """Whether anything went wrong."""
        return bool(outcome.fired)


def mixed() -> Iterator[Fault]:
    """One of everything that can go wrong: of a request, one that fits it is drawn."""
    writes = ("create-job", "patch-status", "create-event", "patch-job")
    assert all(is_write(kind) for kind in writes)
    for kind in writes:
        for action in (*_KILLS, Action.KILL_LATE, Action.DROP_BEFORE, Action.DROP_AFTER, Action.DOUBLE, Action.DELAY):
            yield Fault(action, kind)
        for status in (409, 429, 500, 503):
            yield Fault(Action.ANSWER, kind, status=status)
        yield Fault(Action.ANSWER_AFTER, kind, status=504)
    for resource in RESOURCES:
        event, watch, listing = f"event-of-{resource}", f"watch-{resource}", f"list-{resource}"
        for on in (event, watch):
            yield Fault(Action.DROP_BEFORE, on)
            yield Fault(Action.ANSWER, on, status=410)
            yield Fault(Action.DELAY, on, seconds=1)
        yield Fault(Action.END, event)
        yield Fault(Action.DOUBLE, event)
        yield Fault(Action.KILL_BEFORE, event)
        yield Fault(Action.ANSWER, listing, status=503)
        yield Fault(Action.DROP_AFTER, listing)
        yield Fault(Action.OLD, listing, seconds=1)


def volume(counts: Counts, seed: int) -> Iterator[Volume]:
    """Each another graph with other faults."""
    return (Volume(seed * VOLUMES + i) for i in range(VOLUMES))


def edits(counts: Counts, seed: int) -> Iterator[Edited]:
    """Specs that are edited while they run."""
    return (Edited(SEQUELS * (seed - 1) + i) for i in range(1, SEQUELS + 1))


def stepped(counts: Counts, seed: int) -> Iterator[Stepped]:
    """Projects with steps, gates and hooks."""
    return (Stepped(STEPPED * (seed - 1) + i) for i in range(1, STEPPED + 1))


def frozen(counts: Counts, seed: int) -> Iterator[Frozen]:
    """Leaders that stand still until another one leads, and then go on."""
    return (Frozen(FROZEN * (seed - 1) + i) for i in range(1, FROZEN + 1))


def without_crd(counts: Counts, seed: int) -> Iterator[WithoutCrd]:
    """The CRD goes in the middle, and comes back."""
    return (WithoutCrd(WITHOUT_CRD * (seed - 1) + i) for i in range(1, WITHOUT_CRD + 1))


def storms(counts: Counts, seed: int) -> Iterator[Storm]:
    """Everything at once, for minutes."""
    yield Storm(seed)


CAMPAIGNS: Mapping[str, Callable[[Counts, int], Iterable[Trial]]] = {
    "single": singles,
    "pairs": pairs,
    "again": killed_again,
    "volume": volume,
    "edits": edits,
    "stepped": stepped,
    "frozen": frozen,
    "others": others,
    "crd": without_crd,
    "storm": storms,
}
"""By name; each is given the counts and a seed."""
