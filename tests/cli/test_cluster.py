"""The commands for a cluster, against a real API server and a real operator on fake nodes."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rig import ControlPlane
from rig.deadline import until

from .conftest import Pproj, Result

pytestmark = pytest.mark.cluster
BIN = Path(sys.executable).parent
RELEASE = "rig.parallelproject.io/release"


def task(id: str, *dependencies: str, hold: bool = False, fails: int = 0, **more: Any) -> dict[str, Any]:
    """A task; its fake pod runs until ``release``, or is over at once, and fails so many times."""
    parameters = [
        {"name": "hold_attempts", "value": "9" if hold else "0"},
        {"name": "fail_attempts", "value": str(fails)},
    ]
    return {"id": id, "dependencies": list(dependencies), "parameters": parameters, **more}


def manifest(name: str, *tasks: dict[str, Any], **spec: Any) -> str:
    template = {"spec": {"containers": [{"name": "task", "image": "none", "command": ["true"]}]}}
    roles = [
        {"name": "coder", "podTemplate": template},
        {"name": "reviewer", "maxConcurrent": 1, "podTemplate": template},
    ]
    body = {"roles": roles, "defaults": {"role": "coder", "backoffSeconds": 0} | spec.pop("defaults", {}), **spec}
    return yaml.safe_dump({
        "apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": name},
        "spec": {**body, "tasks": list(tasks)},
    })  # fmt: skip


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane) -> Iterator[None]:
    """The operator as a process, for all namespaces."""
    ports = ["--health-port", "0", "--metrics-port", "0"]
    command = [BIN / "pproj", "controller", "--kubeconfig", control_plane.kubeconfig, *ports]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield
        process.terminate()


Call = Callable[..., Result]


@pytest.fixture
def call(pproj: Pproj, control_plane: ControlPlane, namespace: str) -> Call:
    """``pproj`` in the test's own namespace."""

    def run(command: str, *arguments: object, **more: Any) -> Result:
        return pproj(command, "--kubeconfig", control_plane.kubeconfig, "-n", namespace, *arguments, **more)

    return run


@pytest.fixture
def submit(call: Call, tmp_path: Path) -> Callable[..., Result]:
    def run(name: str, *tasks: dict[str, Any], options: tuple[str, ...] = (), **spec: Any) -> Result:
        file = tmp_path / f"{name}.yaml"
        file.write_text(manifest(name, *tasks, **spec))
        return call("submit", file, *options)

    return run


def rows(call: Call, name: str) -> dict[str, dict[str, Any]]:
    found = call("get", name, "-o", "json")
    assert found.code == 0, found.err
    status = found.json.get("status") or {}
    return {row["id"]: row for row in status.get("tasks") or ()}


def when(call: Call, name: str, expected: dict[str, str]) -> None:
    """Waits until these tasks stand so: ``Running``, or a reason of Pending."""

    def there() -> bool:
        found = rows(call, name)
        return all(
            want in (found.get(t, {}).get("state"), found.get(t, {}).get("reason")) for t, want in expected.items()
        )

    until(there, f"{name} to be {expected}", seconds=90)


# The life of a project.


def test_a_project_from_submit_to_delete(call: Call, submit: Callable[..., Result], operator: None):
    result = submit("life", task("a"), task("b", "a", title="The second"), options=("--wait", "--timeout", "240s"))
    assert result.code == 0, result.err
    first, last = result.out.splitlines()
    assert first.startswith("life applied: 2 tasks in namespace test-")
    assert last == "life: AllSucceeded: 2 of 2 tasks succeeded"

    table = call("list").out.splitlines()
    assert table[0].split() == ["NAME", "SUCCEEDED", "REASON", "LEVEL", "PROGRESS", "RUNNING", "FAILED", "NEEDS", "AGE"]
    assert re.fullmatch(r"life +True +AllSucceeded +L1 +2/2 +0 +0 +\d+s", table[1])
    assert call("list", "-o", "name").out == "parallelproject.parallelproject.io/life\n"
    assert "PARALLELISM" in call("list", "-o", "wide").out
    assert "NAMESPACE" in call("list", "-A").out
    (item,) = call("list", "-o", "json").json["items"]
    assert (item["kind"], item["metadata"]["name"]) == ("ParallelProject", "life")
    assert "managedFields" not in item["metadata"]
    assert yaml.safe_load(call("get", "life", "-o", "yaml").out)["spec"] == item["spec"]

    text = call("get", "life").out
    assert re.search(r"^Tasks: +2 \(2 succeeded\)$", text, re.MULTILINE)
    assert re.search(r"^  Accepted +True +GraphValid ", text, re.MULTILINE)
    assert re.search(r"^  L1 +1 +1 +0 +0 +0 +█{20}$", text, re.MULTILINE)
    assert re.search(r"^  b +Succeeded +L1 +1 +\d+s +The second$", text, re.MULTILINE)
    assert re.search(
        r"^  b +Succeeded +L1 +1 +\d+s +coder +The second$", call("get", "life", "-o", "wide").out, re.MULTILINE
    )

    assert call("wait", "life").code == 0
    assert call("watch", "life").out.splitlines()[-1] == "life: AllSucceeded: 2 of 2 tasks succeeded"
    assert call("why", "life", "b").out.startswith("b: Succeeded\n  attempt 1 succeeded at ")
    assert "nothing to retry" in call("retry", "life").out
    assert call("stop", "life").err == "life has already ended\n"
    assert call("delete", "life", "--wait").out == "life deleted\n"
    assert call("get", "life").code == 1


