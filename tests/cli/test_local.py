"""``pproj list``, ``get``, ``why``, ``wait`` and ``watch`` on runs of this machine: while they go on, and after."""

import json
import signal
from pathlib import Path

import pytest

from parallelproject.cli.commands import why
from parallelproject.cli.local.lookup import local_runs
from parallelproject.cli.output import program
from tests.local.runner import Runner, chain, tasks, until

from .conftest import Pproj

HELD = "echo x >> $JOURNAL; until [ -e $JOURNAL.$PPROJ_TASK_ID ]; do sleep 0.05; done"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """A chain of two tasks, the first of which runs until it is released."""
    options = {"rerun": "pproj run FILE"}
    return Runner(tmp_path, {"parallelism": 1, "tasks": chain("a", "b")}, HELD, options)


def states(pproj: Pproj, *arguments: object) -> dict[str, str]:
    found = pproj("get", "-o", "json", *arguments)
    assert found.code == 0, found.err
    return {row["id"]: row["state"] for row in found.json["status"]["tasks"]}


def test_a_run_is_seen_by_others_while_it_goes_on_and_after(pproj: Pproj, run: Runner):
    started = run.start()
    until(lambda: run.journal() and states(pproj) == {"a": "Running", "b": "Pending"}, what="a to be seen running")
    listed = pproj("list")
    assert listed.err == "local run .pproj/demo\n"
    assert listed.out.splitlines()[1].split()[:7] == ["demo", "Unknown", "Running", "L0", "0/2", "1", "0"]
    shown = pproj("get", "demo")
    assert "Local run:    .pproj/demo" in shown.out
    assert "Namespace" not in shown.out
    why = pproj("why", "b")
    assert why.out.splitlines()[:2] == [
        "b: Pending, WaitingForDependencies",
        next(line for line in why.out.splitlines() if line.startswith("  it waits for a (running for ")),
    ]
    assert "next: pproj logs demo a -f" in pproj("why", "demo", "a").out
    late = pproj("wait", "--timeout", "100ms")
    assert late.code == 2
    assert "demo has not ended in time; 0/2 tasks succeeded so far" in late.err
    for task in "ab":
        (run.folder / f"journal.{task}").touch()
    waited = pproj("wait", "demo")
    assert (waited.code, waited.out) == (0, "demo: AllSucceeded: 2 of 2 tasks succeeded\n")
    started.finish(0)
    watched = pproj("watch")
    assert watched.code == 0
    assert [line.split(" ", 1)[1] for line in watched.out.splitlines()[:2]] == [
        "a Succeeded (attempt 1)", "b Succeeded (attempt 1)",
    ]  # fmt: skip
    assert "Succeeded" in pproj("why", "a").out


@pytest.mark.parametrize("kill", [True, False])
def test_a_run_that_was_cut_off_is_shown_as_interrupted_and_goes_on(pproj: Pproj, run: Runner, kill: bool):
    started = run.start()
    until(lambda: run.journal() and states(pproj)["a"] == "Running", what="a to be seen running")
    if kill:
        started.kill()
    else:
        started.signal(signal.SIGINT)
        started.finish(130)
    until(lambda: states(pproj) == {"a": "Pending", "b": "Pending"}, what="the end of all that ran")
    ended = pproj("wait")
    assert ended.code == 1
    assert "demo: Interrupted: 0/2 tasks succeeded; nothing runs (pproj run FILE resumes it)" in ended.err
    why = pproj("why", "b")
    assert why.out.splitlines() == [
        "b: Pending, Interrupted", "  nothing runs: the run was interrupted", "next: pproj run FILE",
    ]  # fmt: skip
    for task in "ab":
        (run.folder / f"journal.{task}").touch()
    run.start().finish(0)
    assert states(pproj) == {"a": "Succeeded", "b": "Succeeded"}
    assert pproj("why").out == "nothing of demo failed, runs or waits\n"


