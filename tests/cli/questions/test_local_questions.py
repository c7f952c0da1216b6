"""What somebody asks of a local run at 2 a.m., and what must be in the answer. All runs are real ones."""

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from parallelproject.cli import main
from parallelproject.local.read import is_active, read_run
from tests.cli.conftest import Pproj
from tests.cli.questions.table import Question, check
from tests.local.checkout import Checkout
from tests.local.runner import Started, until

COMMAND = """\
echo "working on $PPROJ_TASK_ID"
case $PPROJ_TASK_ID in
bad*) echo "no database at db:5432" >&2; exit 3 ;;
flaky*) [ "$PPROJ_ATTEMPT" -ge 2 ] || exit 4 ;;
held*) until [ -e "$GO" ]; do sleep 0.05; done ;;
writes*) until [ "$(ls "$BOTH" | wc -l)" -ge 2 ]; do : > "$BOTH/$PPROJ_TASK_ID"; sleep 0.05; done
  echo "by $PPROJ_TASK_ID" > shared.txt ;;
outside*) echo x > README ;;
esac
"""
NOW = {"defaults": {"maxAttempts": 1, "backoffSeconds": 0}}
GRAPH = {"scheduling": "Graph", "failurePolicy": "Continue", **NOW}


def task(id: str, *dependencies: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "title": f"The {id}", "dependencies": list(dependencies), **more}


RUNS: dict[str, dict[str, Any]] = {
    "failed": {
        "defaults": {"maxAttempts": 2, "backoffSeconds": 0},
        "tasks": [task("schema"), task("bad", "schema"), task("ui", "schema"), task("e2e", "bad", "ui")],
    },
    "busy": {
        **GRAPH,
        "defaults": {"backoffSeconds": 600},
        "parallelism": 3,
        "roles": [{"name": "coder"}, {"name": "reviewer", "maxConcurrent": 1}],
        "tasks": [
            task("flaky", role="coder", priority=9),
            task("held-core", role="coder", priority=8, files=["src/**"]),
            task("held-review", role="reviewer", priority=8),
            task("held-docs", role="coder", priority=8),
            task("app", role="coder", priority=7, files=["src/app.py"]),
            task("review", role="reviewer", priority=7),
            task("extra", role="coder"),
            task("after", "held-core", role="coder"),
        ],
    },
    "levels": {**NOW, "tasks": [task("a"), task("held"), task("b", "a")]},
    "paused": {**GRAPH, "parallelism": 1, "tasks": [task("held", priority=9), task("next")]},
    "cut-off": {**GRAPH, "tasks": [task("a"), task("held", "a")]},
    "late": {**GRAPH, "tasks": [task("held", activeDeadlineSeconds=1), task("after", "held")]},
    "overdue": {**GRAPH, "activeDeadlineSeconds": 1, "tasks": [task("held"), task("after", "held")]},
    "retried": {"defaults": {"maxAttempts": 2, "backoffSeconds": 0}, "tasks": [task("flaky")]},
    "stopped": {**GRAPH, "tasks": [task("held"), task("after", "held")]},
    "skipping": {**GRAPH, "tasks": [task("bad"), task("after", "bad")]},
    "recorded": {**GRAPH, "tasks": [task("bad")]},
    "merging": {
        **GRAPH,
        "conflicts": {"onMergeConflict": "Fail", "enforceFiles": True},
        "tasks": [
            task("writes-a", files=["shared.txt", "a"]),
            task("writes-b", files=["shared.txt", "b"]),
            task("outside", files=["src/**"]),
            task("idle"),
        ],
    },
}
RUNS["merging"]["conflicts"]["onFileOverlap"] = "Warn"

