"""What somebody asks of a project in a cluster at 2 a.m., and what must be in the answer."""

import json
import secrets
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parallelproject.cli import main
from rig import ControlPlane
from rig.deadline import until
from tests.cli.conftest import Pproj
from tests.cli.questions.table import Question, check
from tests.cli.test_cluster import BUSY, BUSY_SPEC, manifest, operator, task

__all__ = ["operator"]
pytestmark = pytest.mark.cluster

GRAPH = {"scheduling": "Graph", "failurePolicy": "Continue"}
PROJECTS = {
    "failed": manifest("failed", task("schema"), task("bad", fails=9), task("e2e", "bad"), **GRAPH),
    "busy": manifest("busy", *BUSY, **BUSY_SPEC, **GRAPH),
    "levels": manifest("levels", task("a"), task("held", hold=True), task("b", "a")),
    "paused": manifest("paused", task("next"), suspend=True),
    "stopped": manifest("stopped", task("held", hold=True), task("after", "held"), **GRAPH),
    "overdue": manifest("overdue", task("held", hold=True), task("after", "held"), activeDeadlineSeconds=1, **GRAPH),
    "retried": manifest("retried", task("flaky", fails=1)),
    "skipping": manifest("skipping", task("bad", fails=9), task("after", "bad"), **GRAPH),
    "hanging": manifest("hanging", task("held", hold=True), task("after", "held"), **GRAPH),
    "cyclic": manifest("cyclic", task("a", "b"), task("b", "a")),
}
STAND = {
    "busy": {
        "flaky": "Backoff", "core": "Running", "review-a": "Running", "docs": "Running", "app": "WaitingForFiles",
        "review-b": "WaitingForRole", "extra": "WaitingForSlot", "after": "WaitingForDependencies",
    },
    "levels": {"a": "Succeeded", "held": "Running", "b": "WaitingForLevel"},
    "paused": {"next": "Suspended"},
    "failed": {"bad": "Failed", "schema": "Succeeded", "e2e": "Skipped"},
    "stopped": {"held": "Running"},
    "hanging": {"held": "Running"},
    "overdue": {"held": "Skipped", "after": "Skipped"},
    "retried": {"flaky": "Succeeded"},
    "skipping": {"bad": "Failed"},
}  # fmt: skip
NS = r" -n test-\w+"

