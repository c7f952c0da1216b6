"""Generated histories of a branch on which a check fails: what changed, who broke it, and what the check says."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from parallelproject.core.verification.failure_report import FailureReport
from parallelproject.core.verification.probe import LandedChange, Probe, ProbeOutcome
from parallelproject.core.verification.search import next_step
from parallelproject.core.verification.verdict import CulpritVerdict

FLAKE_RATE = 0.2
TASKS = 16


class Cause(StrEnum):
    """Who breaks the check."""

    ONE = "one"
    TWO = "two"
    """Two tasks, independent of each other."""
    PAIR = "pair"
    """Two tasks of which each passes alone."""


class Clarity(StrEnum):
    """What the output of the check names."""

    NAMED = "names it"
    """A file of each task that breaks something, or its test."""
    FAR = "names others"
    """Files of other tasks."""
    SILENT = "names nothing"


@dataclass(frozen=True)
class BrokenHistory:
    """Tasks that landed, and the truth about them."""

    changes: tuple[LandedChange, ...]
    faults: frozenset[frozenset[str]]
    report: FailureReport
    flake_rate: float = 0.0
    seed: int = 0
    conflicts: frozenset[int] = frozenset()
    """Positions of changes that git can neither pick nor revert alone."""

    def oracle(self) -> Callable[[Probe], ProbeOutcome]:
        """Runs the check on a probe: fails by the truth, and now and then without a reason."""
        chance = random.Random(self.seed)

        def verify(probe: Probe) -> ProbeOutcome:
            if self.conflicts & {*probe.without, *probe.also}:
                return ProbeOutcome.CONFLICT
            tasks = set(probe.tasks(self.changes))
            flake = chance.random() < self.flake_rate
            return ProbeOutcome.FAILED if flake or any(fault <= tasks for fault in self.faults) else ProbeOutcome.PASSED

        return verify


@dataclass
class Cost:
    """What a search took, and its end."""

    verdict: CulpritVerdict | None = None
    verifications: int = 0
    rounds: int = 0
    conflicts: int = 0
    """Probes that git could not build."""
    outcomes: dict[Probe, list[ProbeOutcome]] = field(default_factory=dict)

    def blames_right(self, history: BrokenHistory) -> bool:
        """Whether exactly the tasks that have to be repaired are found: of a pair, the later one."""
        order = {change.task: i for i, change in enumerate(history.changes)}
        later = {max(fault, key=order.__getitem__) for fault in history.faults}
        return self.verdict is not None and {*self.verdict.blamed} == later

    def is_right(self, history: BrokenHistory) -> bool:
        """Whether exactly the tasks that broke the check are found."""
        return self.verdict is not None and {frozenset(f.tasks) for f in self.verdict.faults} == history.faults


def history(
    seed: int, cause: Cause, clarity: Clarity, *, flaky: bool = False, conflicts: float = 0.0, tasks: int = TASKS
) -> BrokenHistory:
    """A history in which each task has a module and its test, and some tasks also change a common file."""
    chance = random.Random(f"{seed} {cause} {clarity} {flaky}")
    names = [f"t{i:02}" for i in range(1, tasks + 1)]
    chance.shuffle(names)
    changes = []
    for i, name in enumerate(names):
        folder = "abcd"[chance.randrange(4)]
        paths = [f"src/{folder}/part_{name}.py", f"tests/{folder}/test_part_{name}.py"]
        if chance.random() < 0.2:
            paths.append("src/common.py")
        size, retries = int(chance.lognormvariate(4, 1)), chance.choice([0, 0, 0, 1])
        changes.append(LandedChange(name, f"{i:040x}", tuple(paths), size, retries))
    guilty = chance.sample(names, 1 if cause is Cause.ONE else 2)
    faults = {frozenset(guilty)} if cause is Cause.PAIR else {frozenset({name}) for name in guilty}
    named = {
        Clarity.NAMED: guilty[:1] if cause is Cause.PAIR and chance.random() < 0.7 else guilty,
        Clarity.FAR: chance.sample([name for name in names if name not in guilty], min(2, tasks - len(guilty))),
        Clarity.SILENT: [],
    }[clarity]
    tests = {f"{change.paths[1]}::test_it" for change in changes if change.task in named}
    frames = {change.paths[0] for change in changes if change.task in named and chance.random() < 0.5}
    if clarity is not Clarity.SILENT:
        frames.add("src/common.py")
    stuck = frozenset(i + 1 for i in range(tasks) if chance.random() < conflicts)
    report = FailureReport(frozenset(tests), frozenset(frames))
    # Where tests have names, a flaky one counts only if it also failed both times on the commit that is searched.
    lies = flaky and (clarity is Clarity.SILENT or chance.random() < FLAKE_RATE**2)
    return BrokenHistory(tuple(changes), frozenset(faults), report, FLAKE_RATE if lies else 0.0, seed, stuck)


def search(history: BrokenHistory, slots: int, verify: Callable[[Probe], ProbeOutcome] | None = None) -> Cost:
    """Follows the search of the product to its verdict; the base has passed, and the tip has failed twice."""
    verify = verify or history.oracle()
    cost = Cost()
    failed = ProbeOutcome.FAILED
    known: dict[Probe, list[ProbeOutcome]] = {
        Probe(0): [ProbeOutcome.PASSED],
        Probe(len(history.changes)): [failed, failed],
    }
    while True:
        step = next_step(history.changes, history.report, known, slots)
        if isinstance(step, CulpritVerdict):
            cost.verdict = step
            cost.outcomes = known
            return cost
        assert 0 < len(step) <= slots
        done: list[tuple[Probe, ProbeOutcome]] = []
        while not isinstance(step, CulpritVerdict) and step:  # a conflict frees its slot at once, for another probe
            running = []
            for probe in step:
                outcome = verify(probe)
                if outcome is ProbeOutcome.CONFLICT:
                    known.setdefault(probe, []).append(outcome)
                    cost.conflicts += 1
                else:
                    running.append((probe, outcome))
            done += running
            if len(running) == len(step):
                break
            step = next_step(history.changes, history.report, known, slots, [probe for probe, _ in done])
        cost.rounds += bool(done)
        cost.verifications += len(done)
        for probe, outcome in done:
            known.setdefault(probe, []).append(outcome)
