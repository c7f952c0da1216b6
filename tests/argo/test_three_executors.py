"""One project by three executors: Jobs, Workflows, and processes on this machine. The same decisions in the same order.

Every attempt is held until the test releases it, so each release is one step, and what runs after it is one decision.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
import yaml

from parallelproject.local.read import read_run
from tests.argo.project import TEMPLATE, WorkflowNamespace
from tests.argo.standin import RELEASE
from tests.controller.cluster import Json, role, rows, spec, task
from tests.local.runner import Runner, until

pytestmark = pytest.mark.cluster

TASKS = [
    task("a", hold=True, priority=1),
    task("b", hold=True),
    task("c", "a", "d", hold=True),
    task("d", "a", hold=True, fail_attempts=1, exit_code=4),
    task("e", "b", "c", hold=True, files=["src/x.py"]),
    task("f", "d", hold=True, files=["src/x.py"], priority=5),
    task("g", "e", hold=True, fail_attempts=9, exit_code=3),
    task("h", "g", hold=True),
]
FIELDS = {"scheduling": "Graph", "parallelism": 2, "failurePolicy": "Continue", "defaults": {"maxAttempts": 2}}
STEPS = [
    ("", {"a1", "b1"}),
    ("a1", {"b1", "d1"}),
    ("d1", {"b1", "d2"}),  # it failed, and runs again
    ("d2", {"b1", "f1"}),  # f goes before c
    ("b1", {"c1", "f1"}),
    ("c1", {"f1"}),  # e writes what f writes
    ("f1", {"e1"}),
    ("e1", {"g1"}),
    ("g1", {"g2"}),
    ("g2", set()),
]
"""What is released, and what runs after that."""
OUTCOME = {
    "a": ("Succeeded", 1, None), "b": ("Succeeded", 1, None), "c": ("Succeeded", 1, None), "d": ("Succeeded", 2, None),
    "e": ("Succeeded", 1, None), "f": ("Succeeded", 1, None), "g": ("Failed", 2, 3), "h": ("Skipped", 0, None),
}  # fmt: skip


def _with(made: Json, **values: object) -> Json:
    """A task with further parameters."""
    more = [
        {"name": name, **(value if isinstance(value, dict) else {"value": value})} for name, value in values.items()
    ]
    return {**made, "parameters": [*made.get("parameters", ()), *more]}


def _taken(output: str) -> Json:
    return {"valueFrom": {"task": "scan", "output": output}}


def _severity(operator: str) -> Json:
    return {"task": "scan", "output": "severity", "operator": operator, "values": ["high"]}


CONDITIONAL = [
    _with(task("scan", hold=True, priority=9), puts='{"severity": "low"}'),
    task("tests", hold=True, fail_attempts=9, exit_code=3),
    _with(task("deploy", "scan", hold=True, when=[_severity("NotIn")]), level=_taken("severity")),
    task("alarm", "scan", hold=True, when=[_severity("In")]),
    task("rescue", "tests", hold=True, when=[{"task": "tests", "is": "Failed"}], priority=5),
    task("report", "alarm", "deploy", hold=True, priority=1),
    task("after", "rescue", hold=True),
    _with(task("lacks", "scan", hold=True), level=_taken("nothing")),
    task("ship", "tests", hold=True),
]
CONDITIONAL_STEPS = [
    ("", {"scan1", "tests1"}),
    ("scan1", {"deploy1", "tests1"}),
    ("tests1", {"deploy1", "rescue1"}),
    ("deploy1", {"report1", "rescue1"}),
    ("rescue1", {"report1", "after1"}),
    ("report1", {"after1"}),
    ("after1", set()),
]
CONDITIONAL_OUTCOME = {
    "scan": ("Succeeded", 1, None), "tests": ("Failed", 1, 3), "deploy": ("Succeeded", 1, None),
    "alarm": ("Skipped", 0, None), "rescue": ("Succeeded", 1, None), "report": ("Succeeded", 1, None),
    "after": ("Succeeded", 1, None), "lacks": ("Failed", 0, None), "ship": ("Skipped", 0, None),
}  # fmt: skip
_STAGES = Path(__file__).parents[2] / "manifests/examples/eleven-stages.yaml"
ELEVEN = [
    _with(task(made["id"], *made.get("dependencies", ()), hold=True, when=made.get("when", [])), review="full")
    for made in yaml.safe_load(_STAGES.read_text())["spec"]["tasks"]
]
ELEVEN_STEPS = [
    ("", {"research1"}),
    ("research1", {"critique1"}),
    ("critique1", {"backend1", "frontend1"}),
    ("frontend1", {"backend1"}),
    ("backend1", {"backend-qa1", "frontend-qa1"}),
    ("backend-qa1", {"frontend-qa1"}),
    ("frontend-qa1", {"performance1", "security1"}),
    ("performance1", {"security1"}),
    ("security1", {"statistics1"}),
    ("statistics1", {"devops1"}),
    ("devops1", {"documentation1"}),
    ("documentation1", set()),
]
COMMAND = """
fifo="$HELD/$PPROJ_TASK_ID$PPROJ_ATTEMPT"
[ -z "$PPROJ_PARAM_PUTS" ] || echo low > "$PPROJ_OUTPUTS/severity"
[ "$PPROJ_TASK_ID" != deploy ] || [ "$PPROJ_PARAM_LEVEL" = low ] || exit 9
mkfifo "$fifo.new" && mv "$fifo.new" "$fifo" && cat "$fifo" && rm "$fifo"
[ "$PPROJ_ATTEMPT" -gt "${PPROJ_PARAM_FAIL_ATTEMPTS:-0}" ] || exit "$PPROJ_PARAM_EXIT_CODE"
"""


class Ended(NamedTuple):
    """How a task ended."""

    state: str
    attempts: int
    code: int | None


class Stage(Protocol):
    """Where the project runs."""

    def held(self) -> set[str]:
        """The attempts that run, as in ``a1``."""

    def release(self, attempt: str) -> None:
        """Lets one end."""

    def outcome(self) -> dict[str, Ended]:
        """How the tasks ended; waits for the end."""


class Cluster:
    """A namespace, where attempts are objects of one kind."""

    def __init__(
        self, ns: WorkflowNamespace, objects: Callable[[], list[Json]], is_held: Callable[[Json], bool]
    ) -> None:
        self._ns = ns
        self._objects = objects
        self._is_held = is_held

    def _running(self) -> dict[str, Json]:
        found = [each for each in self._objects() if self._is_held(each)]
        return {_attempt(each): each for each in found}

    def held(self) -> set[str]:
        return set(self._running())

    def release(self, attempt: str) -> None:
        found = self._running()[attempt]
        if found.get("kind") == "Workflow":
            self._ns.change(found, {"metadata": {"annotations": {RELEASE: "true"}}})
        else:
            assert self._ns.release_pods([found])

    def outcome(self) -> dict[str, Ended]:
        return _ends(rows(self._ns.wait_end()))


class Machine:
    """A run on this machine, where attempts are processes."""

    def __init__(self, runner: Runner, folder: Path) -> None:
        self._folder = folder
        self._runner = runner
        self._started = runner.start()

    def held(self) -> set[str]:
        return {file.name for file in self._folder.iterdir() if file.suffix != ".new"}

    def release(self, attempt: str) -> None:
        os.close(os.open(self._folder / attempt, os.O_WRONLY))

    def outcome(self) -> dict[str, Ended]:
        self._started.finish(None)
        run = read_run(self._runner.state)
        assert run is not None
        return _ends(rows(run))


def _ends(found: dict[str, Json]) -> dict[str, Ended]:
    return {i: Ended(row["state"], row.get("attempts", 0), row.get("exitCode")) for i, row in found.items()}


def _attempt(obj: Json) -> str:
    labels = obj["metadata"]["labels"]
    return f"{labels['parallelproject.io/task']}{labels['parallelproject.io/attempt']}"


def _is_running(workflow: Json) -> bool:
    is_released = RELEASE in workflow["metadata"].get("annotations", {})
    return (workflow.get("status") or {}).get("phase") == "Running" and not is_released


@contextmanager
def stage(
    executor: str, ns: WorkflowNamespace, tmp_path: Path, patch: pytest.MonkeyPatch, tasks: list[Json], **more: Json
) -> Iterator[Stage]:
    """The project, running."""
    fields = FIELDS | more
    if executor == "Job":
        ns.create(spec(*tasks, **fields, roles=[role()]))
        yield Cluster(ns, ns.held, lambda pod: True)
    elif executor == "Workflow":
        ns.create(spec(*tasks, **fields, roles=[TEMPLATE], executor="Workflow"))
        yield Cluster(ns, ns.workflows, _is_running)
    else:
        held = tmp_path / "held"
        held.mkdir()
        patch.setenv("HELD", str(held))
        fields = {**fields, "defaults": {"backoffSeconds": 0, **fields["defaults"]}}
        yield Machine(Runner(tmp_path, {"tasks": tasks, **fields}, COMMAND), held)


EXECUTORS = pytest.mark.parametrize("executor", ["Job", "Workflow", "processes"])


@EXECUTORS
def test_each_executor_takes_the_same_decisions_in_the_same_order(
    executor: str, ns: WorkflowNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage(executor, ns, tmp_path, monkeypatch, TASKS) as running:
        take(running, STEPS)
        assert running.outcome() == OUTCOME


def take(running: Stage, steps: list[tuple[str, set[str]]]) -> None:
    """Releases attempts one by one, and waits for what each decision starts."""
    for released, expected in steps:
        if released:
            running.release(released)
        until(lambda expected=expected: running.held() == expected, what=f"{expected} after {released}")


@EXECUTORS
def test_each_executor_decides_the_same_on_conditions_and_outputs(
    executor: str, ns: WorkflowNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage(executor, ns, tmp_path, monkeypatch, CONDITIONAL, defaults={"maxAttempts": 1}) as running:
        take(running, CONDITIONAL_STEPS)
        assert running.outcome() == CONDITIONAL_OUTCOME


@EXECUTORS
def test_each_executor_runs_the_eleven_stages_of_a_feature_side_by_side(
    executor: str, ns: WorkflowNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage(executor, ns, tmp_path, monkeypatch, ELEVEN, scheduling="Levels", parallelism=4) as running:
        take(running, ELEVEN_STEPS)
        assert running.outcome() == {made["id"]: Ended("Succeeded", 1, None) for made in ELEVEN}
