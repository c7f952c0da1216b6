"""The work of a run as a verification sees it: one change for each task, in the order of landing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import Probe
from parallelproject.git.branches.commit_to_check import commit_to_check, later_part
from parallelproject.git.branches.landed_work import branch_tip, landed_work
from parallelproject.git.plumbing.outcome import BranchRewrittenError
from parallelproject.git.plumbing.store import GitStore, opened
from tests.git.remote import BRANCH, Remote, git


@contextmanager
def store(remote: Remote) -> Iterator[GitStore]:
    attempt = remote.attempt("verification")
    with opened(attempt.delivery, attempt.place) as found:
        yield found


def seen(remote: Remote, since: str = "") -> LandedWork:
    with store(remote) as found:
        return landed_work(found, since, branch_tip(found))


def tree(remote: Remote, name: str, folder: Path) -> str:
    return git(folder, f"--git-dir={remote.path}", "rev-parse", f"{name}^{{tree}}")


def test_each_task_is_one_change_with_its_paths_and_lines(remote: Remote) -> None:
    start = remote.tip("main")
    first = remote.done("a", {"one": "1\n2\n"}).land().commit
    remote.done("b", {"two": "2\n", "README": "changed\n"}, 3).land()
    work = seen(remote)
    assert (work.base, work.tip) == (start, remote.tip())
    assert [change.task for change in work.changes] == ["a", "b"]
    assert [change.paths for change in work.changes] == [("one",), ("README", "two")]
    assert [(change.lines, change.retries) for change in work.changes] == [(2, 0), (3, 2)]
    assert work.changes[0].commit == first
    later = seen(remote, str(first))
    assert (later.base, [change.task for change in later.changes]) == (first, ["b"])
    assert LandedWork.from_json(work.to_json()) == work


def test_commits_of_people_and_of_other_runs_are_changes_of_nobody(remote: Remote) -> None:
    """Else a search would blame the task that landed next for what they break."""
    first = remote.done("a", {"one": "1\n"}).land().commit
    by_hand = remote.commit(BRANCH, {"by-hand": "x"}, "by hand")
    remote.done("b", {"two": "2\n"}).land()
    other = remote.done("a", {"other": "1\n"}, run="run-2").land().commit
    work = seen(remote)
    assert [change.task for change in work.changes] == ["a", f"~{by_hand}", "b", f"~{other}"]
    assert [change.paths for change in work.changes] == [("one",), ("by-hand",), ("two",), ("other",)]
    later = seen(remote, str(first))
    assert [change.task for change in later.changes] == [f"~{by_hand}", "b", f"~{other}"]


def test_what_people_have_pushed_at_once_is_one_change(remote: Remote) -> None:
    first = remote.done("a", {"one": "1\n"}).land().commit
    remote.commit(BRANCH, {"by-hand": "x"}, "by hand")
    last = remote.commit(BRANCH, {"by-hand": "y", "more": "z"}, "by hand again")
    remote.done("b", {"two": "2\n"}).land()
    remote.done("a", {"one": "2\n"}, 2, repair=1).land()
    work = seen(remote)
    assert [change.task for change in work.changes] == ["a", f"~{first}..{last}", "b"]
    assert work.changes[1].paths == ("by-hand", "more")
    assert seen(remote) == work
    with store(remote) as found:
        landed_work(found, work.base, branch_tip(found))
        tip = found.text("rev-parse", f"{work.tip}^{{tree}}")
        assert found.text("rev-parse", f"{work.changes[-1].commit}^{{tree}}") == tip


def test_a_commit_that_is_not_on_the_branch_any_more_is_no_base(remote: Remote) -> None:
    start = remote.tip("main")
    first = remote.done("a", {"one": "1\n"}).land().commit
    gone = remote.done("b", {"two": "2\n"}).land().commit
    git(remote.path, "update-ref", f"refs/heads/{BRANCH}", str(first))
    work = seen(remote, str(gone))
    assert (work.base, [change.task for change in work.changes]) == (start, ["a"])


def test_a_repair_and_its_task_are_one_change_that_is_always_the_same(remote: Remote) -> None:
    remote.done("a", {"one": "wrong\n"}).land()
    second = remote.done("b", {"two": "2\n"}).land().commit
    remote.done("a", {"one": "right\n"}, 2, repair=1).land()
    work = seen(remote)
    assert [change.task for change in work.changes] == ["a", "b"]
    assert seen(remote) == work
    assert work.changes[1].commit != second  # it is on another history
    with store(remote) as found:
        landed_work(found, work.base, branch_tip(found))
        squashed, last = work.changes
        assert found.text("show", f"{squashed.commit}:one") == "right"
        assert found.text("rev-parse", f"{last.commit}^") == squashed.commit
        assert found.text("rev-parse", f"{last.commit}^{{tree}}") == found.text("rev-parse", f"{work.tip}^{{tree}}")


def test_a_repair_that_builds_on_later_work_is_in_the_place_of_the_repair(remote: Remote) -> None:
    remote.done("a", {"one": "1\n"}).land()
    remote.done("b", {"two": "2\n"}).land()
    remote.done("a", {"two": "2, repaired\n"}, 2, repair=1).land()
    work = seen(remote)
    assert [change.task for change in work.changes] == ["b", "a"]
    assert work.changes[1].paths == ("one", "two")


def test_commits_that_cannot_be_put_together_stay_as_they_are(remote: Remote) -> None:
    remote.done("a", {"one": "1\n"}).land()
    remote.done("b", {"one": "2\n"}).land()
    remote.done("a", {"one": "3\n"}, 2, repair=1).land()
    assert [change.task for change in seen(remote).changes] == ["a", "b", "a"]


def test_a_branch_that_was_deleted_is_an_error_of_its_own(remote: Remote) -> None:
    remote.done("a", {"one": "1\n"}).land()
    git(remote.path, "update-ref", "-d", f"refs/heads/{BRANCH}")
    with store(remote) as found, pytest.raises(BranchRewrittenError):
        branch_tip(found)


def test_a_part_of_a_work_has_a_base_on_the_branch_also_where_a_task_has_several_commits(remote: Remote) -> None:
    remote.done("a", {"one": "1\n"}).land()
    remote.done("b", {"two": "2\n"}).land()
    second = remote.done("c", {"three": "3\n"}).land().commit
    remote.done("a", {"one": "2\n"}, 2, repair=1).land()
    remote.done("b", {"two": "3\n"}, 2, repair=1).land()
    work = seen(remote)
    assert [change.task for change in work.changes] == ["a", "b", "c"]
    with store(remote) as found:
        branch_tip(found)
        part = later_part(found, work, 2)
        assert ([change.task for change in part.changes], part.base, part.left_out) == (["a", "b"], second, 1)
        whole = later_part(found, work, 5)
        assert whole.changes == work.changes
        none = later_part(found, work, 0)
        assert (none.base, none.tip, none.changes, none.left_out) == (work.tip, work.tip, (), 3)
    with store(remote) as another:  # as in the pod of the next run
        assert commit_to_check(another, Probe(1), (part.base, part.tip), "", ()).work.changes == part.changes
