"""The graphs that faults are tried on, and how each ends when nothing goes wrong."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from tests.argo.objects import CLUSTER_TEMPLATE
from tests.controller.cluster import Json, role, spec, task
from tests.faults.steps_and_hooks import fate, hook_runs, stepped_fields, through
from tests.kueue.queued import needs_cpu

ATTEMPTS = 3


@dataclass(frozen=True)
class Graph:
    """One graph."""

    name: str
    tasks: Sequence[Json]
    parallelism: int
    scheduling: str = "Graph"
    executor: str = "Job"
    queue: str = ""
    agents: str = ""
    """Whether the tasks are those of agents: ``git`` if their work lands, ``alone`` without a repository."""
    steps: Sequence[Json] = ()
    """What tasks go through; how their attempts end is in their parameter ``step_ends``."""
    hooks: Json = field(default_factory=dict)

    @property
    def spec(self) -> Json:
        """The spec of a project that runs it."""
        return spec(
            *self.tasks,
            parallelism=self.parallelism,
            scheduling=self.scheduling,
            failurePolicy="Continue",
            defaults={"maxAttempts": ATTEMPTS, **({"role": "coder"} if self.steps or self.hooks else {})},
            **_WORKFLOWS if self.executor == "Workflow" else {},
            **_in_queue(self.queue) if self.queue else {},
            **_AGENTS[self.agents],
            **stepped_fields(self.steps, self.hooks) if self.steps or self.hooks else {},
        )

    @cached_property
    def end(self) -> dict[str, tuple[str, int, int]]:
        """State, attempts and failures of each task at the end."""
        end: dict[str, tuple[str, int, int]] = {}
        for each in self.tasks:
            fails, costs = _fails(each), _costs(each)
            if any(end[parent][0] != "Succeeded" for parent in each.get("dependencies", ())):
                end[each["id"]] = ("Skipped", 0, 0)
            elif self.steps and each.get("steps") != []:
                end[each["id"]] = fate(each, self.steps, ATTEMPTS)
            elif costs and fails >= ATTEMPTS:
                end[each["id"]] = ("Failed", ATTEMPTS, ATTEMPTS)
            else:
                end[each["id"]] = ("Succeeded", fails + 1, fails if costs else 0)
        return end

    @property
    def jobs(self) -> int:
        """How many Jobs or Workflows it takes."""
        return sum(attempts for _, attempts, _ in self.end.values()) + len(self.hook_runs)

    @cached_property
    def hook_runs(self) -> list[tuple[str, int | str, str]]:
        """Each hook with its level or group and its end, in the order of the status."""
        return hook_runs(self.tasks, self.hooks, [task for task, (_, attempts, _) in self.end.items() if attempts])


_TEMPLATE = {"name": CLUSTER_TEMPLATE, "clusterScope": True}
_WORKFLOWS = {"executor": "Workflow", "roles": [{"name": "coder", "workflowTemplateRef": _TEMPLATE}]}


QUEUE = "team"
"""The LocalQueue of each namespace, where there are queues."""


def _in_queue(name: str) -> Json:
    return {"queueName": name, "roles": [needs_cpu(role())]}


def _fails(each: Json) -> int:
    """How many attempts of a task fail."""
    names = ("fail_attempts", "git_fail_attempts", "setup_fail_attempts")
    return max((int(p["value"]) for p in each.get("parameters", ()) if p["name"] in names), default=0)


def _costs(each: Json) -> bool:
    """Whether they count as failures."""
    return not any('"exitCode": 75' in str(p["value"]) for p in each.get("parameters", ()))


_AGENT = {"name": "coder", "agent": {"type": "ClaudeCode"}}
_AGENT_ROLE = {"roles": [_AGENT | {"podTemplate": {"spec": {"containers": [{"name": "agent", "image": "agent"}]}}}]}
_AGENTS: dict[str, Json] = {
    "": {},
    "git": _AGENT_ROLE | {"git": {"url": "https://git.example/acme/shop.git"}, "workspace": {"setup": ["npm", "ci"]}},
    "alone": _AGENT_ROLE,
}


def agents(where: str) -> Graph:
    """Agents that fail, meet a limit whose end is over, or have trouble with their provider, once or twice."""

    def ends(id: str, *after: str, outcome: str, code: int, attempts: int) -> Json:
        verdict = {"outcome": outcome, "reason": outcome, "exitCode": code, "message": "so it says", "resetAt": 1}
        message = json.dumps({"outcome": "Failed", "exitCode": code, "agent": verdict})
        wanted = {"git_exit_code": "26", "git_fail_attempts": str(attempts), "git_message": message}
        return task(id, *after, parameters=[{"name": name, "value": value} for name, value in wanted.items()])

    made = [
        task("a"),
        ends("b", "a", outcome="NoChange", code=1, attempts=1),
        ends("c", "a", outcome="RateLimited", code=75, attempts=1),
        ends("d", "a", outcome="Transient", code=75, attempts=1),
        ends("e", "b", outcome="TurnLimit", code=1, attempts=9),
        task("f", "e"),
        task("g", "c", "d", seconds=0.05),
    ]
    return Graph(f"agents-{where}", made, 3, agents=where)


def chain(length: int = 10) -> Graph:
    """Each task after the one before it."""
    return Graph("chain", [task(f"t{i}", *([f"t{i - 1}"] if i else [])) for i in range(length)], 4)


def diamonds(tasks: int = 30) -> Graph:
    """A row of diamonds, each with four tasks side by side, of which the cap allows three."""
    made = []
    for i in range(tasks):
        top, place = i - i % 5, i % 5
        parents = ([f"t{j}" for j in range(top - 4, top)] if top else []) if place == 0 else [f"t{top}"]
        made.append(task(f"t{i}", *parents, seconds=0.02 * (i % 3)))
    return Graph("diamonds", made, 3)


def failing(tasks: int = 50, seed: int = 4) -> Graph:
    """Some ten levels; eight tasks fail once, two twice, and two for good; some write the same files."""
    chance = random.Random(seed)
    fails = dict.fromkeys(chance.sample(range(tasks), 8), 1)
    fails |= dict.fromkeys(chance.sample(sorted(set(range(tasks)) - fails.keys()), 2), 2)
    fails |= {tasks // 2: 9, tasks - 6: 9}
    made = []
    for i in range(tasks):
        near = range(max(0, i - 12), max(0, i - 4))
        parents = [f"t{j}" for j in chance.sample(near, min(len(near), chance.choice((1, 1, 2))))]
        files = [f"src/{chance.randrange(8)}.py"] if chance.random() < 0.3 else []
        made.append(
            task(f"t{i}", *parents, seconds=round(chance.uniform(0, 0.1), 2), fail_attempts=fails.get(i), files=files)
        )
    return Graph("failing", made, 6)


def mixed(scheduling: str = "Graph") -> Graph:
    """Small: a little of everything, for faults that need many runs."""
    made = [
        task("a"),
        task("b", "a", seconds=0.05, files=["src/x.py"]),
        task("c", "a", fail_attempts=1),
        task("d", "a", seconds=0.05, files=["src/x.py"]),
        task("e", "a", seconds=0.1),
        task("f", "b", "c"),
        task("g", "d", fail_attempts=9),
        task("h", "g"),
        task("i", "e", "f", seconds=0.05),
        task("j", "e"),
    ]
    return Graph("mixed" if scheduling == "Graph" else f"mixed-{scheduling.lower()}", made, 3, scheduling)


def long() -> Graph:
    """Tasks that are still running when the next operator comes."""
    made = [task("a", seconds=3), task("b", seconds=3), task("c"), task("d", "a", seconds=1)]
    return Graph("long", made, 2)


def held() -> Graph:
    """Every attempt runs until it is released: for runs in which others act while a task is running."""
    made = [
        task("a", hold=True),
        task("b", "a", hold=True, files=["src/x.py"]),
        task("c", "a", hold=True, fail_attempts=1),
        task("d", "a", hold=True, files=["src/x.py"]),
        task("e", hold=True),
        task("f", "b", "c", hold=True),
        task("g", "d", hold=True, fail_attempts=9),
        task("h", "g", hold=True),
        task("i", "e", "f", hold=True),
    ]
    return Graph("held", made, 3)


REVIEW: Json = {"name": "review", "role": "reviewer", "gate": True, "maxRounds": 2}
FORMAT: Json = {"name": "format", "command": ["format"]}
TEST: Json = {"name": "test", "command": ["make", "test"], "gate": True, "maxRounds": 1}


def stepped() -> Graph:
    """Small: gates that accept, reject and never accept; steps that are killed, meet a conflict, or ask for later."""
    made = [
        task("a"),
        through(task("b", "a", files=["src/x.py"]), "review", ends={2: "rejected", 4: "rejected"}),
        through(task("c", "a", files=["src/x.py"]), "test", ends={2: "killed", 3: "conflict"}),
        through(task("d", "a"), "test", ends={2: "rejected", 4: "rejected"}),
        task("e", "d"),
        through(task("f", "a", files=["src/y.py"]), "test", ends={2: "killed", 3: "killed", 4: "killed"}),
        through(task("g", files=["src/y.py"], fail_attempts=1), "format", ends={}),
        task("h", "b", "c", steps=[]),
        through(task("i", "g"), "review", "format", "test", ends={3: "later", 6: "rejected", 7: "killed"}),
    ]
    return Graph("stepped", made, 3, steps=(REVIEW, FORMAT, TEST))


def gated() -> Graph:
    """Smaller: work that is changed after a gate, a gate that never accepts, and a step that fails for good."""
    made = [
        through(task("a", files=["src/x.py"]), "review", "format", "test", ends={}),
        through(task("b", files=["src/x.py"]), "review", ends={2: "rejected"}),
        through(task("c"), "test", ends={2: "rejected", 4: "rejected"}),
        through(task("d"), "test", ends={2: "killed", 3: "killed", 4: "killed"}),
        task("e", "a", steps=[]),
    ]
    return Graph("gated", made, 3, steps=(REVIEW, FORMAT, TEST))


def kept_files() -> Graph:
    """A task waits between two steps for the only reviewer, and another one wants its files meanwhile."""
    made = [
        through(task("a", seconds=2, files=["src/x.py"]), "review", ends={}),
        through(task("b", seconds=1.5), "review", ends={}),
        task("c", files=["src/x.py"], steps=[]),
    ]
    return Graph("kept-files", made, 3, steps=(REVIEW,))


def hook_beside() -> Graph:
    """A hook and a task that could both start."""
    made = [task("a", group="x"), task("b", seconds=0.5)]
    return Graph("hook-beside", made, 1, hooks={"beforeGroup": {}})


def hooked() -> Graph:
    """Levels and groups with hooks around them, some of which fail, and gates in them."""
    made = [
        task("a", group="x"),
        through(task("b", "a", group="x"), "test", ends={2: "rejected"}),
        task("c", "a", group="y", steps=[]),
        through(task("d", group="y"), "test", ends={2: "rejected", 4: "rejected"}),
        task("e", "d", group="z", steps=[]),
        task("f", "b", "c", steps=[], fail_attempts=1),
    ]
    hooks = {
        "beforeLevel": {}, "afterLevel": {"role": "broken"}, "beforeGroup": {"role": "broken"}, "afterGroup": {},
    }  # fmt: skip
    return Graph("hooked", made, 2, "Levels", steps=(TEST,), hooks=hooks)


GRAPHS = {graph.name: graph for graph in (chain(), diamonds(), failing(), mixed(), mixed("Levels"), long())}
WORKFLOW_GRAPHS = {f"workflow-{name}": replace(graph, executor="Workflow") for name, graph in GRAPHS.items()}
"""The same, whose tasks run as Workflows."""
QUEUE_GRAPHS = {f"queue-{name}": replace(graph, queue=QUEUE, parallelism=50) for name, graph in GRAPHS.items()}
"""The same in a queue, whose quota is what limits them."""
AGENT_GRAPHS = {graph.name: graph for graph in (agents("git"), agents("alone"))}
STEP_GRAPHS = {graph.name: graph for graph in (stepped(), gated(), kept_files(), hooked(), hook_beside())}
ALL_GRAPHS = AGENT_GRAPHS | GRAPHS | WORKFLOW_GRAPHS | QUEUE_GRAPHS | STEP_GRAPHS