QUESTIONS = [
    # It failed.
    Question("what failed", "failed", "get {}", (r"bad +Failed +ExitCode 3 +L1 +2 ", "1 failed", "2 succeeded")),
    Question(
        "why did it fail",
        "failed",
        "why {} bad",
        (
            "^bad: Failed, ExitCode$",
            "all 2 attempts failed; the last one with exit code 3",
            "e2e did not run because of it",
            r"^next: pproj logs failed bad$",
            r"^      pproj run .*failed\.yaml",
        ),
    ),
    Question("what did it print", "failed", "logs {} bad", ("^working on bad$", "^no database at db:5432$")),
    Question("what did all that failed print", "failed", "logs {} --failed", (r"^bad \| no database at db:5432$",)),
    Question(
        "what did everything print", "failed", "logs {}", (r"^schema \| working on schema$", r"^ui \| working on ui$")
    ),
    Question(
        "why did that never run",
        "failed",
        "why {} e2e",
        (
            "^e2e: Skipped, DependencyFailed$",
            r"it depends on bad \(failed: exit code 3\)",
            "^next: pproj run",
        ),
    ),
    Question("has it succeeded", "failed", "wait {}", ("TasksFailed: 2 of 4 tasks succeeded; 1 failed: bad",), 1),
    Question("what if I mistype a task", "failed", "retry {} bda", ("failed has no task bda", 'did you mean "bad"'), 1),
    Question(
        "can I retry what succeeded",
        "failed",
        "retry {} ui",
        ("ui has not failed: it is Succeeded", "^failed: bad$"),
        1,
    ),
    Question(
        "what is where a task failed as JSON", "failed", "why {} bad -o json", ('"next": ', '"pproj logs failed bad"')
    ),
    # It runs, and something waits.
    Question("is it running", "busy", "list", (r"^busy +Unknown +Running ", r"^failed +False +TasksFailed ")),
    Question("what does this wait for", "busy", "why {} after", (r"it waits for held-core \(running for ",)),
    Question(
        "why does that not start, with its dependencies done",
        "busy",
        "why {} extra",
        (
            "WaitingForSlot",
            "parallelism is 3 and all slots are held by held-core",
        ),
    ),
    Question(
        "who has my file", "busy", "why {} app", (r"it writes src/app.py, which held-core \(running for .*\) writes",)
    ),
    Question("why is nobody reviewing", "busy", "why {} review", ("role reviewer has maxConcurrent 1", "held-review")),
    Question(
        "when is it tried again",
        "busy",
        "why {} flaky",
        (
            r"attempt 1 failed \(exit code 4\)",
            "the next attempt starts at 20",
            "^next: pproj logs busy flaky$",
        ),
    ),
    Question("what is it doing right now", "busy", "logs {} held-core", ("^working on held-core$",)),
    Question(
        "how do I see it work", "busy", "why {} held-core", ("is running since", "^next: pproj logs busy held-core -f$")
    ),
    Question(
        "what has not printed anything",
        "busy",
        "logs {} after",
        (
            "after has not started, so it has no log: it is Pending, WaitingForDependencies",
            "^pproj why busy after says what it waits for$",
        ),
        1,
    ),
    Question(
        "can I delete it",
        "busy",
        "delete {} --yes",
        ("busy is running: it is not deleted", "^pproj stop busy stops it$"),
        1,
    ),
    Question("how long until I give up waiting", "busy", "wait {} --timeout 100ms", ("busy has not ended in time",), 2),
    Question(
        "why is the next level not started",
        "levels",
        "why {} b",
        (
            "WaitingForLevel",
            r"held \(running",
            "with scheduling Graph it could start now",
        ),
    ),
    # Somebody has suspended, interrupted, stopped it.
    Question(
        "why does nothing start",
        "paused",
        "why {} next",
        (
            "next: Pending, Suspended",
            "the project is suspended",
            "^next: pproj resume paused$",
        ),
    ),
    Question("is it suspended", "paused", "get {}", (r"Suspended +True ",)),
    Question("is it suspended already", "paused", "suspend {}", ("paused is already suspended",)),
    Question(
        "the machine was off, what now",
        "cut-off",
        "get {}",
        (r"Interrupted", r"1/2 tasks succeeded; nothing runs \(pproj run "),
    ),
    Question(
        "what became of what ran",
        "cut-off",
        "why {} held",
        (
            "nothing runs: the run was interrupted",
            r"^next: pproj run .*cut-off\.yaml",
        ),
    ),
    Question("can I stop what does not run", "cut-off", "stop {}", ("nothing of cut-off is running",)),
    Question(
        "who stopped it",
        "stopped",
        "why {} held",
        ("the project was stopped while it was running", "^next: pproj run "),
    ),
    Question("why was it killed", "late", "why {} held", ("DeadlineExceeded", "^next: pproj logs late held$")),
    Question(
        "why was everything killed",
        "overdue",
        "why {} held",
        (r"the project's deadline \(1.0 s\) passed while it was running",),
    ),
    Question(
        "can I retry after the deadline",
        "overdue",
        "retry {}",
        (
            "overdue has no failed task; its deadline of 1 s is over",
            "raise spec.activeDeadlineSeconds",
        ),
        1,
    ),
    # It was helped along.
    Question("did the retry help", "retried", "why {} flaky", ("^flaky: Succeeded$", "attempt 2 succeeded")),
    Question("is there anything to retry", "retried", "retry {}", ("retried has no failed task: nothing to retry",)),
    Question(
        "what was skipped",
        "skipping",
        "why {} bad",
        (
            "^bad: Skipped, SkipRequested$",
            "what depends on it runs without it",
            "^next: pproj retry skipping bad$",
        ),
    ),
    Question(
        "does a skip count as success",
        "skipping",
        "wait {}",
        ("AllSucceeded: 1 of 2 tasks succeeded, 1 skipped by request",),
    ),
    Question(
        "does the retry run already",
        "recorded",
        "retry {} bad",
        (
            "recorded: 1 task to run again: bad",
            "recorded is not running, so this takes effect when it is started again",
            r"^next: pproj run .*recorded\.yaml",
        ),
    ),
    # Its work did not land.
    Question("who was in conflict", "merging", "get {}", (r"writes-[ab] +Failed +Conflict",)),
    Question(
        "why was it refused",
        "merging",
        "why {} outside",
        ("outside: Failed, Policy", "^next: pproj logs merging outside$"),
    ),
    Question("what exactly was refused", "merging", "logs {} outside", ("UndeclaredFile|README",)),
    Question(
        "did it change anything",
        "merging",
        "why {} idle",
        ("^idle: Succeeded$", "changed nothing|without a commit|no commit"),
    ),
    # Which one?
    Question("which one is meant", "", "get", ("there are several local runs: ", "give the NAME of one"), 2),
    Question(
        "what if I mistype the name", "", "logs failet", ("there are several local runs: ", "give the NAME of one"), 2
    ),
]


