"""SIGKILL at every call of git, and every answer lost: no work is lost, nothing lands twice, nothing is left behind."""

from pathlib import Path

import pytest

from parallelproject.git.plumbing.outcome import Outcome
from tests.git.killer import KILLED, Killer, ends
from tests.git.remote import REFS, Attempt, Remote, git
from tests.sampling import Sampler

pytestmark = pytest.mark.timeout(1200)  # hundreds of processes one after the other, on whatever machine

REMOTE_COMMANDS = {"fetch", "push", "ls-remote"}
KEPT = 3
"""How many of the calls are in a sample, besides those that change the remote."""


@pytest.fixture
def killer(tmp_path: Path) -> Killer:
    return Killer(tmp_path)


def edits(remote: Remote, task: str, **fields: object) -> Attempt:
    """An attempt whose work has to be merged with what somebody landed in the meantime."""
    attempt = remote.attempt(task, branch=f"parallel/{task}", **fields)
    attempt.prepare()
    lines = attempt.read("a.txt").splitlines()
    attempt.write("a.txt", "\n".join([*lines, task, ""]))
    remote.commit(f"parallel/{task}", {"a.txt": "\n".join(["OTHER", *lines[1:], ""])}, "other")
    return attempt


def check_landed_once(remote: Remote, task: str) -> None:
    branch = f"parallel/{task}"
    assert remote.tasks(branch) == ["", task]
    text = remote.show("a.txt", branch).splitlines()
    assert (text[0], text[-1]) == ("OTHER", task)
    assert {name for name in remote.state() if name.startswith(f"{task}/")} == {f"{task}/landed"}
    assert remote.refs()[f"{REFS}/{task}/landed"] == remote.tip(branch)


def numbers(killer: Killer, attempt: Attempt) -> list[tuple[int, str]]:
    return list(enumerate(killer.commands(attempt.land), 1))


def changes_the_remote(call: tuple[int, str]) -> bool:
    """Where most can go wrong: these calls are in every sample."""
    return call[1] == "push"


@pytest.mark.sampled(1)
@pytest.mark.parametrize("how", ["after", "orphan"])
def test_killed_at_every_call_of_landing_and_called_again(
    remote: Remote, killer: Killer, sampled: Sampler, how: str
) -> None:
    for at, command in sampled(numbers(killer, edits(remote, "t0")), KEPT, changes_the_remote):
        attempt = edits(remote, f"t{at}")
        assert killer.run(attempt.land, at, how) == KILLED, command
        attempt.land()
        check_landed_once(remote, f"t{at}")
    remote.check()


def test_killed_at_every_call_of_landing_and_a_new_attempt_started(
    remote: Remote, killer: Killer, sampled: Sampler
) -> None:
    """In a new place: the workspace of the first is gone. The command runs again only if its work was not yet safe."""
    calls = numbers(killer, edits(remote, "t0"))
    is_safe_from = next(at for at, command in calls if command == "push")
    for at, _ in sampled(calls, KEPT, changes_the_remote):
        task, safe = f"t{at}", at >= is_safe_from
        assert killer.run(edits(remote, task).land, at) == KILLED
        second = remote.attempt(task, 2, branch=f"parallel/{task}")
        outcome = second.prepare().outcome
        assert (outcome is Outcome.PREPARED) == (not safe)
        if outcome is Outcome.PREPARED:
            second.write("a.txt", second.read("a.txt") + task + "\n")
        second.land()
        check_landed_once(remote, task)
    remote.check()


@pytest.mark.parametrize("how", ["lost", "unreachable"])
def test_every_answer_lost_in_landing(remote: Remote, killer: Killer, sampled: Sampler, how: str) -> None:
    asked = [call for call in numbers(killer, edits(remote, "t0")) if call[1] in REMOTE_COMMANDS]
    for at, command in sampled(asked, 2, changes_the_remote):
        attempt = edits(remote, f"t{at}")
        assert killer.run(attempt.land, at, how) == 0, command
        check_landed_once(remote, f"t{at}")
    remote.check()


def test_killed_at_every_call_of_a_landing_that_conflicts(remote: Remote, killer: Killer, sampled: Sampler) -> None:
    def clashing(task: str) -> Attempt:
        attempt = remote.attempt(task, branch=f"parallel/{task}")
        attempt.prepare()
        attempt.write("README", f"{task}\n")
        remote.commit(f"parallel/{task}", {"README": "other\n"}, "other")
        return attempt

    killer.run(ends(clashing("t0")))
    calls = enumerate(killer.calls.read_text().split(), 1)
    deaths = [(at, command, how) for at, command in calls for how in ("after", "lost")]
    for at, command, how in sampled(deaths, KEPT, lambda death: death[1] == "push"):
        task = f"t{at}-{how}"
        attempt = clashing(task)
        killer.run(ends(attempt), at, how)
        assert killer.run(ends(attempt)) == 20, command
        assert {name for name in remote.state() if name.startswith(f"{task}/")} == {f"{task}/conflict/1"}
        assert remote.show("README", f"{REFS}/{task}/conflict/1") == task
        assert git(remote.path, "log", "--format=%s", f"main..parallel/{task}") == "other"


@pytest.mark.sampled(1)
@pytest.mark.parametrize("how", ["after", "orphan"])
def test_killed_at_every_call_of_prepare(remote: Remote, killer: Killer, sampled: Sampler, how: str) -> None:
    calls = enumerate(killer.commands(remote.attempt("t0", branch="parallel/t0").prepare), 1)
    for at, command in sampled(calls, KEPT, changes_the_remote):
        task = f"t{at}"
        attempt = remote.attempt(task, branch=f"parallel/{task}")
        assert killer.run(attempt.prepare, at, how) == KILLED, command
        assert attempt.prepare().outcome is Outcome.PREPARED
        assert git(attempt.place.workspace, "status", "--porcelain") == ""
        assert git(attempt.place.workspace, "ls-files") == "README\na.txt\nb.txt\nfolder/c.txt"
        attempt.write("a.txt", attempt.read("a.txt") + "x\n")
        assert attempt.land().paths == ("a.txt",)
    remote.check()


def test_killed_at_every_call_of_salvage(remote: Remote, killer: Killer, sampled: Sampler) -> None:
    calls = enumerate(killer.commands(remote.done("t0", {"x": "half"}).salvage), 1)
    deaths = [(at, command, how) for at, command in calls for how in ("after", "orphan")]
    for at, command, how in sampled(deaths, KEPT, lambda death: death[1] == "push"):
        attempt = remote.done(f"t{at}-{how}", {"x": "half"})
        assert killer.run(attempt.salvage, at, how) == KILLED, command
        attempt.salvage()
        task = attempt.delivery.task
        assert {name for name in remote.state() if name.startswith(f"{task}/")} == {f"{task}/salvage/1"}
        assert remote.show("x", f"{REFS}/{task}/salvage/1") == "half"