def test_a_task_file_is_imported_and_watched_until_its_end(call: Call, tasks_json: Path, operator: None):
    result = call("submit", tasks_json, "--watch", "--set", "spec.parallelism=8", "--name", "shop-2")
    assert result.code == 0
    assert "6 tasks found: 5 to run, 1 done" in result.err
    lines = result.out.splitlines()
    assert any(re.fullmatch(r"\d\d:\d\d:\d\d 3\.2 Succeeded \(attempt 1\)", line) for line in lines)
    assert lines[-1] == "shop-2: AllSucceeded: 5 of 5 tasks succeeded"
    assert call("get", "shop-2", "-o", "json").json["spec"]["parallelism"] == 8


def test_the_picture_on_a_terminal_ends_with_the_project(
    control_plane: ControlPlane, namespace: str, submit: Callable[..., Result], operator: None
):
    assert submit("live", task("a", hold=True), task("b", "a")).code == 0
    leader, follower = pty.openpty()
    command = [BIN / "pproj", "watch", "live", "-n", namespace, "--kubeconfig", control_plane.kubeconfig]
    with subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower) as process:
        os.close(follower)
        shown, is_released = b"", False
        while True:
            try:
                shown += os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
            if b"Running" in shown and not is_released:
                is_released = True
                job = "parallelproject.io/task=a"
                control_plane.kubectl("annotate", "-n", namespace, "pod", "-l", job, f"{RELEASE}=true")
    os.close(leader)
    assert process.returncode == 0
    assert b"Running" in shown
    assert b"live: AllSucceeded: 2 of 2 tasks succeeded" in shown


# Why.

BUSY = (
    task("flaky", fails=1, priority=9),
    task("core", hold=True, priority=8, files=["src/**"]),
    task("review-a", hold=True, priority=8, role="reviewer"),
    task("docs", hold=True, priority=8),
    task("app", priority=7, files=["src/app.py"]),
    task("review-b", priority=7, role="reviewer"),
    task("extra"),
    task("after", "core"),
)
"""Tasks that wait for one reason each, once the held ones run."""
BUSY_SPEC = {"parallelism": 3, "defaults": {"backoffSeconds": 600}}


def test_why_is_right_for_dependency_slot_file_role_and_backoff(
    call: Call, submit: Callable[..., Result], operator: None
):
    submit("busy", *BUSY, scheduling="Graph", **BUSY_SPEC)
    when(call, "busy", {
        "flaky": "Backoff", "core": "Running", "review-a": "Running", "docs": "Running", "app": "WaitingForFiles",
        "review-b": "WaitingForRole", "extra": "WaitingForSlot", "after": "WaitingForDependencies",
    })  # fmt: skip

    def why(id: str) -> str:
        result = call("why", "busy", id)
        assert result.code == 0
        return re.sub(r"running for [^)]+", "running", result.out)

    assert why("after") == "after: Pending, WaitingForDependencies\n  it waits for core (running)\n"
    slots = "core (running), review-a (running) and docs (running)"
    assert f"parallelism is 3 and all slots are held by {slots}\n" in why("extra")
    assert "it writes src/app.py, which core (running) writes (as src/**)\n" in why("app")
    assert "role reviewer has maxConcurrent 1 and that many are running: review-a (running)\n" in why("review-b")
    assert "attempt 1 failed (exit code 1), 1 of at most 2 failures\n  the next attempt starts at 20" in why("flaky")
    running = why("core")
    job = rows(call, "busy")["core"]["jobName"]
    assert f"as Job {job}\n" in running
    assert re.search(rf"next: kubectl logs -n test-\w+ job/{job} -c task -f", running)
    answer = call("why", "busy", "after", "-o", "json").json
    assert (answer["reason"], answer["tasks"]) == ("WaitingForDependencies", ["core"])

    unknown = call("why", "busy", "doc")
    assert unknown.code == 1
    assert unknown.err == 'error: busy has no task doc\ndid you mean "docs"?\n'

    assert "busy suspended" in call("suspend", "busy").out
    when(call, "busy", {"extra": "Suspended"})
    assert re.search(r"next: pproj resume -n test-\w+ busy", why("extra"))
    assert call("suspend", "busy").err == "busy is already suspended\n"
    assert call("resume", "busy").out == "busy resumed\n"
    when(call, "busy", {"extra": "WaitingForSlot"})

    assert "busy stopping" in call("stop", "busy").out
    result = call("wait", "busy", "--timeout", "4m")
    assert result.code == 1
    assert result.err.startswith("error: busy: Stopped: 0 of 8 tasks succeeded")
    assert "the project was stopped while it was running" in why("core")
    assert "the project was stopped before it started" in why("extra")


