"""Repairs of what a task has landed: each is one more commit of the task, and lands once."""

from pathlib import Path

from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.plumbing.outcome import Outcome
from parallelproject.git.plumbing.refs import refs_by_task
from tests.git.remote import REFS, RUN, Remote, git


def test_a_repair_lands_on_top_with_its_own_trailer(remote: Remote) -> None:
    first = remote.done("a", {"one": "wrong\n"})
    first.land()
    remote.done("b", {"two": "2\n"}).land()
    repair = remote.attempt("a", 2, repair=1)
    assert repair.prepare().outcome is Outcome.PREPARED
    assert (repair.read("one"), repair.read("two")) == ("wrong\n", "2\n")
    repair.write("one", "right\n")
    landed = repair.land()
    assert (landed.outcome, landed.commit) == (Outcome.LANDED, remote.tip())
    assert remote.tasks() == ["a", "b", "a"]
    trailers = git(remote.path, "log", "-1", "--format=%(trailers)", remote.tip()).split("\n")
    assert trailers == ["Parallel-Run: run-1", "Parallel-Task: a", "Parallel-Attempt: 2", "Parallel-Repair: 1", ""]
    assert remote.state() == {"a/landed", "b/landed", "a/repair/1/landed"}
    remote.check()


def test_each_lands_once_also_without_the_record(remote: Remote) -> None:
    remote.done("a", {"one": "1\n"}).land()
    repair = remote.done("a", {"one": "2\n"}, 2, repair=1)
    copy = remote.done("a", {"one": "3\n"}, 2, repair=1)
    assert repair.land().outcome is Outcome.LANDED
    git(remote.path, "update-ref", "-d", f"{REFS}/a/repair/1/landed")
    assert copy.land().outcome is Outcome.ALREADY_LANDED
    assert remote.attempt("a", 3, repair=1).prepare().outcome is Outcome.ALREADY_LANDED
    assert remote.attempt("a", 3).prepare().outcome is Outcome.ALREADY_LANDED
    assert remote.done("a", {"one": "4\n"}, 3, repair=2).land().outcome is Outcome.LANDED
    assert remote.tasks() == ["a", "a", "a"]
    assert remote.show("one") == "4"


def test_the_work_of_the_task_does_not_count_for_its_repair(remote: Remote) -> None:
    remote.done("b", {"two": "2\n"}).land()
    repair = remote.done("a", {"one": "2\n"}, 2, repair=1)
    remote.done("a", {"other": "1\n"}).land()  # it is in the history since the base of the repair
    assert repair.land().outcome is Outcome.LANDED
    assert remote.tasks() == ["b", "a", "a"]


def test_the_last_commit_of_a_task_is_that_of_its_last_repair() -> None:
    refs = {
        f"{REFS}/a/landed": "1",
        f"{REFS}/a/repair/1/landed": "2",
        f"{REFS}/a/repair/10/landed": "4",
        f"{REFS}/a/repair/2/landed": "3",
        f"{REFS}/a/repair/11/result": "5",
        f"{REFS}/a/salvage/1": "6",
        f"{REFS}/b/landed": "7",
    }
    found = refs_by_task(RUN, ["a", "b"], refs.items())
    assert found == {"a": {"landed": "4", "result": "5", "salvage/1": "6"}, "b": {"landed": "7"}}


def test_a_run_that_is_merged_keeps_no_record_of_either(remote: Remote, tmp_path: Path) -> None:
    remote.done("a", {"one": "1\n"}).land()
    remote.done("a", {"one": "2\n"}, 2, repair=1).land()
    remote.done("b", {"two": "2\n"}).land()
    Branches(url=str(remote.path), private=tmp_path / "publishing", local=True).forget_landed(RUN, ["a"])
    assert remote.state() == {"b/landed"}