def test_without_a_task_what_failed_is_explained_and_else_what_runs_or_waits(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "shop.json"
    file.write_text(json.dumps({"tasks": [{"id": n, "title": f"t{n}", "dependencies": []} for n in range(1, 13)]}))
    options = ("--set", "spec.defaults.maxAttempts=1", "--keep-going")
    assert pproj("run", file, "--command", "test $PPROJ_TASK_ID != 1 && exit 3", *options).code == 1
    lines = pproj("why").out.splitlines()
    assert [line for line in lines if ": Failed, ExitCode" in line] == [f"{n}: Failed, ExitCode" for n in range(1, 11)]
    assert lines[-1] == "and 2 more: pproj get shop shows all"
    data = json.loads(pproj("why", "-o", "json").out)
    assert [found["task"] for found in data] == [str(n) for n in range(1, 13)]


def test_what_failed_is_explained_with_its_log_and_the_command(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "shop.json"
    file.write_text(json.dumps({"tasks": [{"id": 1, "title": "x", "dependencies": []}]}))
    assert pproj("run", file, "--command", "exit 3", "--set", "spec.defaults.maxAttempts=1").code == 1
    why = pproj("why", "1")
    assert why.out.splitlines()[0] == "1: Failed, ExitCode"
    assert "next: pproj logs shop 1" in why.out
    assert pproj("why").out == why.out
    assert pproj("why", "shop").out == why.out
    found = pproj("why", "nope")
    assert found.code == 1
    assert "shop has no task nope" in found.err


@pytest.mark.parametrize("command", ["get", "why", "delete"])
def test_without_a_local_run_a_name_is_asked_for(pproj: Pproj, command: str):
    missing = pproj(command)
    reason = "there is no local run in this folder, so give the name of a project in the cluster"
    assert (missing.code, missing.err.splitlines()[0]) == (2, f"error: Missing argument 'NAME': {reason}.")
    assert pproj(command, "-n", "team").err.splitlines()[0] == "error: Missing argument 'NAME'."


def test_which_projects_are_meant(pproj: Pproj, tasks_json: Path, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    for name, more in (("one", ()), ("two", ()), ("three", ("--state-dir", elsewhere))):
        assert pproj("run", tasks_json, "--command", "true", "--name", name, *more).code == 0
    listed = pproj("list", "-o", "name")
    assert [line.partition("/")[2] for line in listed.out.splitlines()] == ["one", "two"]
    assert listed.err == "local runs below .pproj\n"
    several = pproj("get")
    assert (several.code, several.err.splitlines()[0]) == (2, "error: there are several local runs: one, two")
    assert pproj("get", "two").out.splitlines()[0] == "Name:         two"
    assert pproj("get", "--state-dir", elsewhere).out.splitlines()[0] == "Name:         three"
    none = pproj("get", "--state-dir", tmp_path)
    assert none.err.startswith(f"error: --state-dir {tmp_path}: there is no local run")
    for options in (("get", "three"), ("get", "one", "-n", "default"), ("list", "-A"), ("list", "--context", "c")):
        asked = pproj(*options, "--kubeconfig", tmp_path / "none") if "-A" in options else pproj(*options)
        assert asked.code == 1
        assert not asked.err.startswith("local run"), options
    both = pproj("get", "--state-dir", elsewhere, "-n", "default")
    assert both.code == 2


def test_a_status_that_was_torn_by_a_loss_of_power_is_none(pproj: Pproj, tasks_json: Path, tmp_path: Path):
    assert pproj("run", tasks_json, "--command", "true", "--name", "one").code == 0
    status = tmp_path / ".pproj/one/status.json"
    status.write_bytes(status.read_bytes()[:100])
    assert "The run has not seen it yet." in pproj("get").out
    (tmp_path / ".pproj/one/project.json").unlink()
    assert "has nothing to show" in pproj("get", "one").err
    assert pproj("run", tasks_json, "--command", "true", "--name", "one").code == 0
    assert set(states(pproj).values()) == {"Succeeded"}


def test_names_and_tasks_of_local_runs_are_completed(tasks_json: Path, pproj: Pproj, tmp_path: Path):
    from types import SimpleNamespace

    from parallelproject.cli.input.completion import readable_names, readable_tasks

    assert pproj("run", tasks_json, "--command", "true", "--name", "one").code == 0
    context = SimpleNamespace(params={"name": "one"})
    assert readable_names(context, "o") == ["one"]  # type: ignore[arg-type]
    assert readable_tasks(context, "3") == ["3.1", "3.2"]  # type: ignore[arg-type]
    of_cluster = SimpleNamespace(params={"name": "one", "kubeconfig": "/none"})
    assert readable_names(of_cluster, "o") == []  # type: ignore[arg-type]
    assert readable_tasks(of_cluster, "3") == []  # type: ignore[arg-type]


def test_a_folder_that_was_removed_has_no_local_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert local_runs(None, None, names_cluster=False) is None
    monkeypatch.chdir(tmp_path)


def test_the_plugin_of_kubectl_means_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Runner):
    started = run.start()
    until(lambda: run.journal(), what="the run to be there")
    assert local_runs(None, None, names_cluster=False) is not None
    monkeypatch.setattr(program._Typed, "program", "kubectl pproj")
    assert local_runs(None, None, names_cluster=False) is None
    assert local_runs("demo", None, names_cluster=False) is None
    for task in "ab":
        (run.folder / f"journal.{task}").touch()
    started.finish(0)


def test_why_of_many_tasks_looks_at_the_project_once(pproj: Pproj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Once for each of 2,000 failed tasks took more than a minute."""
    Runner(tmp_path, {"failurePolicy": "Continue", "tasks": tasks("a", "b", "c")}, "false").run(1)
    looks: list[str] = []
    for name in ("parse_spec", "compile_graph"):
        real = getattr(why, name)
        monkeypatch.setattr(why, name, lambda *given, name=name, real=real: (looks.append(name), real(*given))[1])
    found = pproj("why", "-o", "json").json
    assert [each["task"] for each in found] == ["a", "b", "c"]
    assert all("exit code 1" in each["answer"] for each in found)
    assert sorted(looks) == ["compile_graph", "parse_spec"]
