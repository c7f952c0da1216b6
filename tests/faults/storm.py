"""Many projects at once, while for minutes nothing around them stands still: the operator is killed every few seconds,
and etcd, the API server and the controllers are restarted in turn. None may be stuck, and none doubled.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from parallelproject.kube.client import ApiError
from rig.errors import RigError
from tests.controller.audit import Json, history
from tests.controller.cluster import task
from tests.controller.laws import judge
from tests.faults.graphs import Graph
from tests.faults.lab import Lab, Run
from tests.faults.scenario import Outcome, compare, has_ended

KILL_SECONDS = 5.0
RESTART_SECONDS = 25.0
_WIDTH = 2
_TASK_SECONDS = 8.0
_STUCK_SECONDS = 300
"""When no task is seen to start or end for so long, nothing will. A busy machine takes long for all of them."""
_LONGEST_SECONDS = 3600


@dataclass(frozen=True)
class Storm:
    """One such time."""

    seed: int
    projects: int = 75
    seconds: float = 300.0
    levels: int = 12
    restart_seconds: float = RESTART_SECONDS
    kind: str = "storm"

    def graphs(self) -> list[Graph]:
        """Two tasks at a time, level by level; one task of ten fails once. They take about as long as the storm."""
        chance = random.Random(self.seed)
        found = []
        for _ in range(self.projects):
            made: list[Json] = []
            for i in range(self.levels * _WIDTH):
                level = i // _WIDTH
                above = [f"t{(level - 1) * _WIDTH + k}" for k in range(_WIDTH)] if level else []
                parents = chance.sample(above, chance.randint(1, len(above))) if above else []
                fails = 1 if chance.random() < 0.1 else None
                made.append(task(f"t{i}", *parents, seconds=_TASK_SECONDS, fail_attempts=fails))
            found.append(Graph("storm", made, _WIDTH))
        return found

    def run(self, lab: Lab, patch: str = "") -> Outcome:
        """Makes it."""
        graphs = self.graphs()
        outcome = Outcome("storm", f"{self.projects} projects, {self.seconds:g} s", self.seed)
        outcome.tasks = sum(graph.jobs for graph in graphs)
        with Run(lab, patch=patch) as run:
            made = [run.namespace.create(graph.spec, f"p{i}") for i, graph in enumerate(graphs)]
            began = time.monotonic()
            run.start()
            outcome.taken_over = _rage(run, began + self.seconds, self.restart_seconds)
            found = _wait_ends(run)
            if stuck := [project["metadata"]["name"] for project in found if not has_ended(project)]:
                outcome.violations.append(f"stuck: {', '.join(stuck)}")
            outcome.seconds = time.monotonic() - began
            events = run.events()
            by_name = {project["metadata"]["name"]: project for project in found}
            for i, graph in enumerate(graphs):
                breaches = compare(by_name[f"p{i}"], graph)
                breaches += judge(history(events, made[i]["metadata"]["uid"]), uninvited=run.traffic.uninvited)
                outcome.violations += [f"p{i}: {breach}" for breach in breaches]
            outcome.starts = run.starts
            outcome.notes = [f"{outcome.taken_over} restarts of etcd, the API server and the controllers"]
        return outcome

    def took_place(self, outcome: Outcome) -> bool:
        """Whether the operator and what it lives on were down again and again."""
        return outcome.starts > self.seconds / KILL_SECONDS / 2 and outcome.taken_over > 0


def _rage(run: Run, end: float, restart_seconds: float) -> int:
    """Kills and restarts until then; how often something else than the operator was restarted."""
    cluster = run.lab.cluster
    restarts = (cluster.restart_controllers, cluster.restart_etcd, cluster.restart_apiserver)
    next_kill, next_restart, count = time.monotonic() + KILL_SECONDS, time.monotonic() + restart_seconds, 0
    while time.monotonic() < end:
        wait = min(next_kill, next_restart, end) - time.monotonic()
        run.linger(max(0.0, wait))
        if time.monotonic() > next_kill:
            run.kill()
            next_kill = time.monotonic() + KILL_SECONDS
        if time.monotonic() > next_restart:
            restarts[count % len(restarts)]()
            count += 1
            next_restart = time.monotonic() + restart_seconds
    return count


def _wait_ends(run: Run) -> Sequence[Json]:
    """Waits until all have ended, or nothing goes on any more; all projects as they are then."""
    found: Sequence[Json] = []

    def is_news() -> bool:
        nonlocal found
        try:
            before, found = _stands(found), _all(run)
        except ApiError as error:
            if error.is_definite:
                raise
            return True  # a server without an answer says nothing of the projects
        return before != _stands(found) or all(map(has_ended, found))

    end = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < end and not (found and all(map(has_ended, found))):
        try:
            run.namespace.until(is_news, "any project to go on", seconds=_STUCK_SECONDS)
        except RigError:
            return found
    return found


def _stands(projects: Sequence[Json]) -> list[Json]:
    """Where all tasks stand."""
    return [project.get("status", {}).get("tasks", []) for project in projects]


def _all(run: Run) -> Sequence[Json]:
    """All projects as they are now."""
    found: list[Json] = run.namespace.client("GET", run.namespace.path())["items"]
    return found
