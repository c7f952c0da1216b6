"""Runs in which other actors act on the objects of the project, with and without a fault of the operator."""

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from rig.errors import RigError
from tests.controller.audit import Json
from tests.controller.cluster import rows
from tests.faults import scenario
from tests.faults.actors import ACTORS, Scene, disturb
from tests.faults.drawn import draw_fault
from tests.faults.graphs import WORKFLOW_GRAPHS, held
from tests.faults.lab import Lab, Run
from tests.faults.plan import Listed
from tests.faults.scenario import SECONDS, Outcome, report, wait_end
from tests.faults.workflow_actors import WORKFLOW_ACTORS, WorkflowScene

ACTS = 6
RUNS = 8
"""Of each actor in a campaign, and of all together."""
ALL = "all"


@dataclass(frozen=True)
class Disturbed:
    """One run: its moments, its fault and what is acted on follow from the seed."""

    actor: str
    seed: int
    workflows: bool = False
    """Whether tasks are Workflows."""

    @property
    def kind(self) -> str:
        """The class in the campaign's table."""
        return f"others-{self.actor}"

    def run(self, lab: Lab, patch: str = "", seconds: float = SECONDS) -> Outcome:
        """Makes it; each second one has a fault of the operator as well."""
        graph, chance = held(), random.Random(self.seed)
        faults = draw_fault(chance)[1] if self.seed % 2 else ()
        known, make_scene = (WORKFLOW_ACTORS, WorkflowScene) if self.workflows else (ACTORS, Scene)
        if self.workflows:
            graph = replace(graph, name="workflow-held", executor="Workflow")
        actors = [make() for name, make in known.items() if self.actor in (name, ALL)]
        outcome = Outcome(f"{graph.name}, {self.actor}", ", ".join(map(str, faults)), self.seed, tasks=graph.jobs)
        with Run(lab, Listed(faults), patch=patch) as run:
            scene = make_scene(run, graph, self.seed)
            scene.create()
            began = time.monotonic()
            run.start()
            try:
                done = disturb(scene, actors, ACTS)
                outcome.faults = "; ".join(filter(None, [outcome.faults, *done]))
                outcome.disturbances = len(done)
                last = wait_end(run, seconds=seconds)
                scenario.wait_quiet(run)
            except RigError as error:
                outcome.violations.append(f"stuck: {str(error).splitlines()[0]}")
                last = run.namespace.get()
            else:
                outcome.violations += compare(last, scene)
            outcome.seconds = time.monotonic() - began
            allowed = {code for actor in actors for code in actor.refused}
            outcome.violations += scenario.verdict(run, scene.made[-1], last, allowed, may_restore=True)
            report(run, outcome, last)
        return outcome

    def took_place(self, outcome: Outcome) -> bool:
        """Whether anybody did anything."""
        return outcome.disturbances > 0


def compare(project: Json, scene: Scene) -> list[str]:
    """What at the end is not as it is without the acts: they may cost attempts, as many as were noted."""
    found = []
    rows_now = rows(project)
    for task, (state, attempts, failures) in scene.graph.end.items():
        row, more = rows_now.get(task, {}), scene.lost[task]
        ended = (row.get("state"), row.get("attempts", 0), row.get("failures", 0))
        if ended[0] != state or not 0 <= ended[1] - attempts <= more or not 0 <= ended[2] - failures <= more:
            found.append(f"{task} ended as {ended}, not as {(state, attempts, failures)} with up to {more} more")
    return found


def others(counts: Mapping[str, Mapping[str, int]], seed: int) -> Iterator[Disturbed]:
    """Each actor by itself, and all together."""
    workflows = any(name in WORKFLOW_GRAPHS for name in counts)
    names = (*(WORKFLOW_ACTORS if workflows else ACTORS), ALL)
    return (Disturbed(name, RUNS * seed + i, workflows) for name in names for i in range(RUNS))
