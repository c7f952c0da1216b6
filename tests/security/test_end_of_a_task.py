"""The work of a task that is still running is not read: whoever reads it sees credentials, and could be led to them."""

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from parallelproject.git.landing import salvage
from parallelproject.git.plumbing.outcome import TransientError
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.workspace.snapshot import WorkSnapshot, snapshot
from tests.git.remote import REFS, Remote, git
from tests.git.test_pod import AGENT, SECONDS, Pod, needs_root

KEY = "AKIA" + "Q3EGRPZ7KX5YH2NB"  # in two parts, so that no scanner takes it for one


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path, {"README": "hello\n"})


@contextmanager
def running(pod: Pod, script: str) -> Iterator[None]:
    """The task runs its script, and then waits until it is let go."""
    held = ("sh", "-c", 'exec "$@" <fifo', "-")
    command = pod.command("sh", "-c", f"{script}; touch done; cat >/dev/null", before=held)
    try:
        with (pod.workspace / "fifo").open("w"):
            pod.until((pod.workspace / "done").exists)
            yield
            assert command.poll() is None
    finally:
        command.wait(SECONDS)


@pytest.mark.parametrize("instead", ["", ": >lock", "ln -s /dev/null lock", "mkfifo lock", "cp started lock"])
@pytest.mark.parametrize("code", [0, 1])
def test_nothing_is_read_of_a_task_that_has_removed_its_lock(remote: Remote, instead: str, code: int) -> None:
    pod = Pod(remote, "a")
    assert pod.prepare()[0] == 0
    os.mkfifo(pod.workspace / "fifo")
    with running(pod, f"echo x >new; cd {pod.state}; rm -f lock; {instead or ':'}; echo {code} >code; cd -"):
        ended, result = pod.end(pod.deliver())
    assert (ended, result["outcome"]) == (25, "Failed")
    assert "removed its lock" in result["message"]
    assert remote.state() == set()
    assert remote.tip() == remote.tip("main")


def test_a_code_that_was_written_early_does_not_end_the_wait(remote: Remote) -> None:
    pod = Pod(remote, "a")
    assert pod.prepare()[0] == 0
    os.mkfifo(pod.workspace / "fifo")
    with running(pod, f"echo 0 >{pod.state}/code; echo half >new"):
        beside = pod.deliver()
        deadline = time.monotonic() + SECONDS
        while not _waits_for_a_lock(beside.pid):
            assert beside.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        (pod.workspace / "new").write_text("whole")
    assert pod.end(beside)[1]["outcome"] == "Landed"
    assert remote.show("new") == "whole"


def _waits_for_a_lock(pid: int) -> bool:
    return any("->" in line and f" {pid} " in line for line in Path("/proc/locks").read_text().splitlines())


@needs_root
def test_the_wrapper_cannot_be_looked_into_by_the_command_that_it_runs(remote: Remote) -> None:
    pod = Pod(remote, "a", before=("setpriv", "--bounding-set=-all", "--inh-caps=-all"))
    for path in (remote.folder, *remote.folder.parents):
        path.chmod(path.stat().st_mode | 0o001)
    assert pod.prepare()[0] == 0
    look = "import os; open(f'/proc/{os.getpid()}/environ').close(); open(f'/proc/{os.getppid()}/environ')"
    assert pod.command("/usr/bin/env", "python3", "-c", look, uid=AGENT).wait(SECONDS) == 1


@pytest.mark.parametrize("often", [1, 100])
def test_what_is_written_between_two_looks_is_looked_through_too(
    remote: Remote, monkeypatch: pytest.MonkeyPatch, often: int
) -> None:
    attempt = remote.done("a", {"good": "1", "key": KEY})
    looks = 0

    def with_a_writer(store: GitStore, base: str, leave_out: Collection[str] = (), *, keeping: bool) -> WorkSnapshot:
        nonlocal looks
        taken = snapshot(store, base, leave_out, keeping=keeping)
        if looks < often:
            attempt.write(f"late-{looks}", KEY)
        looks += 1
        return taken

    monkeypatch.setattr(salvage, "snapshot", with_a_writer)
    if often == 1:
        kept = attempt.salvage()
        assert kept.left_out == ("key", "late-0")
        assert remote.files(f"{REFS}/a/salvage/1") >= {"good"}
    else:
        with pytest.raises(TransientError) as error:
            attempt.salvage()
        assert error.value.reason == "NotKept"
    assert KEY not in git(remote.path, "cat-file", "--batch-all-objects", "--batch", "--buffer")