# Failures, and trying again.


def test_retry_runs_failed_tasks_and_what_was_skipped_because_of_them(
    call: Call, submit: Callable[..., Result], operator: None
):
    result = submit(
        "trying", task("a", fails=2), task("b", "a"), task("c"),
        options=("--wait", "--timeout", "240"), failurePolicy="Continue",
    )  # fmt: skip
    assert result.code == 1
    assert "error: trying: TasksFailed: 1 of 3 tasks succeeded; 1 failed: a (ExitCode 1, attempts 2)" in result.err
    why = call("why", "trying", "a").out
    assert "all 2 attempts failed; the last one with exit code 1" in why
    assert "b did not run because of it" in why
    assert re.search(r"pproj retry -n test-\w+ trying a$", why, re.MULTILINE)
    assert "it depends on a (failed: exit code 1)" in call("why", "trying", "b").out

    wrong = call("retry", "trying", "c", "d")
    assert wrong.code == 1
    assert wrong.err.splitlines() == [
        "error: c has not failed: it is Succeeded", "error: trying has no task d", "failed: a",
    ]  # fmt: skip
    assert call("retry", "trying", "a").out == "trying: 1 task to run again: a\n"
    assert call("get", "trying", "-o", "json").json["spec"]["retries"] == [{"id": "a", "forgive": 2}]
    assert call("wait", "trying", "--timeout", "240s").code == 0
    assert rows(call, "trying")["a"]["attempts"] == 3


def test_retry_lets_a_stopped_project_go_on(call: Call, submit: Callable[..., Result], operator: None):
    submit("halt", task("a"), task("b", "a"), stop=True)
    assert call("wait", "halt", "--timeout", "240s").code == 1
    assert call("retry", "halt").out == "halt is no longer stopped: it resumes\n"
    assert call("wait", "halt", "--timeout", "240s").code == 0


# Without an operator: what the object alone says.


def test_wait_ends_with_2_when_the_time_is_over(call: Call, submit: Callable[..., Result], namespace: str):
    name = "unseen-" + namespace
    submit(name, task("a", hold=True))
    started = time.monotonic()
    result = call("wait", name, "--timeout", "1.5s")
    assert result.code == 2
    assert f"error: {name} has not ended in time" in result.err
    assert time.monotonic() - started >= 1.5
    assert call("wait", name, "--timeout", "soon").code == 2
    assert call("delete", name).code == 0


def test_what_is_not_accepted_ends_a_wait_with_1_and_why_says_it(
    call: Call, control_plane: ControlPlane, namespace: str, operator: None
):
    text = manifest("cyclic", task("a", "b"), task("b", "a"))
    control_plane.kubectl("apply", "--server-side", "-n", namespace, "-f", "-", input=text)
    result = call("wait", "cyclic", "--timeout", "240s")
    assert result.code == 1
    assert "error: cyclic: not accepted: " in result.err
    assert "cycle of 2: a → b → a" in result.err
    assert "the project is not accepted: " in call("why", "cyclic", "a").out


