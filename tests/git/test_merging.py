"""A conflict with the base, resolved by the tasks of the files: nothing with a marker lands, and nothing is lost."""

from pathlib import Path
from typing import Any

import pytest

from parallelproject.git.branches.followed_branch import FollowedBranch
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.plumbing.delivery import ConflictMerge
from parallelproject.git.plumbing.outcome import BranchRewrittenError, Outcome, PolicyError
from tests.git.remote import BRANCH, RUN, Attempt, Remote, git

TEXT = "1\n{}\n3\n"


@pytest.fixture
def conflict(remote: Remote) -> str:
    """Two tasks have landed, and the base has changed the same lines; its commit."""
    for task in "ab":
        remote.done(task, {f"{task}.txt": TEXT.format("ours")}).land()
    files = {f"{task}.txt": TEXT.format("theirs") for task in "ab"}
    return remote.commit("main", {**files, "new.txt": "of main\n"}, "The same files on main")


def followed(remote: Remote) -> FollowedBranch:
    return FollowedBranch(Branches(url=str(remote.path), private=remote.folder / "p", local=True), RUN, BRANCH, "main")


def resolving(remote: Remote, task: str, commit: str, **fields: Any) -> Attempt:
    merging = ConflictMerge(commit=commit, paths=(f"{task}.txt",))
    return remote.attempt(task, 2, repair=1, depth=0, merging=merging, **fields)


def test_each_task_resolves_its_files_and_then_the_branch_has_the_base(remote: Remote, conflict: str) -> None:
    branch = followed(remote)
    seen = branch.look()
    assert (seen.onto, set(seen.paths)) == (conflict, {"a.txt", "b.txt"})
    attempts = [resolving(remote, task, conflict) for task in "ab"]
    for task, other, attempt in zip("ab", "ba", attempts, strict=True):
        assert attempt.prepare().outcome is Outcome.PREPARED
        assert "<<<<<<<" in attempt.read(f"{task}.txt")
        assert attempt.read(f"{other}.txt") == TEXT.format("ours"), "the markers of others would land with its work"
        assert attempt.read("new.txt") == "of main\n"
        attempt.write(f"{task}.txt", TEXT.format("both"))
    assert attempts[0].land().outcome is Outcome.LANDED
    assert not branch.join(conflict, {"a.txt"})
    assert not branch.join(conflict, {"a.txt"}), "b has not resolved its file"
    assert attempts[1].land().outcome is Outcome.LANDED
    assert branch.join(conflict, {"a.txt", "b.txt"})
    tip = remote.tip()
    assert branch.join(conflict, {"a.txt", "b.txt"})
    assert remote.tip() == tip, "once"
    assert branch.look().paths == ()
    assert git(remote.path, "rev-parse", f"{tip}^2") == conflict
    assert [remote.show(f"{each}.txt").split() for each in "ab"] == [["1", "both", "3"]] * 2
    assert remote.show("new.txt") == "of main"
    assert remote.tasks()[:4] == ["a", "b", "a", "b"]


def test_a_file_that_still_has_markers_does_not_land(remote: Remote, conflict: str) -> None:
    attempt = resolving(remote, "a", conflict)
    attempt.prepare()
    before = remote.tip()
    with pytest.raises(PolicyError, match="still has conflict markers"):
        attempt.land()
    assert remote.tip() == before


def test_what_is_merged_is_no_work_of_the_task(remote: Remote, conflict: str) -> None:
    """It may have what the task itself may not add."""
    attempt = resolving(remote, "a", conflict).with_policy(files=("a.txt",), enforce_files=True)
    attempt.prepare()
    attempt.write("a.txt", TEXT.format("both"))
    assert attempt.land().outcome is Outcome.LANDED
    other = resolving(remote, "b", conflict).with_policy(files=("b.txt",), enforce_files=True)
    other.prepare()
    other.write("b.txt", TEXT.format("both"))
    other.write("more.txt", "1\n")
    with pytest.raises(PolicyError, match=r"more\.txt"):
        other.land()


def test_work_that_lands_meanwhile_is_kept(remote: Remote, conflict: str) -> None:
    attempts = [resolving(remote, task, conflict) for task in "ab"]
    for task, attempt in zip("ab", attempts, strict=True):
        attempt.prepare()
        attempt.write(f"{task}.txt", TEXT.format("both"))
    remote.commit(BRANCH, {"person.txt": "mine\n"}, "A person's work")
    for attempt in attempts:
        attempt.land()
    assert followed(remote).join(conflict, {"a.txt", "b.txt"})
    assert remote.show("person.txt") == "mine"


def test_a_base_that_was_rewritten_ends_the_attempt(remote: Remote, conflict: str) -> None:
    git(remote.path, "update-ref", "refs/heads/main", f"{conflict}^")
    git(remote.path, "reflog", "expire", "--expire=now", "--all")
    with pytest.raises(BranchRewrittenError, match="not on its base any more"):
        resolving(remote, "a", conflict).prepare()
    assert not followed(remote).join(conflict, {"a.txt", "b.txt"})


def test_it_needs_the_whole_history(tmp_path: Path, remote: Remote) -> None:
    with pytest.raises(PolicyError, match="depth 0"):
        remote.attempt("a", merging=ConflictMerge(commit="a" * 40))
