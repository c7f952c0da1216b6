"""A run that takes work off the branch in a pod: its container as a process, with a real repository."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from parallelproject.core.verification.check_message import CheckEnd, said_in
from parallelproject.core.verification.probe import ProbeOutcome
from parallelproject.core.verification.revert_message import (
    ReportedRevert,
    read_revert_end,
    read_taken_out,
    request_fields,
)
from parallelproject.git.container.main import main
from tests.git.killer import HOW, KILLED, Killer
from tests.git.remote import BRANCH, REFS, Remote, git
from tests.git.test_main import instruction
from tests.git.test_taken_out import LINES, asked, landed
from tests.sampling import Sampler

IDS = ["a", "b", "c", "d"]
MOST = 4096


class RevertPod:
    """The pod of one run."""

    def __init__(self, remote: Remote, *tasks: str, **fields: Any) -> None:
        remote.attempts += 1
        self.folder = remote.folder / f"revert-{remote.attempts}"
        self.folder.mkdir()
        self.said = self.folder / "said"
        place = {"workspace": str(self.folder / "workspace"), "private": str(self.folder / "private")}
        given = instruction(remote, "verification", **place, revert=request_fields(asked(*tasks, **fields)))
        self.file = self.folder / "check.json"
        self.file.write_text(json.dumps(given))

    def run(self) -> int:
        before = signal.getsignal(signal.SIGTERM)
        try:
            return main(["revert", str(self.file), "--result", str(self.said)])
        finally:
            signal.signal(signal.SIGTERM, before)  # of this process, which is not a container

    def step(self) -> None:
        """The run as a process."""
        if code := self.run():
            raise SystemExit(code)

    def end(self) -> CheckEnd | None:
        """What the operator reads."""
        text = self.said.read_text() if self.said.exists() else ""
        assert len(text) <= MOST
        return read_revert_end(text)

    def reported(self) -> ReportedRevert | None:
        end = self.end()
        assert end is not None
        assert end.outcome is ProbeOutcome.PASSED
        return read_taken_out(end.printed, IDS)


def test_the_work_is_taken_out_by_one_commit_and_reported(remote: Remote) -> None:
    landed(remote)
    before = remote.tip()
    pod = RevertPod(remote, "a", dependents={"a": ["c"]})
    assert pod.run() == 0
    assert pod.reported() == ReportedRevert(remote.tip(), ("a", "c"))
    assert git(remote.path, "rev-parse", f"{BRANCH}^") == before
    assert "two" in remote.files()
    assert not {"one", "three"} & remote.files()
    assert git(remote.path, "log", "-1", "--format=%an %ae %s", BRANCH) == (
        "agents agents@example.org Revert the work of a, c"
    )
    assert not (pod.folder / "workspace").exists(), "it needs none: its container has no such folder"
    assert remote.state() == {f"{task}/landed" for task in "abc"} | {"b/repair/1/landed"}, "no ref but the branch"
    remote.check()


def test_another_pod_finds_what_was_done(remote: Remote) -> None:
    landed(remote)
    first = RevertPod(remote, "b")
    assert first.run() == 0
    remote.done("d", {"later": "x"}).land()
    tip = remote.tip()
    again = RevertPod(remote, "b")
    assert again.run() == 0
    assert again.reported() == first.reported()
    assert remote.tip() == tip


def test_what_lands_meanwhile_stays(remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landed(remote)
    before = remote.tip()
    remote.done("d", {"between": "x"}).land()
    between = remote.tip()
    git(remote.path, "update-ref", f"refs/heads/{BRANCH}", before)
    killer = Killer(tmp_path)
    # It lands after the branch was read, before the push.
    monkeypatch.setitem(
        HOW, "landing", f'git --git-dir={remote.path} update-ref refs/heads/{BRANCH} {between}; real "$@"; exit $?'
    )
    calls = killer.commands(RevertPod(remote, "b").step)
    git(remote.path, "update-ref", f"refs/heads/{BRANCH}", before)
    pod = RevertPod(remote, "b")
    assert killer.run(pod.step, calls.index("push") + 1, "landing") == 0
    assert killer.calls.read_text().split().count("push") == 2
    assert pod.reported() == ReportedRevert(remote.tip(), ("b",))
    assert git(remote.path, "rev-parse", f"{BRANCH}^") == between
    assert {"one", "three", "between"} <= remote.files()
    assert not {"two", "four"} & remote.files()


def test_a_pod_that_is_asked_to_end_does_it_and_reports(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed(remote)
    killer = Killer(tmp_path)
    monkeypatch.setitem(HOW, "asked", 'kill -TERM $PPID; real "$@"; exit $?')
    pod = RevertPod(remote, "b")
    assert killer.run(pod.step, 3, "asked") == 0
    assert pod.reported() == ReportedRevert(remote.tip(), ("b",))


def test_the_next_attempt_of_such_a_task_lands_its_work_again(remote: Remote) -> None:
    landed(remote)
    assert RevertPod(remote, "a", "b").run() == 0
    again = remote.done("b", {"two": "2\n", "four": "4\n"}, 3, repair=2).land()
    assert again.outcome == "Landed", "the refs and commits of what it landed before are of other pieces of work"
    assert {"two", "four"} <= remote.files()
    assert remote.done("a", {"one": LINES}, 2, repair=1).land().outcome == "Landed"
    assert remote.show("one") == LINES.rstrip("\n")


def test_work_that_somebody_else_builds_on_stays_and_the_report_says_why(remote: Remote) -> None:
    remote.done("a", {"one": LINES}).land()
    tip = remote.commit(BRANCH, {"one": LINES.replace("10\n", "ten\n")}, "by hand")
    pod = RevertPod(remote, "a")
    assert pod.run() == 0
    end = pod.end()
    assert end is not None
    assert end.outcome is ProbeOutcome.CONFLICT
    assert end.printed
    assert remote.tip() == tip


def test_a_repository_that_cannot_be_read_is_reported_and_another_run_may_do_it(remote: Remote) -> None:
    landed(remote)
    git(remote.path, "update-ref", "-d", f"refs/heads/{BRANCH}")
    pod = RevertPod(remote, "b")
    assert pod.run() == 21
    end = pod.end()
    assert end is not None
    assert (end.outcome, "was deleted" in end.printed) == (ProbeOutcome.BROKEN, True)


def test_an_instruction_that_is_not_ours_does_nothing(remote: Remote) -> None:
    landed(remote)
    before = remote.refs()
    pod = RevertPod(remote, "b")
    given = json.loads(pod.file.read_text())
    for wrong in ({"graph": "?"}, {"number": "x"}, {"more": 1}):
        pod.file.write_text(json.dumps({**given, "revert": {**given["revert"], **wrong}}))
        assert pod.run() == 22
        assert pod.end() is None
        assert "the instruction" in said_in(pod.said.read_text())
    assert remote.refs() == before


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", sorted(HOW))
def test_lost_at_any_call_of_git_it_is_done_once_by_the_next_pod(
    remote: Remote, tmp_path: Path, sampled: Sampler, how: str
) -> None:
    landed(remote)
    killer = Killer(tmp_path)
    before = remote.tip()
    calls = list(enumerate(killer.commands(RevertPod(remote, "b").step), 1))
    for at, command in sampled(calls, 2, lambda call: call[1] == "push"):
        git(remote.path, "update-ref", f"refs/heads/{BRANCH}", before)
        first = RevertPod(remote, "b")
        code = killer.run(first.step, at, how)
        assert (code == KILLED) == (how in ("after", "orphan")), (command, at)
        later = RevertPod(remote, "b")
        assert later.run() == 0
        report = later.reported()
        assert report is not None
        reverts = git(remote.path, "log", "--format=%H", "--grep=^Parallel-Revert: 1$", BRANCH).split()
        assert (reverts, report.tasks) == ([report.commit], ("b",)), (command, at)
        assert git(remote.path, "rev-parse", f"{BRANCH}^") == before
        if code == 0:
            assert first.reported() == report, (command, at)
    assert not [name for name in remote.refs() if name.startswith(f"{REFS}/verification")]
    remote.check()