QUESTIONS = [
    Question("is it running", "busy", "list", (r"^busy +Unknown +Running ", r"^failed +False +TasksFailed ")),
    Question("what failed", "failed", "get {}", (r"bad +Failed +ExitCode 1 +L0 +2 ", "1 failed", "1 succeeded")),
    Question(
        "why did it fail",
        "failed",
        "why {} bad",
        (
            "^bad: Failed, ExitCode$",
            "all 2 attempts failed",
            "e2e did not run because of it",
            rf"next: kubectl logs{NS} job/failed-bad-2-",
            rf"pproj retry{NS} failed bad$",
        ),
    ),
    Question(
        "why did that never run",
        "failed",
        "why {} e2e",
        (
            r"it depends on bad \(failed: exit code 1\)",
            rf"^next: pproj retry{NS} failed bad$",
        ),
    ),
    Question("has it succeeded", "failed", "wait {}", ("TasksFailed: 1 of 3 tasks succeeded; 1 failed: bad",), 1),
    Question("what if I mistype a task", "failed", "retry {} bda", ("failed has no task bda", 'did you mean "bad"'), 1),
    Question("can I retry what succeeded", "failed", "retry {} schema", ("schema has not failed: it is Succeeded",), 1),
    Question("can I skip what succeeded", "failed", "skip {} schema", ("schema has already succeeded",), 1),
    Question("which tasks am I to skip", "failed", "skip {}", ("no task is named",), 2),
    Question("what does this wait for", "busy", "why {} after", (r"it waits for core \(running for ",)),
    Question("why does that not start", "busy", "why {} extra", ("parallelism is 3 and all slots are held by core",)),
    Question("who has my file", "busy", "why {} app", (r"it writes src/app.py, which core \(running for .*\) writes",)),
    Question("why is nobody reviewing", "busy", "why {} review-b", ("role reviewer has maxConcurrent 1", "review-a")),
    Question(
        "when is it tried again",
        "busy",
        "why {} flaky",
        (
            r"attempt 1 failed \(exit code 1\)",
            "the next attempt starts at 20",
            rf"^next: kubectl logs{NS} job/busy-flaky-1-",
        ),
    ),
    Question(
        "how do I see it work", "busy", "why {} core", (rf"next: kubectl logs{NS} job/busy-core-1-\w+ -c task -f",)
    ),
    Question(
        "what has not printed anything",
        "busy",
        "logs {} after",
        (
            "after has not started, so it has no log: it is Pending, WaitingForDependencies",
            rf"^pproj why{NS} busy after says what it waits for$",
        ),
        1,
    ),
    Question("how long until I give up waiting", "busy", "wait {} --timeout 100ms", ("busy has not ended in time",), 2),
    Question(
        "why is the next level not started",
        "levels",
        "why {} b",
        (
            r"held \(running",
            "with scheduling Graph it could start now",
            rf"kubectl patch{NS} pproj levels",
        ),
    ),
    Question("why does nothing start", "paused", "why {} next", ("Suspended", rf"^next: pproj resume{NS} paused$")),
    Question("is it suspended already", "paused", "suspend {}", ("paused is already suspended",)),
    Question(
        "who stopped it",
        "stopped",
        "why {} held",
        (
            "the project was stopped while it was running",
            rf"^next: pproj retry{NS} stopped$",
        ),
    ),
    Question("is it stopped already", "stopped", "stop {}", ("stopped is already stopped",)),
    Question(
        "why was everything killed",
        "overdue",
        "why {} held",
        (r"the project's deadline \(1.0 s\) passed while it was running",),
    ),
    Question("can I retry after the deadline", "overdue", "retry {}", ("its deadline of 1 s is over",), 1),
    Question("did the retry help", "retried", "why {} flaky", ("^flaky: Succeeded$", "attempt 2 succeeded")),
    Question(
        "is there anything to retry", "retried", "retry {} --failed", ("retried has no failed task: nothing to retry",)
    ),
    Question(
        "what was skipped",
        "skipping",
        "why {} bad",
        (
            "^bad: Skipped, SkipRequested$",
            "what depends on it runs without it",
            rf"^next: pproj retry{NS} skipping bad$",
        ),
    ),
    Question(
        "does a skip count as success", "skipping", "wait {}", ("AllSucceeded: 1 of 2 tasks succeeded, 1 skipped by",)
    ),
    Question("is what hung gone", "hanging", "get {}", (r"held +Skipped +SkipRequested", r"after +Succeeded")),
    Question("why is it not accepted", "cyclic", "why {} a", ("not accepted", "cycle of 2: a → b → a")),
    Question(
        "what if I mistype the name", "", "get failet", ("there is no project failet", 'did you mean "failed"'), 1
    ),
]


@pytest.fixture(scope="module")
def options(control_plane: ControlPlane) -> Iterator[list[str]]:
    """The options that mean a namespace of this file's own."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.create_namespace(name)
    yield ["--kubeconfig", str(control_plane.kubeconfig), "-n", name]
    control_plane.delete_namespace(name)


@pytest.fixture(scope="module")
def night(
    control_plane: ControlPlane, options: list[str], operator: None, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], list[str]]:
    """All projects stand as the questions want them; gives the words of a command line."""
    folder: Path = tmp_path_factory.mktemp("night")

    def project(name: str) -> dict[str, Any]:
        shown = control_plane.kubectl("get", "pproj", name, "-n", options[-1], "-o", "json").stdout
        return dict(json.loads(shown))

    def rows(name: str) -> dict[str, set[str]]:
        found = project(name).get("status") or {}
        return {row["id"]: {row.get("state"), row.get("reason")} for row in found.get("tasks") or ()}

    def when(name: str, wanted: dict[str, str]) -> None:
        until(
            lambda: all(state in rows(name).get(task, ()) for task, state in wanted.items()),
            f"{name} to be {wanted}",
            seconds=120,
        )

    for name, text in PROJECTS.items():
        (folder / f"{name}.yaml").write_text(text)
        control_plane.kubectl("apply", "--server-side", "-n", options[-1], "-f", "-", input=text)
    for name, wanted in STAND.items():
        when(name, wanted)
    for command in (["stop", "stopped"], ["skip", "skipping", "bad"], ["skip", "hanging", "held"]):
        assert main.call([command[0], *options, *command[1:]]) == 0
    when("stopped", {"held": "Skipped"})
    when("skipping", {"bad": "SkipRequested", "after": "Succeeded"})
    when("hanging", {"held": "SkipRequested", "after": "Succeeded"})
    until(lambda: "conditions" in project("cyclic").get("status", {}), "a verdict", seconds=120)

    def words(line: str) -> list[str]:
        command, *rest = shlex.split(line)
        return [command, *options, *rest]

    return words


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
def test_it_is_answered(question: Question, night: Callable[[str], list[str]], pproj: Pproj) -> None:
    check(question, pproj(*night(question.command.format(question.state))))
