"""Steps of tasks on fake nodes: their pods run until a test has them report, as real ones would."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from parallelproject.git.plumbing.outcome import GATE_REJECTED
from tests.controller.cluster import LABEL, Json, Namespace, task
from tests.controller.pod_ends import end_pod

GIT: Json = {"url": "https://git.example/acme/shop.git", "credentialsSecretRef": {"name": "shop-git"}}


class At(NamedTuple):
    """An attempt at a step."""

    task: str
    number: int
    step: str
    round: int

    def __str__(self) -> str:
        return f"{self.task}{self.number} {self.step}".strip()


class End(NamedTuple):
    """How a pod ends."""

    code: int
    """Of the command."""
    git: int
    """Of the container that lands the work."""
    message: str


def well(pod: Json) -> End:
    """A command that ends well: its work is held, or judged to be good, or lands."""
    asked = instruction(pod)
    step = asked.get("step")
    if step is None or step["last"] or step["onlyLands"]:
        return End(0, 0, json.dumps({"outcome": "Landed", "commit": "c" * 40}))
    own = json.dumps(["answer", f"of {asked['attempt']}"])
    said = json.dumps({"outcome": "Passed" if step["gate"] else "Held"})
    return End(0, 0, said if step["name"] else f"{said}\n{own}")


def rejected(report: str, code: int = 1) -> End:
    """A gate that rejects the work."""
    said = {"outcome": "Rejected", "exitCode": code, "message": f"it rejected the work with exit code {code}"}
    return End(code, GATE_REJECTED, f"{json.dumps(said)}\n{report}")


def killed() -> End:
    """A command that was killed, which is no verdict."""
    return End(137, 0, json.dumps({"outcome": "Failed", "exitCode": 137}))


def conflict() -> End:
    """Work that did not merge."""
    return End(0, 20, json.dumps({"outcome": "Conflict", "paths": ["x"]}))


class Steps:
    """The attempts of one project."""

    def __init__(self, ns: Namespace, ends: Callable[[At], End | None] = lambda at: None, name: str = "p") -> None:
        """Prepares it.

        Args:
            ns: Where.
            ends: How an attempt ends; None: well.
            name: The project.
        """
        self.ns, self.ends, self.name = ns, ends, name
        self.answered: list[str] = []

    def wait(self, wanted: Callable[[Json], object], what: str) -> Json:
        """Lets attempts end until the project is as wanted; the project then."""

        def found(project: Json) -> bool:
            self.answer()
            return bool(wanted(project))

        return self.ns.wait(found, what, self.name)

    def running(self) -> list[Json]:
        """The pods of attempts that have not ended."""
        return self.ns.held(self.name)

    def answer(self) -> None:
        """Lets all attempts end that run."""
        for pod in self.running():
            self.end(pod, self.ends(at_of(pod)) or well(pod))

    def end(self, pod: Json, end: End) -> None:
        """Ends a pod."""
        if end_pod(self.ns, pod, end.code, {"git": (end.git, end.message), "prepare": (0, "")}):
            self.answered.append(str(at_of(pod)))


def at_of(obj: Json) -> At:
    """The attempt that a pod or a Job is."""
    labels, template = obj["metadata"]["labels"], obj["spec"].get("template", obj)
    env = {each["name"]: each.get("value", "") for each in template["spec"]["containers"][0]["env"]}
    step = labels.get(f"{LABEL}/step", "")
    return At(labels[f"{LABEL}/task"], int(labels[f"{LABEL}/attempt"]), step, int(env["PPROJ_ROUND"]))


def instruction(obj: Json) -> Json:
    """What the container is told that lands the work of a pod or a Job."""
    template = obj["spec"].get("template", obj)
    found: Json = json.loads(template["metadata"]["annotations"][f"{LABEL}/delivery"])
    return found


def feedback(obj: Json) -> str:
    """What an attempt reads of those before."""
    template = obj["spec"].get("template", obj)
    return str(template["metadata"]["annotations"].get(f"{LABEL}/feedback", ""))


def held_task(id: str, *dependencies: str, **fields: Any) -> Json:
    """A task whose attempts run until a test has them report."""
    return task(id, *dependencies, hold=True, **fields)