class Night:
    """A folder with all the runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.go = folder / "go"
        self.started: dict[str, Started] = {}
        (folder / "both").mkdir()
        (folder / "command.sh").write_text(COMMAND)
        self.checkout = Checkout(folder)

    def pproj(self, *words: str) -> Started:
        """The command in a process of its own."""

        def body() -> int:
            os.chdir(self.folder)
            sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1, closefd=False)
            os.environ |= {
                "GO": str(self.go),
                "BOTH": str(self.folder / "both"),
                "XDG_STATE_HOME": f"{self.folder}/home",
            }
            os.environ.pop("KUBECONFIG", None)
            sys.argv = ["pproj", *words]
            return main.call(list(words))

        return Started(body, None)

    def run(self, name: str) -> Started:
        file = self.folder / f"{name}.yaml"
        kind = {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": name}}
        file.write_text(yaml.safe_dump({**kind, "spec": RUNS[name]}))
        more = ["--repo", str(self.checkout.path)] if name == "merging" else []
        command = f"sh {shlex.quote(str(self.folder / 'command.sh'))}"
        self.started[name] = self.pproj("run", str(file), "--command", command, *more)
        return self.started[name]

    def state(self, name: str) -> dict[str, str]:
        """By task, its state, or the reason of one that waits."""
        found = read_run(self.folder / ".pproj" / name) or {}
        rows = found.get("status", {}).get("tasks", ())
        return {row["id"]: row.get("reason", "") if row["state"] == "Pending" else row["state"] for row in rows}

    def when(self, name: str, **states: str) -> None:
        wanted = {task.replace("_", "-"): state for task, state in states.items()}
        until(lambda: wanted.items() <= self.state(name).items(), what=f"{name} to be {wanted}")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """All runs stand as the questions want them."""
    found = Night(tmp_path_factory.mktemp("night"))
    try:
        prepare(found)
        yield found
    finally:
        found.go.touch()
        for started in found.started.values():
            if started.poll() is None:
                started.signal(signal.SIGINT)
                started.finish(None)


def prepare(night: Night) -> None:
    for name in RUNS:
        night.run(name)
    for name, code in (("failed", 1), ("late", 1), ("overdue", 1), ("retried", 0), ("recorded", 1), ("merging", 1)):
        night.started[name].finish(code)
    night.started["skipping"].finish(1)
    night.pproj("skip", "skipping", "bad").finish(0)
    night.run("skipping").finish(0)
    night.when("paused", held="Running")
    night.pproj("suspend", "paused").finish(0)
    night.when("cut-off", held="Running")
    night.started["cut-off"].kill()
    until(lambda: not is_active(night.folder / ".pproj" / "cut-off"), what="the end of all that ran")
    night.when("stopped", held="Running")
    night.pproj("stop", "stopped").finish(0)
    night.started["stopped"].finish(1)
    night.when("busy", flaky="Backoff", extra="WaitingForSlot", after="WaitingForDependencies", held_docs="Running")
    night.when("levels", held="Running", a="Succeeded", b="WaitingForLevel")
    night.when("paused", next="Suspended")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
def test_it_is_answered(question: Question, night: Night, pproj: Pproj, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(night.folder)
    result = pproj(*shlex.split(question.command.format(question.state)))
    check(question, result)
    if question.state and question.command != "list":
        assert f"local run .pproj/{question.state}\n" in result.err
