"""What a repository may be, and what a task finds of its history: object formats, partial clones, tags, the base."""

from pathlib import Path

import pytest

from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.plumbing.outcome import ConflictError, Outcome, PolicyError
from parallelproject.git.plumbing.refs import TaskRefs
from tests.git.remote import BRANCH, REFS, RUN, Attempt, Remote, git

SHA256 = 64


@pytest.fixture
def newer(tmp_path: Path) -> Remote:
    """A repository that names its objects by SHA-256."""
    return Remote(tmp_path, {"a.txt": "1\n", "folder/c.txt": "1\n"}, "sha256")


def test_work_lands_in_a_sha_256_repository(newer: Remote) -> None:
    attempts = [newer.done(name, {f"{name}.txt": "1"}) for name in "xyz"]
    (attempts[0].place.workspace / "folder" / "c.txt").unlink()
    for attempt in attempts:
        landed = attempt.land()
        assert (landed.outcome, len(landed.commit or "")) == (Outcome.LANDED, SHA256)
    assert newer.tasks() == ["x", "y", "z"]
    assert newer.files() == {"a.txt", "x.txt", "y.txt", "z.txt"}
    assert newer.attempt("x", 2).prepare().outcome is Outcome.ALREADY_LANDED
    newer.check()


def test_a_sha_256_repository_keeps_what_does_not_land(newer: Remote) -> None:
    attempt = newer.done("b", {"a.txt": "mine\n"})
    inside = attempt.place.workspace
    assert git(inside, "rev-parse", "--show-object-format") == "sha256"
    git(inside, "switch", "--quiet", "--create", "side")
    attempt.write("lost", "1")
    git(inside, "add", "lost")
    git(inside, "commit", "--quiet", "-m", "x")
    git(inside, "switch", "--quiet", "-")
    newer.done("c", {"a.txt": "theirs\n"}).land()
    with pytest.raises(ConflictError) as error:
        attempt.land()
    assert error.value.ref == f"{REFS}/b/conflict/1"
    assert "lost" in newer.files(f"{REFS}/b/kept/1/branch-side")
    newer.done("d", {"half": "1"}).salvage()
    assert "half" in newer.files(f"{REFS}/d/salvage/1")
    newer.check()


def test_a_sha_256_repository_is_published(newer: Remote, tmp_path: Path) -> None:
    newer.done("x", {"x.txt": "1"}).land()
    branches = Branches(url=str(newer.path), private=tmp_path / "publishing", local=True)
    assert not branches.merged(BRANCH, "main")
    assert branches.fast_forward("main", BRANCH, newer.tip())
    assert branches.merged(BRANCH, "main")
    branches.forget_landed(RUN, ["x"])
    assert TaskRefs(RUN, "x").landed not in newer.refs()


def test_a_partial_clone_is_one_clear_error(remote: Remote, tmp_path: Path) -> None:
    git(remote.path, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--bare", "--filter=blob:none", f"file://{remote.path}", str(clone))
    remote.path.rename(tmp_path / "gone")
    attempt = remote.attempt("a")
    attempt = Attempt(
        type(attempt.delivery)(url=str(clone), branch=BRANCH, run=RUN, task="a", local=True), attempt.place
    )
    with pytest.raises(PolicyError, match="git fetch --refetch") as error:
        attempt.prepare()
    assert error.value.reason == "IncompleteRepository"


def test_a_branch_in_the_way_is_named_with_the_fix(remote: Remote) -> None:
    remote.commit("parallel", {"x": "1"}, "in the way")
    with pytest.raises(PolicyError) as error:
        remote.attempt("a").prepare()
    assert error.value.reason == "BranchInTheWay"
    assert 'has a branch "parallel"' in str(error.value)
    assert "delete the existing one, or set another spec.git.branch" in str(error.value)


def test_with_all_of_the_history_tags_and_base_are_there(remote: Remote) -> None:
    git(remote.path, "tag", "v1.0", "main")
    git(remote.path, "tag", "-a", "v1.1", "-m", "annotated", "main")
    git(remote.path, "branch", "maintenance", "main")
    remote.commit("main", {"later": "1"}, "later")
    remote.done("first", {"x": "1"}).land()
    attempt = remote.done("a", {"y": "1"}, depth=0)
    inside = attempt.place.workspace
    assert git(inside, "describe", "--tags", "main") == "v1.1-1-g" + remote.tip("main")[:7]
    assert git(inside, "diff", "--name-only", "main", "HEAD") == "x"
    assert git(inside, "merge-base", "HEAD", "v1.0") == git(remote.path, "rev-parse", "v1.0")
    assert git(inside, "for-each-ref", "--format=%(refname)").splitlines() == [
        "refs/heads/main", f"refs/heads/{BRANCH}", "refs/tags/v1.0", "refs/tags/v1.1",
    ]  # fmt: skip
    assert git(inside, "rev-parse", "--is-shallow-repository") == "false"
    landed = attempt.land()
    assert (landed.paths, landed.kept) == (("y",), ())
    remote.check()


def test_without_it_there_is_the_last_commit(remote: Remote) -> None:
    git(remote.path, "tag", "v1.0", "main")
    remote.done("first", {"x": "1"}).land()
    inside = remote.done("a", {}).place.workspace
    assert git(inside, "log", "--format=%H") == remote.tip()
    assert git(inside, "tag") == ""


@pytest.mark.parametrize("base", ["v1.0", "refs/tags/v1.0", "refs/heads/main"])
def test_the_base_may_be_a_tag_or_a_full_name(remote: Remote, base: str) -> None:
    git(remote.path, "tag", "v1.0", "main")
    inside = remote.done("a", {}, depth=0, base_ref=base).place.workspace
    assert git(inside, "tag") == "v1.0"
    assert ("main" in git(inside, "branch")) is (base == "refs/heads/main")