def test_a_deletion_that_a_finalizer_holds_up_is_told_by_get_and_why(
    call: Call, submit: Callable[..., Result], control_plane: ControlPlane, namespace: str, operator: None
):
    submit("held", task("a", hold=True), task("b", "a"))
    until(lambda: rows(call, "held").get("a", {}).get("state") == "Running", "a to run", seconds=60)
    patch = ["-n", namespace, "patch", "pproj", "held", "--type=merge", "-p"]
    control_plane.kubectl(*patch, '{"metadata":{"finalizers":["example.com/backup"]}}')
    control_plane.kubectl("-n", namespace, "delete", "pproj", "held", "--wait=false")
    said = call("why", "held", "b").out
    assert "Deleted" in said
    assert "example.com/backup" in said
    until(lambda: rows(call, "held").get("a", {}).get("state") == "Skipped", "a to be stopped", seconds=60)
    shown = call("get", "held").out
    assert re.search(r"^Deleted: +.*kept by finalizers example.com/backup", shown, re.M)
    assert re.search(r"Terminating +True +Deleted", shown)
    control_plane.kubectl(*patch, '{"metadata":{"finalizers":[]}}')


def test_submit_takes_over_what_suspend_wrote_but_nothing_of_others(
    call: Call, submit: Callable[..., Result], control_plane: ControlPlane, namespace: str
):
    assert submit("shared", task("a"), suspend=True, parallelism=2).code == 0
    call("resume", "shared")
    assert submit("shared", task("a"), suspend=True, parallelism=2).code == 0
    assert call("get", "shared", "-o", "json").json["spec"]["suspend"] is True
    patch = json.dumps({"spec": {"parallelism": 9}})
    control_plane.kubectl("patch", "-n", namespace, "pproj", "shared", "--type", "merge", "-p", patch)
    result = submit("shared", task("a"), suspend=True, parallelism=2)
    assert result.code == 1
    assert "error: spec.parallelism was set by kubectl-patch" in result.err
    assert "--force-conflicts" in result.err


def test_submit_uses_the_namespace_of_the_manifest_unless_another_is_given(
    pproj: Pproj, call: Call, control_plane: ControlPlane, namespace: str, tmp_path: Path
):
    file = tmp_path / "placed.yaml"
    file.write_text(
        manifest("placed", task("a"), suspend=True).replace("name: placed", f"name: placed\n  namespace: {namespace}")
    )
    result = pproj("submit", file, "--kubeconfig", control_plane.kubeconfig)
    assert result.out == f"placed applied: 1 task in namespace {namespace}\n"
    assert f"next: pproj watch -n {namespace} placed" in result.err
    wrong = pproj("submit", file, "--kubeconfig", control_plane.kubeconfig, "-n", "default")
    assert wrong.code == 1
    assert "omit one of them" in wrong.err


def test_options_of_kubectl_may_stand_before_the_command(pproj: Pproj, control_plane: ControlPlane, namespace: str):
    result = pproj("--kubeconfig", control_plane.kubeconfig, "-n", namespace, "list")
    assert (result.code, result.err) == (0, f"no projects found in namespace {namespace}\n")


def test_a_server_that_refuses_the_object_says_why(call: Call, submit: Callable[..., Result]):
    result = submit("odd", task("a"), options=("--set", "metadata.labels[team]=not a label"))
    assert result.code == 1
    assert "error: metadata.labels: " in result.err
    assert result.err.endswith("the cluster refused it\n")
    assert call("submit", "-", "--timeout", "3s").code == 2  # no --wait that it could be for


def test_an_unknown_project_gets_a_suggestion(call: Call, submit: Callable[..., Result], namespace: str):
    submit("checkout", task("a"), suspend=True)
    for command in (["get"], ["watch"], ["wait"], ["suspend"], ["retry"], ["delete"]):
        result = call(*command, "chekout")
        assert result.code == 1
        assert result.err == f'error: there is no project chekout in namespace {namespace}\ndid you mean "checkout"?\n'


def test_an_unknown_namespace_is_named(pproj: Pproj, control_plane: ControlPlane, tmp_path: Path):
    file = tmp_path / "x.yaml"
    file.write_text(manifest("x", task("a")))
    result = pproj("submit", file, "-n", "nowhere", "--kubeconfig", control_plane.kubeconfig)
    assert result.code == 1
    assert result.err == "error: there is no namespace nowhere\nkubectl create namespace nowhere\n"


def test_names_and_tasks_are_completed_from_the_cluster(
    submit: Callable[..., Result], control_plane: ControlPlane, namespace: str
):
    submit("checkout", task("schema"), task("store"), task("ui"), suspend=True)

    def completed(words: str) -> list[str]:
        line = f"pproj why -n {namespace} --kubeconfig {control_plane.kubeconfig} {words}"
        env = os.environ | {
            "_PPROJ_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
        }
        return subprocess.run([BIN / "pproj"], env=env, capture_output=True, text=True, check=False).stdout.split()

    assert completed("che") == ["checkout"]
    assert completed("checkout s") == ["schema", "store"]
