"""Projects with steps, gates and hooks that are drawn, each with a fault of the operator."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.controller.audit import Json
from tests.controller.cluster import task
from tests.controller.stepped_laws import OWN, StepOutcome, SteppedTask
from tests.faults.drawn import draw_fault
from tests.faults.graphs import ATTEMPTS, Graph
from tests.faults.lab import Lab
from tests.faults.scenario import Outcome, run_one
from tests.faults.steps_and_hooks import OUTCOMES, chosen_steps, through

_ENDS = {"": 14, "rejected": 6, "killed": 2, "later": 1, "conflict": 1}
"""How often attempts end so; most end well."""
_HOOKS = ("beforeLevel", "afterLevel", "beforeGroup", "afterGroup")


@dataclass(frozen=True)
class Stepped:
    """One run."""

    seed: int
    kind: str = "stepped"

    @property
    def graph(self) -> Graph:
        """Its project."""
        return drawn_project(self.seed)

    def run(self, lab: Lab, patch: str = "") -> Outcome:
        """Makes it."""
        _, faults = draw_fault(random.Random(self.seed))
        return run_one(lab, self.graph, faults, self.seed, patch=patch)

    def took_place(self, outcome: Outcome) -> bool:
        """Whether anything went wrong."""
        return bool(outcome.fired)


def drawn_project(seed: int) -> Graph:
    """Some tasks that go through some of up to three steps, in groups, with some hooks around these."""
    chance = random.Random(seed)
    steps = [_step(chance, name) for name in ("review", "format", "test")[: chance.randint(1, 3)]]
    chance.shuffle(steps)
    made: list[Json] = []
    for i in range(chance.randint(3, 6)):
        parents = [f"t{j}" for j in range(i) if chance.random() < 0.3]
        fields: Json = {"files": [f"src/{chance.randrange(2)}.py"]} if chance.random() < 0.4 else {}
        fields |= {"group": chance.choice("xy")} if chance.random() < 0.6 else {}
        fields |= {"fail_attempts": 1} if chance.random() < 0.1 else {}
        each = task(f"t{i}", *parents, **fields)
        if chance.random() < 0.8:
            names = [step["name"] for step in steps if chance.random() < 0.7]
            each = through(each, *names, ends=_ends(chance, {**each, "steps": names}, steps) if names else {})
        made.append(each)
    hooks: Json = {
        kind: {"role": chance.choice(("coder", "coder", "broken"))} for kind in _HOOKS if chance.random() < 0.5
    }
    scheduling = chance.choice(("Graph", "Levels"))
    return Graph(f"drawn {seed}", made, chance.randint(1, 3), scheduling, steps=tuple(steps), hooks=hooks)


def _step(chance: random.Random, name: str) -> Json:
    runner: Json = chance.choice(({"role": "reviewer"}, {"command": ["make", name]}))
    judges: Json = {"gate": True, "maxRounds": chance.randint(0, 2)}
    return {"name": name, **runner, **(judges if chance.random() < 0.7 else {})}


def _ends(chance: random.Random, made: Json, steps: Sequence[Json]) -> Mapping[int, str]:
    """How the attempts of a task end that do not end well, by their numbers."""
    life = SteppedTask(made["id"], chosen_steps(made, steps), ATTEMPTS)
    found: dict[int, str] = {}
    fails = next((int(p["value"]) for p in made.get("parameters", ()) if p["name"] == "fail_attempts"), 0)
    number, conflicts = 0, 0
    while not life.landed and not life.has_failed:
        number += 1
        step = life.next_step() or OWN
        end = "" if step == OWN or number <= fails else chance.choices(tuple(_ENDS), tuple(_ENDS.values()))[0]
        if (end == "rejected" and not life.is_gate(step)) or (end == "conflict" and conflicts):
            end = ""
        conflicts += end == "conflict"
        if end:
            found[number] = end
        outcome = StepOutcome.FAILED if number <= fails else OUTCOMES.get(end) or life.end_of(step)
        life.settle(step, number, outcome)
    return found
