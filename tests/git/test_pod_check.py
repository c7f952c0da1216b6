"""A run of a check in a pod: its containers as processes, with a real repository."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parallelproject.core.verification.check_message import CheckEnd, read_end, said_in
from parallelproject.core.verification.failure_report import read_failure
from parallelproject.core.verification.probe import ProbeOutcome
from rig.binaries import find_or_build_wrapper
from rig.deadline import until
from tests.git.remote import BRANCH, RUN, Remote, git
from tests.git.test_main import instruction

SECONDS = 180.0
MOST = 4096
pytestmark = pytest.mark.usefixtures("wrapper")
PASSED, FAILED, CONFLICT, BROKEN = list(ProbeOutcome)[:4]


class CheckPod:
    """The pod of one run."""

    def __init__(self, remote: Remote, name: str = "1", *, most: int = MOST, **check: Any) -> None:
        self.folder = remote.folder / f"check-{name}"
        names = ("workspace", "private", "state", "bin")
        self.workspace, self.private, self.state, self.tools = (self.folder / name for name in names)
        for folder in (self.workspace, self.private, self.state, self.tools):
            folder.mkdir(parents=True)
        place = {"workspace": str(self.workspace), "private": str(self.private)}
        given = instruction(remote, "verification", **place, check={"messageMax": most, **check})
        (self.folder / "check.json").write_text(json.dumps(given))
        self.said = ["", ""]

    def check_out(self) -> int:
        tools = ("--tools", str(self.tools), "--wrapper", str(find_or_build_wrapper()))
        code = self._git("prepare-check", 0, *tools).wait(SECONDS)
        self.said[0] = (self.folder / "said-0").read_text()
        return code

    def command(self, *argv: str) -> subprocess.Popen[bytes]:
        wrapped = (str(self.tools / "pproj-wrap"), str(self.state), str(self.workspace))
        return subprocess.Popen((*wrapped, *argv), cwd=self.workspace, start_new_session=True)

    def report(self) -> subprocess.Popen[bytes]:
        return self._git("report-check", 1)

    def end(self, reporter: subprocess.Popen[bytes]) -> int:
        code = reporter.wait(SECONDS)
        if (self.folder / "said-1").exists():
            self.said[1] = (self.folder / "said-1").read_text()
        return code

    def run(self, script: str) -> CheckEnd | None:
        """All of it; what the operator reads."""
        assert self.check_out() == 0
        reporter = self.report()
        self.command("sh", "-c", script).wait(SECONDS)
        assert self.end(reporter) == 0
        assert max(map(len, self.said)) <= MOST
        return read_end(*self.said)

    def _git(self, step: str, said: int, *more: str) -> subprocess.Popen[bytes]:
        words = ["-m", "parallelproject.git.container.main", step, str(self.folder / "check.json")]
        result = ("--state", str(self.state), "--result", str(self.folder / f"said-{said}"))
        return subprocess.Popen([sys.executable, *words, *result, *more])


def lands(remote: Remote, **content: str) -> None:
    """Work of tasks on the branch, a commit each, with the trailers of a landing."""
    for task, text in content.items():
        parent = None if f"refs/heads/{BRANCH}" in remote.refs() else remote.tip("main")
        trailers = f"Parallel-Run: {RUN}\nParallel-Task: {task}\nParallel-Attempt: 1\n"
        remote.commit(BRANCH, {f"{task}.txt": f"{text}\n"}, f"Do {task}\n\n{trailers}", force_parent=parent)


def test_a_check_of_the_tip_finds_the_work_and_says_what_failed(remote: Remote) -> None:
    lands(remote, x="good", y="bad")
    before = remote.refs()
    found = CheckPod(remote).run("echo FAILED tests/test_b.py::test_it; cat y.txt; exit 3")
    assert found is not None
    assert found.work is not None
    assert (found.outcome, found.work.base, found.work.tip) == (FAILED, remote.tip("main"), remote.tip())
    assert [(change.task, change.paths) for change in found.work.changes] == [("x", ("x.txt",)), ("y", ("y.txt",))]
    assert found.printed == "FAILED tests/test_b.py::test_it\nbad\n"
    assert read_failure(found.printed).tests == {"tests/test_b.py::test_it"}
    assert remote.refs() == before
    passed = CheckPod(remote, "2").run("grep good x.txt")
    assert passed is not None
    assert (passed.outcome, passed.printed) == (PASSED, "")


def test_a_probe_runs_on_that_part_of_the_work(remote: Remote) -> None:
    lands(remote, x="1", y="2", z="3")
    base, tip = remote.tip("main"), remote.tip()
    known = {"base": base, "tip": tip}
    for probe, there in (("0", ""), ("3-without-2", "x.txt z.txt"), ("0-with-2-3", "y.txt z.txt")):
        found = CheckPod(remote, probe, probe=probe, **known).run(f'test "$(echo [xyz].*)" = "{there or "[xyz].*"}"')
        assert found is not None
        assert found.work is not None
        assert found.outcome is PASSED, probe
        assert (found.work.base, found.work.tip, len(found.work.changes)) == (base, tip, 3)


def test_a_part_that_cannot_be_built_runs_nothing(remote: Remote) -> None:
    lands(remote, x="1")
    trailers = f"Parallel-Run: {RUN}\nParallel-Task: y\nParallel-Attempt: 1\n"
    remote.commit(BRANCH, {"x.txt": "2\n"}, f"Do y\n\n{trailers}")
    pod = CheckPod(remote, probe="0-with-2", base=remote.tip("main"), tip=remote.tip())
    found = pod.run("exit 9")
    assert found is not None
    assert found.outcome is CONFLICT
    assert "cannot be built" in said_in(pod.said[0])


def test_a_check_whose_paths_have_not_changed_passes_without_a_run(remote: Remote) -> None:
    lands(remote, x="1")
    since = remote.tip()
    lands(remote, y="2")
    found = CheckPod(remote, since=since, paths=["x.*"]).run("exit 9")
    assert found is not None
    assert found.work is not None
    assert (found.outcome, found.work.base, [change.task for change in found.work.changes]) == (PASSED, since, ["y"])
    found = CheckPod(remote, "2", since=since, paths=["y.*"]).run("exit 9")
    assert found is not None
    assert found.outcome is FAILED


def test_a_command_that_does_not_exist_fails_as_in_a_local_run(remote: Remote) -> None:
    lands(remote, x="1")
    pod = CheckPod(remote)
    assert pod.check_out() == 0
    reporter = pod.report()
    assert pod.command("no-such-command").wait(SECONDS) == 127
    assert pod.end(reporter) == 0
    found = read_end(*pod.said)
    assert found is not None
    assert found.outcome is FAILED


def test_a_probe_of_a_branch_that_was_rewritten_is_stale(remote: Remote) -> None:
    lands(remote, x="1")
    found = CheckPod(remote, probe="0", base=remote.tip("main"), tip="1" * 40).run("exit 1")
    assert found is not None
    assert found.outcome is ProbeOutcome.STALE


def test_a_check_that_is_told_to_end_says_so(remote: Remote) -> None:
    lands(remote, x="1")
    pod = CheckPod(remote)
    assert pod.check_out() == 0
    reporter = pod.report()
    command = pod.command("sh", "-c", "echo half; echo > started; exec sleep 600")
    until((pod.workspace / "started").exists, "the command", seconds=SECONDS)
    until(lambda: _catches(reporter.pid, signal.SIGTERM), "the handler of the signal", seconds=SECONDS)
    reporter.send_signal(signal.SIGTERM)
    until((pod.folder / "said-1").exists, "a report, also where the command does not end", seconds=SECONDS)
    command.send_signal(signal.SIGTERM)
    command.wait(SECONDS)
    assert pod.end(reporter) == 0
    found = read_end(*pod.said)
    assert found is not None
    assert (found.outcome, found.is_stopped, found.printed) == (BROKEN, True, "half\n")


def test_a_check_whose_command_is_asked_first_to_end_gives_no_verdict(remote: Remote) -> None:
    lands(remote, x="1")
    pod = CheckPod(remote)
    assert pod.check_out() == 0
    reporter = pod.report()
    command = pod.command("sh", "-c", "trap 'exit 2' TERM; touch started; sleep 600 & wait")
    until((pod.workspace / "started").exists, "the command", seconds=SECONDS)
    command.send_signal(signal.SIGTERM)
    assert command.wait(SECONDS) == 2
    assert pod.end(reporter) == 0
    found = read_end(*pod.said)
    assert found is not None
    assert (found.outcome, found.is_stopped) == (BROKEN, True)


def test_one_that_ends_before_its_command_starts_reports_nothing(remote: Remote) -> None:
    lands(remote, x="1")
    pod = CheckPod(remote)
    assert pod.check_out() == 0
    reporter = pod.report()
    until(lambda: _catches(reporter.pid, signal.SIGTERM), "the handler of the signal", seconds=SECONDS)
    reporter.send_signal(signal.SIGTERM)
    assert pod.end(reporter) == 143
    assert read_end(*pod.said) is None


def test_a_repository_that_cannot_be_read_is_no_failure_of_the_work(remote: Remote) -> None:
    lands(remote, x="1")
    git(remote.path, "update-ref", "-d", f"refs/heads/{BRANCH}")
    pod = CheckPod(remote)
    assert pod.check_out() == 21
    assert read_end(*pod.said) is None
    assert "was deleted" in said_in(pod.said[0])


def test_an_init_container_that_runs_again_checks_out_again(remote: Remote) -> None:
    lands(remote, x="1")
    pod = CheckPod(remote)
    assert pod.check_out() == 0
    (pod.workspace / "x.txt").write_text("other")
    found = pod.run("grep 1 x.txt")
    assert found is not None
    assert found.outcome is PASSED


def test_where_not_all_changes_fit_the_last_ones_are_reported(remote: Remote) -> None:
    for i in range(12):
        lands(remote, **{f"a-rather-long-name-of-a-task-{os.urandom(9).hex()}-{i}": "1"})
    found = CheckPod(remote, most=600).run("exit 1")
    assert found is not None
    assert found.work is not None
    assert 0 < len(found.work.changes) < 12
    assert git(remote.path, "rev-parse", f"{BRANCH}~{len(found.work.changes)}") == found.work.base
    assert found.work.left_out == 12 - len(found.work.changes)


def _catches(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(int(line.split()[1], 16) for line in status.split("\n") if line.startswith("SigCgt"))
    return bool(mask >> number - 1 & 1)
