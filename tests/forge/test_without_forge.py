"""Plain git: the pull request is the branch, and its merge a fast-forward of the base."""

from dataclasses import replace
from pathlib import Path

import pytest

from parallelproject.forge.publishing.result import PublishEnd
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.plumbing.outcome import AuthOrProtectedError
from parallelproject.git.plumbing.refs import task_branch
from parallelproject.model.spec import MergeMode
from tests.forge.setup import BRANCH, Publisher
from tests.git.remote import Remote, git

WHEN = MergeMode.WHEN_CHECKS_PASS


def test_the_base_is_moved_forward_to_the_very_commit(without_forge: Publisher, remote: Remote) -> None:
    tip = remote.commit(BRANCH, {"x": "1"}, "a", force_parent=remote.tip("main"))
    published = without_forge.shared(WHEN)
    assert (published.end, published.merge_commit, published.number) == (PublishEnd.MERGED, tip, 0)
    assert remote.tip("main") == tip
    assert without_forge.shared(WHEN) == published
    assert without_forge.time.passed < 5  # no checks to wait for


def test_by_hand_nothing_is_moved(without_forge: Publisher, remote: Remote) -> None:
    main = remote.tip("main")
    remote.commit(BRANCH, {"x": "1"}, "a", force_parent=main)
    assert without_forge.shared().end is PublishEnd.OPEN
    assert remote.tip("main") == main


def test_a_base_that_has_gone_on_is_merged_into_the_branch(without_forge: Publisher, remote: Remote) -> None:
    old = remote.commit(BRANCH, {"x": "1"}, "a", force_parent=remote.tip("main"))
    theirs = remote.commit("main", {"m": "1"}, "main goes on")
    assert without_forge.shared(WHEN).end is PublishEnd.MERGED
    assert remote.tip("main") == remote.tip()
    assert git(remote.path, "rev-parse", "main^1", "main^2").split() == [old, theirs]
    assert (remote.show("x", "main"), remote.show("m", "main")) == ("1", "1")


def test_a_base_that_moves_at_the_last_moment_is_not_overwritten(
    without_forge: Publisher, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.commit(BRANCH, {"x": "1"}, "a", force_parent=remote.tip("main"))
    real, pushed = Branches.fast_forward, []

    def late(self: Branches, base: str, branch: str, commit: str) -> bool:
        if len(pushed) < 2:
            pushed.append(remote.commit("main", {f"m{len(pushed)}": "1"}, "main goes on"))
        return real(self, base, branch, commit)

    monkeypatch.setattr(Branches, "fast_forward", late)
    assert without_forge.shared(WHEN).end is PublishEnd.MERGED
    assert {"x", "m0", "m1"} <= remote.files("main")


def test_a_conflict_is_given_back(without_forge: Publisher, remote: Remote) -> None:
    remote.commit(BRANCH, {"x": "1"}, "a", force_parent=remote.tip("main"))
    theirs = remote.commit("main", {"x": "2"}, "main goes on")
    published = without_forge.shared(WHEN)
    assert (published.end, published.paths) == (PublishEnd.CONFLICT, ("x",))
    assert remote.tip("main") == theirs


def test_a_queue_of_tasks_makes_a_line_of_one_commit_each(without_forge: Publisher, remote: Remote) -> None:
    start = remote.tip("main")
    for task in "abc":
        remote.commit(task_branch(BRANCH, task), {task: "1"}, f"task {task}", force_parent=start)
    remote.commit(task_branch(BRANCH, "bad"), {"a": "other"}, "bad", force_parent=start)
    published = without_forge.per_task(["b", "a", "bad", "c"])
    assert [p.end for p in published] == [PublishEnd.MERGED, PublishEnd.MERGED, PublishEnd.CONFLICT, PublishEnd.MERGED]
    assert git(remote.path, "log", "--format=%s", "main").splitlines() == ["task c", "task a", "task b", "start"]
    assert git(remote.path, "log", "--format=%an", "-1", "main") == "someone"
    assert set(remote.refs()) == {f"refs/heads/{BRANCH}/bad"}
    remote.check()
    again = without_forge.per_task(["b", "a", "bad", "c"])
    assert [p.end for p in again] == [PublishEnd.NOTHING, PublishEnd.NOTHING, PublishEnd.CONFLICT, PublishEnd.NOTHING]


def test_a_base_that_somebody_has_checked_out_is_not_moved_under_their_feet(
    without_forge: Publisher, remote: Remote, tmp_path: Path
) -> None:
    main = remote.tip("main")
    remote.commit(BRANCH, {"x": "1"}, "a", force_parent=main)
    checkout = tmp_path / "checkout"
    git(tmp_path, "clone", "--quiet", str(remote.path), str(checkout))
    git(checkout, "branch", "--quiet", BRANCH, f"origin/{BRANCH}")
    publisher = Publisher(replace(without_forge.settings, repository=str(checkout)))
    with pytest.raises(AuthOrProtectedError, match="checked out"):
        publisher.shared(WHEN)
    assert git(checkout, "rev-parse", "HEAD") == main
    assert git(checkout, "status", "--porcelain") == ""
