"""Two operators, of which the one that leads stands still, as a machine does that is swapping or a process by SIGSTOP.

The other one takes over when the Lease is no longer good. Then the first goes on in the middle of what it was doing,
with all that it knew; then it is the other one that stands still. No law may be broken by it.
"""

import random
import time
from dataclasses import dataclass

from rig.deadline import until
from rig.errors import RigError
from tests.controller.cluster import task
from tests.faults.graphs import Graph
from tests.faults.lab import Election, Lab, Run
from tests.faults.plan import Action, Fault, Listed
from tests.faults.scenario import SECONDS, Outcome, compare, is_quiet, report, verdict, wait_end

LEASE_SECONDS = 3
TASKS = 40
TAKE_OVERS = 2
"""In each run: of either operator."""
_SETTLE_SECONDS = 120


@dataclass(frozen=True)
class Frozen:
    """One run."""

    seed: int
    kind: str = "frozen"

    @property
    def graph(self) -> Graph:
        """Always more ready than the cap allows; one task of eight fails once."""
        chance = random.Random(self.seed)
        made = []
        for i in range(TASKS):
            parents = [f"t{j}" for j in chance.sample(range(max(0, i - 16), i), min(i, 2))] if i >= 4 else []
            fails = 1 if chance.random() < 0.125 else None
            made.append(task(f"t{i}", *parents, seconds=0.1 * (i % 4), fail_attempts=fails))
        return Graph("frozen", made, 4)

    def run(self, lab: Lab, patch: str = "") -> Outcome:
        """Makes it."""
        chance = random.Random(self.seed)
        first, second = (Fault(Action.FREEZE, "write", chance.randint(*places)) for places in ((2, 40), (1, 30)))
        outcome = Outcome("frozen", f"{first}, then {second}", self.seed, tasks=self.graph.jobs)
        lease = f"frozen-{self.seed}"
        with (
            Run(lab, Listed((first,)), patch=patch, election=Election(lease, "a", LEASE_SECONDS)) as a,
            Run(
                lab, Listed((second,)), patch=patch, namespaces=(a.namespace.name,),
                election=Election(lease, "b", LEASE_SECONDS),
            ) as b,
        ):  # fmt: skip
            started = time.monotonic()
            a.start()
            until(lambda: lab.run(lab.holder(lease)) == "a", "the first to lead", seconds=_SETTLE_SECONDS)
            b.start()
            made = a.namespace.create(self.graph.spec)
            try:
                last = wait_end(a, seconds=SECONDS)
                outcome.seconds = time.monotonic() - started
                until(lambda: is_quiet(a) or is_quiet(b), "one of them to watch and be quiet", seconds=_SETTLE_SECONDS)
            except RigError as error:
                outcome.violations.append(f"stuck: {str(error).splitlines()[0]}")
                last = a.namespace.get()
            else:
                outcome.violations += compare(last, self.graph)
            a.traffic.uninvited |= b.traffic.uninvited
            outcome.violations += verdict(a, made, last)
            report(a, outcome, last)
            outcome.fired = outcome.fired + b.traffic.fired
            outcome.starts += b.starts
            outcome.tasks = self.graph.jobs
            outcome.taken_over = a.taken_over + b.taken_over
            expected = ("ended by itself with code 1", "LostLeaseError")  # so ends who has lost
            outcome.notes = [note for note in outcome.notes if not any(what in note for what in expected)]
            if outcome.violations:
                outcome.evidence += f"\n--- the other operator\n{b.output()[-6000:]}"
        return outcome

    def took_place(self, outcome: Outcome) -> bool:
        """Whether each stood still until the other led."""
        return outcome.taken_over == TAKE_OVERS
