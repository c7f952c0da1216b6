"""The work of tasks is taken off the branch by one new commit, once, with what builds on it."""

from pathlib import Path
from typing import Any

import pytest

from parallelproject.core.verification.revert_request import RevertRequest
from parallelproject.git.branches.taken_out import TakenOut, take_out
from parallelproject.git.plumbing.outcome import ConflictError
from tests.git.killer import HOW, Killer
from tests.git.remote import BRANCH, RUN, Remote, git
from tests.git.test_landed_work import seen, store
from tests.sampling import Sampler

LINES = "".join(f"{n}\n" for n in range(1, 21))


def asked(
    *tasks: str, number: int = 1, dependents: dict[str, list[str]] | None = None, since: str = ""
) -> RevertRequest:
    graph = {task: list[str]() for task in "abcd"} | (dependents or {})
    return RevertRequest(number, tasks, graph, tuple("abcd"), since, "The check test fails.")


def taken(remote: Remote, *tasks: str, **fields: Any) -> TakenOut:
    with store(remote) as found:
        return take_out(found, asked(*tasks, **fields))


def trailers(remote: Remote) -> str:
    return git(remote.path, "log", "-1", "--format=%(trailers:unfold)", BRANCH).strip()


def landed(remote: Remote) -> None:
    remote.done("a", {"one": LINES}).land()
    remote.done("b", {"two": "2\n"}).land()
    remote.done("c", {"three": "3\n"}).land()
    remote.done("b", {"two": "3\n", "four": "4\n"}, 2, repair=1).land()


def test_all_commits_of_a_task_are_taken_out_by_one_and_the_rest_stays(remote: Remote) -> None:
    landed(remote)
    before = remote.tip()
    found = taken(remote, "b")
    assert found == TakenOut(remote.tip(), ("b",))
    assert git(remote.path, "rev-parse", f"{BRANCH}^") == before
    assert {"one", "three"} <= remote.files()
    assert not {"two", "four"} & remote.files()
    assert trailers(remote).split("\n") == [f"Parallel-Run: {RUN}", "Parallel-Revert: 1", "Parallel-Reverted: b"]
    remote.check()


def test_it_is_done_once_whoever_asks_again(remote: Remote) -> None:
    landed(remote)
    found = taken(remote, "b")
    remote.commit(BRANCH, {"later": "x"}, "by hand")
    tip = remote.tip()
    assert taken(remote, "b") == found
    assert remote.tip() == tip
    assert taken(remote, "b", number=2) == TakenOut("", ()), "nothing of it is left"


def test_a_commit_of_a_run_whose_record_was_lost_is_another_one(remote: Remote) -> None:
    landed(remote)
    first = taken(remote, "b")
    remote.done("b", {"two": "again\n"}, 3, repair=2).land()
    assert taken(remote, "b") == first, "what repeats it late takes out nothing that has landed since"
    assert "two" in remote.files()
    failed_on = remote.tip()
    found = taken(remote, "b", since=failed_on)
    assert found == TakenOut(remote.tip(), ("b",))
    assert "two" not in remote.files()
    assert taken(remote, "b", since=failed_on) == found


def test_what_landed_again_may_be_taken_out_again(remote: Remote) -> None:
    landed(remote)
    taken(remote, "b")
    remote.done("b", {"two": "again\n"}, 3, repair=2).land()
    assert taken(remote, "b", number=2).tasks == ("b",)
    assert not {"two", "four"} & remote.files()
    assert "one" in remote.files()


def test_dependents_are_taken_out_as_well(remote: Remote) -> None:
    landed(remote)
    assert taken(remote, "a", dependents={"a": ["not-landed"], "not-landed": ["c"]}).tasks == ("a", "c")
    assert not {"one", "three"} & remote.files()
    assert "two" in remote.files()


def test_work_that_has_not_succeeded_stays_where_it_can(remote: Remote) -> None:
    """That of a task that has failed for what it breaks, and that no one was asked to take out."""
    landed(remote)
    request = asked("a", dependents={"a": ["b"], "b": ["c"]})._replace(landed=("a", "c"))
    with store(remote) as found:
        assert take_out(found, request).tasks == ("a", "c")
    assert {"two", "four"} <= remote.files()


def test_work_that_git_cannot_keep_without_it_is_taken_out_with_its_dependents(remote: Remote) -> None:
    remote.done("a", {"one": LINES}).land()
    remote.done("b", {"one": LINES.replace("10\n", "ten\n")}).land()
    remote.done("c", {"three": "3\n"}).land()
    remote.done("d", {"four": "4\n"}).land()
    assert taken(remote, "a", dependents={"b": ["d"]}).tasks == ("a", "b", "d")
    assert "three" in remote.files()
    assert not {"one", "four"} & remote.files()


def test_other_places_of_a_file_are_kept(remote: Remote) -> None:
    remote.commit("main", {"one": LINES}, "lines")
    remote.done("a", {"one": LINES.replace("2\n", "two\n", 1)}).land()
    remote.done("b", {"one": remote.show("one").replace("19\n", "nineteen\n") + "\n"}).land()
    assert taken(remote, "a").tasks == ("a",)
    assert remote.show("one").splitlines() == LINES.replace("19\n", "nineteen\n").splitlines()


def test_only_work_on_the_same_lines_is_taken_out_with_it(remote: Remote) -> None:
    remote.commit("main", {"one": LINES}, "lines")
    text = LINES
    for task, line, new in (("a", "2\n", "two\n"), ("b", "two\n", "2b\n"), ("c", "19\n", "nineteen\n")):
        text = text.replace(line, new, 1)
        remote.done(task, {"one": text}).land()
    remote.commit(BRANCH, {"one": text.replace("nineteen\n", "XIX\n")}, "by hand")
    assert taken(remote, "a").tasks == ("a", "b")
    assert remote.show("one").splitlines() == LINES.replace("19\n", "XIX\n").splitlines()


def test_work_that_somebody_else_builds_on_stays(remote: Remote) -> None:
    remote.done("a", {"one": LINES}).land()
    tip = remote.commit(BRANCH, {"one": LINES.replace("10\n", "ten\n")}, "by hand")
    with pytest.raises(ConflictError):
        taken(remote, "a")
    assert remote.tip() == tip


def test_a_verification_sees_the_branch_without_it(remote: Remote) -> None:
    landed(remote)
    found = taken(remote, "b")
    work = seen(remote)
    assert work.tip == found.commit
    assert work.changes[-1].task == f"~{found.commit}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", sorted(HOW))
def test_killed_at_every_call_of_git_it_is_done_once(
    remote: Remote, tmp_path: Path, sampled: Sampler, how: str
) -> None:
    landed(remote)
    killer = Killer(tmp_path)
    before = remote.tip()
    calls = list(enumerate(killer.commands(lambda: taken(remote, "b")), 1))
    for at, command in sampled(calls, 2, lambda call: call[1] == "push"):
        git(remote.path, "update-ref", f"refs/heads/{BRANCH}", before)
        killer.run(lambda: taken(remote, "b"), at, how)
        assert remote.tip() in (before, git(remote.path, "rev-parse", BRANCH))
        found = taken(remote, "b")
        assert found.tasks == ("b",), command
        assert git(remote.path, "rev-parse", f"{BRANCH}^") == before, "one commit more"
        assert {"one", "three"} <= remote.files()
        assert not {"two", "four"} & remote.files()
