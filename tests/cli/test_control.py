"""``pproj logs``, ``run --detach`` and ``watch`` on local runs, and which run a command line means."""

import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import pytest
import yaml

from parallelproject.cli import main
from parallelproject.cli.local.background import detach
from parallelproject.local.read import is_active, read_run
from parallelproject.local.state.directory import StateDirectory
from tests.cli.conftest import Pproj
from tests.local.runner import Started, until

COMMAND = """\
echo "$PPROJ_TASK_ID $PPROJ_ATTEMPT"
case $PPROJ_TASK_ID in
held) until [ -e "$GO" ]; do sleep 0.05; done; printf 'no line end' ;;
bad) [ -e "$GO.fixed" ] || exit 3 ;;
esac
"""


class Desk:
    """A folder with a file of tasks, and the command in processes of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.go = folder / "go"
        tasks = [{"id": "held"}, {"id": "bad"}, {"id": "after", "dependencies": ["held"]}]
        spec = {"scheduling": "Graph", "failurePolicy": "Continue", "defaults": {"maxAttempts": 1}, "tasks": tasks}
        kind = {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": "demo"}}
        (folder / "demo.yaml").write_text(yaml.safe_dump({**kind, "spec": spec}))
        (folder / "command.sh").write_text(COMMAND)

    def pproj(self, *words: str) -> Started:
        def body() -> int:
            os.chdir(self.folder)
            os.environ["GO"] = str(self.go)
            os.environ.pop("KUBECONFIG", None)
            sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1, closefd=False)
            sys.argv = ["pproj", *words]
            return main.call(list(words))

        return Started(body, None)

    def run(self, *more: str) -> Started:
        return self.pproj("run", "demo.yaml", "--command", self.command, *more)

    @property
    def command(self) -> str:
        return f"sh {self.folder / 'command.sh'}"

    @property
    def state(self) -> Path:
        return self.folder / ".pproj" / "demo"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.chdir(tmp_path)
    found = Desk(tmp_path)
    yield found
    found.go.touch()
    until(
        lambda: not list((tmp_path / ".pproj").glob("*/lock")) or not is_active(found.state), what="an end of the run"
    )


def test_a_log_is_followed_until_its_attempt_ends(pproj: Pproj, desk: Desk) -> None:
    run = desk.run()
    until(lambda: is_active(desk.state) and (desk.state / "project.json").exists(), what="the run")
    follower = desk.pproj("logs", "held", "-f")
    follower.wait_said("held 1\n")
    desk.go.touch()
    assert follower.finish(0) == "local run .pproj/demo\nheld 1\nno line end"
    run.finish(1)
    assert pproj("logs", "after", "-f").out == "after 1\n"


def test_while_others_run_the_log_of_an_attempt_ends_with_it_and_why_is_about_the_failure(
    pproj: Pproj, desk: Desk
) -> None:
    def states() -> dict[str, str]:
        found = read_run(desk.state) if (desk.state / "project.json").exists() else None
        return {row["id"]: row["state"] for row in (found or {}).get("status", {}).get("tasks", ())}

    run = desk.run()
    until(lambda: (states().get("bad"), states().get("held")) == ("Failed", "Running"), what="the failure")
    assert desk.pproj("logs", "bad", "-f").finish(0).endswith("bad 1\n")
    assert [line for line in pproj("why").out.splitlines() if line.startswith(("bad:", "held:", "after:"))] == [
        "bad: Failed, ExitCode"
    ]
    assert is_active(desk.state)
    desk.go.touch()
    run.finish(1)


def test_all_logs_are_followed_until_the_run_ends_with_the_task_before_each_line(desk: Desk) -> None:
    run = desk.run()
    until(lambda: is_active(desk.state) and (desk.state / "project.json").exists(), what="the run")
    follower = desk.pproj("logs", "-f")
    follower.wait_said("held | held 1\n")
    desk.go.touch()
    run.finish(1)
    said = follower.finish(0).splitlines()
    assert sorted(said[1:]) == ["after | after 1", "bad | bad 1", "held | held 1", "held | no line end"]


def test_a_retry_starts_a_run_that_has_ended(pproj: Pproj, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    desk.go.touch()
    desk.run().finish(1)
    (desk.folder / "go.fixed").touch()
    assert "-o json and --run exclude each other" in pproj("retry", "--run", "-o", "json").err
    said = desk.pproj("retry", "--run").finish(0)
    assert said.startswith("local run .pproj/demo\ndemo: 1 task to run again: bad\nstarting: pproj run demo.yaml ")
    assert "demo: all 3 tasks succeeded" in said
    assert pproj("retry", "--run").out == "demo has no failed task: nothing to retry\n"


def test_detached_it_goes_on_when_its_terminal_is_closed(pproj: Pproj, desk: Desk) -> None:
    launcher = desk.run("--detach")
    said = launcher.finish(0)
    with suppress(ProcessLookupError):
        os.killpg(launcher.pid, signal.SIGHUP)  # as where its terminal is closed
    assert said.splitlines() == [
        "demo is running in the background; what it prints is in .pproj/demo/output.log",
        "next: pproj watch demo  # follows it",
        "      pproj logs demo -f  # shows what its tasks print",
        "      pproj stop demo  # stops it",
    ]
    assert is_active(desk.state)
    refused = desk.run("--detach").finish(1)
    assert "is in use by another run: process " in refused
    watch = desk.pproj("watch")
    watch.wait_said("held Running")
    watch.signal(signal.SIGINT)
    assert "demo continues; pproj watch demo follows it again" in watch.finish(130)
    assert is_active(desk.state)
    desk.go.touch()
    assert pproj("wait").code == 1
    until(lambda: not is_active(desk.state), what="its end")
    printed = (desk.state / "output.log").read_text()
    assert len(re.findall(r"held +started", printed)) == 1
    assert "demo: 2 of 3 tasks succeeded, 1 failed" in printed
    assert "Retry what failed, and resume (--fresh starts over):\n" in printed
    assert f"    pproj run demo.yaml --command '{desk.command}'\n" in printed
    assert [file.name for file in desk.state.glob(".output*")] == []


def test_detached_it_may_be_over_before_anybody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = os.waitpid
    with monkeypatch.context() as patch:

        def wait_for_its_end(pid: int, options: int) -> tuple[int, int]:
            found = wait(pid, options)
            until(lambda: (tmp_path / "over").exists(), what="the end of the run")
            return found

        patch.setattr(os, "waitpid", wait_for_its_end)

        def run(_: TextIO, began: Any) -> int:
            began.take(None, [])
            write = os.write

            def last(file: int, data: bytes) -> int:
                found = write(file, data)
                (tmp_path / "over").touch()
                return found

            os.write = last
            return 0

        assert detach(StateDirectory(tmp_path / "state"), run) == (None, "")


def test_detached_what_is_wrong_is_said_at_once(desk: Desk) -> None:
    desk.go.touch()
    desk.run("--fresh").finish(1)
    other = desk.folder / "sub"
    other.mkdir()
    (other / "demo.yaml").write_text((desk.folder / "demo.yaml").read_text())
    said = desk.pproj("run", "sub/demo.yaml", "--command", "true", "--detach").finish(1)
    assert "is that of " in " ".join(said.split())
    assert "--name NAME or --state-dir DIR keeps them apart" in " ".join(said.split())
    assert [file.name for file in desk.state.glob(".output*")] == []


def test_a_state_elsewhere_is_in_every_hint(pproj: Pproj, desk: Desk) -> None:
    desk.go.touch()
    desk.run("--state-dir", "kept").finish(1)
    assert "next: pproj logs --state-dir kept demo bad\n" in pproj("why", "bad", "--state-dir", "kept").out
    assert pproj("logs", "bad", "--state-dir", "kept").out == "bad 1\n"
    assert pproj("logs", "demo", "bad", "--state-dir", "kept").out == "bad 1\n"
    assert pproj("delete", "--state-dir", "kept", "--yes").out == "demo deleted\n"
    assert not (desk.folder / "kept").exists()


def test_rerun_says_what_does_it_for_a_local_run(pproj: Pproj, desk: Desk) -> None:
    desk.go.touch()
    desk.run().finish(1)
    for words in ((), ("demo",), ("demo", "bad")):
        refused = pproj("rerun", *words)
        assert refused.code == 1
        _, error, hint = refused.err.splitlines()
        assert error == "error: demo is a local run, which starts over as a whole"
        assert hint.startswith("pproj run ")
        assert " --fresh does that, and work that has landed stays on its branch; pproj retry demo runs" in hint


@pytest.mark.parametrize("width", [40, 60, 80])
def test_at_every_width_commands_can_be_copied_and_words_are_whole(pproj: Pproj, desk: Desk, width: int) -> None:
    desk.go.touch()
    desk.run().finish(1)
    command = shlex.split(pproj("retry").out.splitlines()[-1].removeprefix("next: "))
    shown = pproj("retry", width=width)
    _, _, copied = shown.out.partition("next: ")
    assert shlex.split(copied.replace("\\\n", "")) == command
    assert max(map(len, copied.splitlines())) <= width


def test_which_run_is_meant(pproj: Pproj, desk: Desk) -> None:
    desk.go.touch()
    desk.run().finish(1)
    assert pproj("logs", "bad").out == pproj("logs", "demo", "bad").out == "bad 1\n"
    unknown = pproj("why", "shop").err  # a task of the only run, or a project elsewhere
    assert "demo has no task shop" in unknown
    assert "-n NAMESPACE looks up the project shop in the cluster" in unknown
    assert "demo has no task bda" in pproj("logs", "bda").err
    assert not [words for words in (["demo", "bda"], ["bad", "-c", "git"]) if "-n NAME" in pproj("logs", *words).err]
    assert pproj("skip", "bad", "bda").err.startswith("local run .pproj/demo\nerror: demo has no task bda")
    other = pproj("retry", "shop", "api")  # neither is of this run
    assert other.err.startswith("error: there is no local run shop in this folder, only demo; no cluster is configured")
    gone = pproj("delete", "shop", "--yes").err
    assert gone.startswith("error: there is no local run shop in this folder, only demo; no cluster is configured")
    assert "no cluster is configured" in pproj("retry", "bad", "-n", "default").err
    assert "no cluster is configured" in pproj("retry", "bad", program="kubectl pproj").err
    both = pproj("delete", "demo", "shop", "--yes")
    assert (both.code, both.err.splitlines()[0]) == (2, "error: shop: not a local run, but the other names are")
    assert pproj("logs", "bad", "-c", "git").code == 2
    asked = pproj("retry", "-o", "json").json
    assert (asked["answer"], asked["tasks"], len(asked["next"])) == ("Recorded", ["bad"], 1)
