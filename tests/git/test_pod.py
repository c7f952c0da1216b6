"""The containers of a pod, as processes: prepare, the wrapped command, and the git container beside it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from parallelproject.git.container.sidecar import STOPPED
from rig.binaries import find_or_build_wrapper
from tests.git.remote import BRANCH, Remote, git
from tests.git.test_main import instruction
from tests.processes import has_ended, is_stopped

AGENT = 12_345
"""A user."""
SECONDS = 120.0
pytestmark = pytest.mark.usefixtures("wrapper")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")


class Pod:
    """One attempt's pod."""

    def __init__(
        self,
        remote: Remote,
        task: str,
        *,
        before: tuple[str, ...] = (),
        number: int = 1,
        folder: str = "",
        **fields: Any,
    ) -> None:
        self.remote, self.task, self._before = remote, task, before
        self.folder = remote.folder / f"pod-{folder or task}-{number}"
        names = ("workspace", "private", "state", "bin")
        self.workspace, self.private, self.state, self.tools = (self.folder / name for name in names)
        for each in (self.workspace, self.private, self.state, self.tools):
            each.mkdir(parents=True)
            each.chmod(0o777)
        self._file = self.folder / "delivery.json"
        place = {"workspace": str(self.workspace), "private": str(self.private), "attempt": number}
        self._file.write_text(json.dumps(instruction(remote, task, **place, **fields)))

    def prepare(self) -> tuple[int, dict[str, Any]]:
        tools = ("--tools", str(self.tools), "--wrapper", str(find_or_build_wrapper()))
        return self._result(self._git("prepare", *tools))

    def command(self, *argv: str, before: tuple[str, ...] = (), uid: int | None = None) -> subprocess.Popen[bytes]:
        wrapped = (str(self.tools / "pproj-wrap"), str(self.state), str(self.workspace))
        groups: list[int] | None = None if uid is None else []
        return subprocess.Popen(
            (*before, *wrapped, *argv), cwd=self.workspace, start_new_session=True,
            user=uid, group=uid, extra_groups=groups,
        )  # fmt: skip

    def deliver(self, *options: str) -> subprocess.Popen[bytes]:
        return self._git("deliver", *options)

    def end(self, process: subprocess.Popen[bytes]) -> tuple[int, dict[str, Any]]:
        return self._result(process)

    def run(self, *argv: str) -> tuple[int, int, dict[str, Any]]:
        """All of it; the codes of both containers, and the result."""
        assert self.prepare()[0] == 0
        beside = self.deliver()
        code = self.command(*argv).wait(SECONDS)
        return code, *self.end(beside)

    def until(self, met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not met():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _git(self, step: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "parallelproject.git.container.main",
            step,
            str(self._file),
            "--state",
            str(self.state),
        ]
        return subprocess.Popen([*self._before, *command, *arguments], stdout=subprocess.PIPE)

    @staticmethod
    def _result(process: subprocess.Popen[bytes]) -> tuple[int, dict[str, Any]]:
        said, _ = process.communicate(timeout=SECONDS)
        return process.returncode, json.loads(said.partition(b"\n")[0] or b"{}")  # outputs are below it


def test_work_lands_when_the_command_has_ended(remote: Remote) -> None:
    pod = Pod(remote, "a")
    code, beside, result = pod.run("sh", "-c", 'sleep 0.3; echo "$1" > new', "sh", "two words")
    assert (code, beside, result["outcome"]) == (0, 0, "Landed")
    assert remote.show("new") == "two words"


def test_what_a_failed_command_left_is_kept_and_its_own_exit_code_tells(remote: Remote) -> None:
    code, beside, result = Pod(remote, "a").run("sh", "-c", "echo half > new; exit 7")
    assert (code, beside) == (7, 0)
    assert result == {"outcome": "Failed", "exitCode": 7, "ref": "refs/parallelproject/run-1/a/salvage/1"}
    assert result["ref"] in remote.refs()


def test_a_command_that_was_killed_with_its_wrapper_has_failed(remote: Remote) -> None:
    pod = Pod(remote, "a")
    pod.prepare()
    beside, command = pod.deliver(), pod.command("sh", "-c", "echo half > new; sleep 60")
    pod.until((pod.workspace / "new").exists)
    os.killpg(command.pid, signal.SIGKILL)
    assert command.wait(SECONDS) == -signal.SIGKILL
    code, result = pod.end(beside)
    assert (code, result["outcome"], "exitCode" in result) == (25, "Failed", False)
    assert result["ref"] in remote.refs()


def test_where_the_end_cannot_be_told_neither_container_ends_well(remote: Remote) -> None:
    pod = Pod(remote, "a")
    pod.prepare()
    beside = pod.deliver()
    (pod.state / "code.new").mkdir()
    assert pod.command("sh", "-c", "echo 1 > new").wait(SECONDS) == 125
    code, result = pod.end(beside)
    assert (code, result["outcome"]) == (25, "Failed")


def test_the_command_is_the_image_s_own_with_its_signals_and_its_exit_code(remote: Remote) -> None:
    pod = Pod(remote, "a")
    pod.prepare()
    said = "import signal; print(*(signal.getsignal(s) is not signal.SIG_IGN for s in (2, 3, 15)))"
    out = pod.workspace / "said"
    command = pod.command("sh", "-c", f"exec {sys.executable} -c '{said}' > {out}")
    assert command.wait(SECONDS) == 0
    assert out.read_text().split() == ["True"] * 3
    assert pod.command("no-such-command").wait(SECONDS) == 127
    assert pod.command(str(pod.workspace)).wait(SECONDS) in (126, 127)
    assert pod.command("sh", "-c", "kill -9 $$").wait(SECONDS) == 137


def test_an_end_and_a_signal_in_the_same_moment_keep_the_exit_code(remote: Remote) -> None:
    pod = Pod(remote, "a")
    pod.prepare()
    for _ in range(5):
        command = pod.command("sh", "-c", "echo $$ > new; mv new ready; until test -e go; do :; done; exit 7")
        pod.until((pod.workspace / "ready").exists)
        child = int((pod.workspace / "ready").read_text())
        command.send_signal(signal.SIGSTOP)
        pod.until(partial(is_stopped, command.pid))
        (pod.workspace / "go").touch()
        pod.until(partial(has_ended, child))  # a thread that was not stopped yet may have seen its end
        command.terminate()
        command.send_signal(signal.SIGCONT)
        assert command.wait(SECONDS) == 7
        for name in ("ready", "go"):
            (pod.workspace / name).unlink()


def test_work_that_waits_on_the_remote_lands_without_the_command(remote: Remote) -> None:
    first = Pod(remote, "a")
    assert first.run("sh", "-c", "echo 1 > new")[2]["outcome"] == "Landed"
    landed = Pod(remote, "a", number=2)
    assert landed.prepare()[1]["outcome"] == "AlreadyLanded"
    beside = landed.deliver()
    assert landed.command("sh", "-c", "touch ran").wait(SECONDS) == 0
    assert not (landed.workspace / "ran").exists()
    code, result = landed.end(beside)
    assert (code, result["outcome"], result["commit"]) == (0, "AlreadyLanded", remote.tip())


def test_a_signal_reaches_the_command_and_its_end_is_waited_for(remote: Remote) -> None:
    pod = Pod(remote, "a")
    pod.prepare()
    beside = pod.deliver()
    command = pod.command("sh", "-c", "trap 'sleep 0.3; echo saved > new; exit 0' TERM; touch ready; sleep 60 & wait")
    pod.until(lambda: (pod.workspace / "ready").exists() and handles_sigterm(beside.pid))
    command.terminate()
    beside.terminate()  # as when a pod is deleted: both are told
    assert command.wait(SECONDS) == 0
    assert pod.end(beside)[1]["outcome"] == "Landed"
    assert remote.show("new") == "saved"


def test_told_to_end_before_the_command_has_begun_it_ends(remote: Remote) -> None:
    pod = Pod(remote, "a")
    pod.prepare()
    beside = pod.deliver()
    pod.until(lambda: handles_sigterm(beside.pid))
    beside.terminate()
    assert pod.end(beside) == (STOPPED, {})


def handles_sigterm(pid: int) -> bool:
    """Whether a process has started so far that it handles SIGTERM."""
    fields = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    return bool(int(fields["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("name", ["lock", "code"])
@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_what_the_task_puts_in_place_of_the_wrapper_s_files_neither_hangs_nor_is_read(
    remote: Remote, name: str, kind: str
) -> None:
    pod = Pod(remote, "a")
    pod.prepare()
    secret = pod.private / "zero"
    secret.write_text("0")
    target = pod.state / name
    target.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(target)
    elif kind == "link":
        target.symlink_to(secret)
    else:
        target.mkdir()
    (pod.state / "started").touch()
    code, result = pod.end(pod.deliver())
    assert (code, result["outcome"], "exitCode" in result) == (25, "Failed", False)


@pytest.fixture
def open_remote() -> Iterator[Remote]:
    """A remote in a folder that all users reach: each start of pytest closes those of its own temporary files."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Remote(Path(folder), {"README": "hello\n"})


@needs_root
def test_the_task_s_container_may_be_another_user_than_git(open_remote: Remote) -> None:
    remote = open_remote
    without_power = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")  # else root reads what is not for it
    pod = Pod(remote, "a", before=without_power)
    code, prepared = pod.prepare()
    assert (code, prepared["outcome"]) == (0, "Prepared")
    beside = pod.deliver()
    work = "umask 077; echo 2 >> README; mkdir own; echo x > own/secret-mode; echo x > own/run; chmod +x own/run"
    assert pod.command("sh", "-c", work, uid=AGENT).wait(SECONDS) == 0
    code, result = pod.end(beside)
    assert (code, result["outcome"], sorted(result["paths"])) == (0, "Landed", ["README", "own/run", "own/secret-mode"])
    listed = git(remote.path, "ls-tree", "-r", BRANCH)
    modes = {line.split("\t")[1]: line.split(" ")[0] for line in listed.splitlines()}
    assert (modes["own/run"], modes["own/secret-mode"]) == ("100755", "100644")


@needs_root
def test_nothing_writes_any_more_when_the_command_has_ended(remote: Remote) -> None:
    pod = Pod(remote, "a")
    pod.prepare()
    beside = pod.deliver()
    busy = "(while :; do date > ticks; done) & (while :; do date > tocks; done) & sleep 0.2"
    command = pod.command("sh", "-c", busy, before=("unshare", "--pid", "--fork", "--mount-proc"))
    assert command.wait(SECONDS) == 0
    code, result = pod.end(beside)
    assert (code, result["outcome"]) == (0, "Landed")
    assert remote.show("ticks") == (pod.workspace / "ticks").read_text().removesuffix("\n")


def test_nothing_writes_any_more_where_another_program_is_the_first_of_the_container(remote: Remote) -> None:
    pod = Pod(remote, "a")
    pod.prepare()
    beside = pod.deliver("--not-init")
    tick = "while :; do date +%N > ticks; done"
    # One in a session of its own, and one whose parent has ended.
    busy = (
        f"setsid sh -c '{tick}' & (({tick.replace('ticks', 'tocks')}) &) ; until test -s ticks -a -s tocks; do :; done"
    )
    assert pod.command("sh", "-c", busy).wait(SECONDS) == 0
    left = processes_in(pod.workspace)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []
    code, result = pod.end(beside)
    assert (code, result["outcome"], sorted(result["paths"])) == (0, "Landed", ["ticks", "tocks"])


def processes_in(folder: Path) -> list[int]:
    """The processes whose working directory is a folder."""
    found = []
    for each in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it ends meanwhile
            if each.name.isdigit() and (each / "cwd").readlink() == folder:
                found.append(int(each.name))
    return found


@pytest.mark.parametrize("code", ["", "0\\n", "0\\n\\n", "0\\n$(cat {state}/token)\\n", "0\\nguess\\n"])
def test_there_nothing_is_read_of_a_command_that_kills_its_wrapper(remote: Remote, code: str) -> None:
    pod = Pod(remote, "a")
    pod.prepare()
    forged = f'printf "{code.format(state=pod.state)}" > {pod.state}/code; ' if code else ""
    command = pod.command("sh", "-c", f"{forged}echo half > new; sleep 60")
    beside = pod.deliver("--not-init")
    pod.until((pod.workspace / "new").exists)
    os.killpg(command.pid, signal.SIGKILL)
    assert command.wait(SECONDS) == -signal.SIGKILL
    code, result = pod.end(beside)
    assert (code, result["outcome"]) == (25, "Failed")
    assert "processes of the task may still run" in result["message"]
    assert remote.state() == set()


def test_work_on_another_branch_is_told_in_the_result(remote: Remote) -> None:
    pod = Pod(remote, "a")
    away = "git switch -qc side && echo 1 > lost && git add lost && git commit -qm x && git switch -q -"
    code, beside, result = pod.run("sh", "-c", away)
    assert (code, beside, result["outcome"]) == (0, 0, "NoChange")
    assert result["kept"] == ["branch side is kept in refs/parallelproject/run-1/a/kept/1/branch-side"]
    failed = Pod(remote, "b")
    code, _, result = failed.run("sh", "-c", f"{away}; exit 3")
    assert (code, result["kept"]) == (3, ["branch side is kept in refs/parallelproject/run-1/b/kept/1/branch-side"])
