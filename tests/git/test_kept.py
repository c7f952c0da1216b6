"""What a task made and did not leave in the files of its checkout is kept and reported, never lost."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from parallelproject.git.landing.land import Landed
from parallelproject.git.plumbing.outcome import ConflictError, Outcome, PolicyError
from tests.git.remote import REFS, Attempt, Remote, git


def agent(attempt: Attempt, *arguments: str) -> str:
    """Git as the task runs it in its checkout."""
    return git(attempt.place.workspace, *arguments)


def commit(attempt: Attempt, path: str, content: str) -> None:
    attempt.write(path, content)
    agent(attempt, "add", "--all", "--force", path)
    agent(attempt, "commit", "--quiet", "-m", f"Add {path}")


def kept(landed: Landed) -> dict[str, str | None]:
    return {one.what: one.ref for one in landed.kept}


def on_another_branch(attempt: Attempt) -> None:
    agent(attempt, "switch", "--quiet", "--create", "feature/x")
    commit(attempt, "lost", "1")
    agent(attempt, "switch", "--quiet", "-")


def on_no_branch(attempt: Attempt) -> None:
    agent(attempt, "checkout", "--quiet", "--detach")
    commit(attempt, "lost", "1")
    agent(attempt, "switch", "--quiet", "-")


def stashed(attempt: Attempt) -> None:
    attempt.write("lost", "1")
    agent(attempt, "stash", "--quiet", "--include-untracked")


def stashed_twice(attempt: Attempt) -> None:
    stashed(attempt)
    attempt.write("README", "later\n")
    agent(attempt, "stash", "--quiet")


def stashed_and_dropped(attempt: Attempt) -> None:
    stashed(attempt)
    agent(attempt, "stash", "drop", "--quiet")


def taken_back(attempt: Attempt) -> None:
    commit(attempt, "lost", "1")
    agent(attempt, "reset", "--quiet", "--hard", "HEAD^")


def not_in_the_files_any_more(attempt: Attempt) -> None:
    commit(attempt, "lost", "1")
    (attempt.place.workspace / "lost").unlink()


def in_a_work_tree_committed(attempt: Attempt) -> None:
    tree = attempt.place.workspace.parent / "tree"
    agent(attempt, "worktree", "add", "--quiet", "-b", "side", str(tree))
    (tree / "lost").write_text("1")
    git(tree, "add", "lost")
    git(tree, "commit", "--quiet", "-m", "x")


def in_a_work_tree_not_committed(attempt: Attempt) -> None:
    tree = attempt.place.workspace.parent / "tree"
    agent(attempt, "worktree", "add", "--quiet", "-b", "side", str(tree))
    (tree / "lost").write_text("1")


def in_a_work_tree_that_is_gone(attempt: Attempt) -> None:
    in_a_work_tree_committed(attempt)
    agent(attempt, "worktree", "remove", str(attempt.place.workspace.parent / "tree"))
    agent(attempt, "branch", "--quiet", "-D", "side")


def in_packs(attempt: Attempt) -> None:
    on_another_branch(attempt)
    agent(attempt, "gc", "--quiet")


def in_a_branch_below_one_that_undid_it(attempt: Attempt) -> None:
    agent(attempt, "switch", "--quiet", "--create", "feature")
    commit(attempt, "lost", "1")
    agent(attempt, "switch", "--quiet", "--create", "later")
    agent(attempt, "rm", "--quiet", "lost")
    agent(attempt, "commit", "--quiet", "-m", "undo")
    agent(attempt, "switch", "--quiet", "parallel/x")


def merged_without_its_content(attempt: Attempt) -> None:
    on_another_branch(attempt)
    agent(attempt, "merge", "--quiet", "--strategy=ours", "-m", "x", "feature/x")


def merged_without_its_content_and_deleted(attempt: Attempt) -> None:
    merged_without_its_content(attempt)
    agent(attempt, "branch", "--quiet", "-D", "feature/x")


def fetched_from_itself(attempt: Attempt) -> None:
    on_another_branch(attempt)
    agent(attempt, "fetch", "--quiet", ".", "feature/x")


def pushed_to_a_backup(attempt: Attempt) -> None:
    backup = attempt.place.workspace.parent / "backup"
    agent(attempt, "init", "--quiet", "--bare", str(backup))
    git(backup, "config", "receive.shallowUpdate", "true")
    on_another_branch(attempt)
    agent(attempt, "remote", "add", "backup", str(backup))
    agent(attempt, "push", "--quiet", "backup", "feature/x")


def pushed_to_a_backup_and_deleted(attempt: Attempt) -> None:
    pushed_to_a_backup(attempt)
    agent(attempt, "branch", "--quiet", "-D", "feature/x")


def pushed_to_a_backup_without_reflogs(attempt: Attempt) -> None:
    pushed_to_a_backup(attempt)
    shutil.rmtree(attempt.place.workspace / ".git" / "logs")


WAYS = (
    on_another_branch, on_no_branch, stashed, stashed_twice, stashed_and_dropped, taken_back, not_in_the_files_any_more,
    in_a_work_tree_committed, in_a_work_tree_not_committed, in_a_work_tree_that_is_gone, in_packs,
    fetched_from_itself, pushed_to_a_backup, pushed_to_a_backup_and_deleted, pushed_to_a_backup_without_reflogs,
    in_a_branch_below_one_that_undid_it, merged_without_its_content, merged_without_its_content_and_deleted,
)  # fmt: skip


@pytest.mark.sampled(1, over="beside")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("beside", [False, True])
def test_work_that_is_elsewhere_is_kept_and_reported(
    remote: Remote, way: Callable[[Attempt], None], beside: bool
) -> None:
    attempt = remote.done("a", {})
    way(attempt)
    if beside:
        attempt.write("landing", "1")
    landed = attempt.land()
    assert landed.outcome is (Outcome.LANDED if beside else Outcome.NO_CHANGE)
    refs = [one.ref for one in landed.kept]
    assert all(ref and ref.startswith(f"{REFS}/a/kept/1/") for ref in refs)
    assert "lost" in set().union(*(remote.files(str(ref)) for ref in refs))
    assert {ref for ref in remote.refs() if "/kept/" in ref} == set(refs)
    assert attempt.land().kept == landed.kept  # again, as after it was cut off
    assert {ref for ref in remote.refs() if "/kept/" in ref} == set(refs)
    remote.check()


@pytest.mark.parametrize("date", ["@0 +0000", "@99999999 +0000", "@99999999999 +0000"])
def test_a_commit_of_any_time_is_kept(remote: Remote, date: str) -> None:
    attempt = remote.done("a", {})
    agent(attempt, "switch", "--quiet", "--create", "feature/x")
    attempt.write("lost", "1")
    agent(attempt, "add", "lost")
    tree, parent = agent(attempt, "write-tree"), agent(attempt, "rev-parse", "HEAD")
    person = f"x <x@example.org> {date.removeprefix('@')}"
    raw = f"tree {tree}\nparent {parent}\nauthor {person}\ncommitter {person}\n\nx\n"
    made = git(attempt.place.workspace, "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw)
    agent(attempt, "reset", "--quiet", "--hard", made)
    agent(attempt, "switch", "--quiet", "-")
    assert kept(attempt.land()) == {"branch feature/x": f"{REFS}/a/kept/1/branch-feature-x"}


def test_a_work_tree_says_what_is_not_kept_of_it(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1"}).with_policy(max_file_bytes=1000)
    in_a_work_tree_not_committed(attempt)
    tree = attempt.place.workspace.parent / "tree"
    (tree / "large").write_text("1" * 2000)
    git(tree, "init", "--quiet", "nested/deep")
    (tree / "nested" / "deep" / "file").write_text("1")
    (tree / "nested" / "deep" / "large").write_text("1" * 2000)
    landed = attempt.land()
    assert [one.note for one in landed.kept] == ["without large, nested/deep/large"]
    assert {"lost", "nested/deep/file"} <= remote.files(str(landed.kept[0].ref))


def test_each_piece_says_where_it_was(remote: Remote) -> None:
    attempt = remote.done("a", {})
    on_another_branch(attempt)
    stashed_twice(attempt)
    attempt.write("README", "first\n")
    landed = attempt.land()
    assert kept(landed) == {
        "branch feature/x": f"{REFS}/a/kept/1/branch-feature-x",
        "stash": f"{REFS}/a/kept/1/stash",
        "stash 1": f"{REFS}/a/kept/1/stash-1",
    }
    assert remote.show("README", f"{REFS}/a/kept/1/stash") == "later"
    said = f"branch feature/x is kept in {REFS}/a/kept/1/branch-feature-x"
    assert said in [str(one) for one in landed.kept]


def in_a_commit_on_no_branch(attempt: Attempt) -> None:
    agent(attempt, "checkout", "--quiet", "--detach")
    commit(attempt, "README", "large")
    agent(attempt, "checkout", "--quiet", "-")


def in_a_stash_that_was_dropped(attempt: Attempt) -> None:
    attempt.write("README", "large")
    agent(attempt, "stash", "--quiet")
    agent(attempt, "stash", "drop", "--quiet")


def in_a_commit_with_a_tag(attempt: Attempt) -> None:
    commit(attempt, "README", "large")
    agent(attempt, "tag", "--annotate", "-m", "v1", "v1")
    agent(attempt, "reset", "--quiet", "--hard", "HEAD~1")


def in_a_commit_that_was_taken_back(attempt: Attempt) -> None:
    commit(attempt, "README", "large")
    agent(attempt, "reset", "--quiet", "--hard", "HEAD~1")
    commit(attempt, "README", "other")


@pytest.mark.parametrize(
    "way",
    [in_a_commit_on_no_branch, in_a_stash_that_was_dropped, in_a_commit_with_a_tag, in_a_commit_that_was_taken_back],
    ids=lambda way: way.__name__,
)
def test_other_content_of_a_file_that_lands_is_kept(remote: Remote, way: Callable[[Attempt], None]) -> None:
    attempt = remote.done("a", {})
    way(attempt)
    attempt.write("README", "small")
    landed = attempt.land()
    assert remote.show("README") == "small"
    assert [remote.show("README", str(one.ref)) for one in landed.kept] == ["large"]
    if way is in_a_commit_with_a_tag:
        assert [one.what for one in landed.kept] == ["tag v1"]


def amended(attempt: Attempt) -> None:
    commit(attempt, "x", "1")
    attempt.write("x", "2")
    agent(attempt, "commit", "--quiet", "--all", "--amend", "-m", "better")


def merged(attempt: Attempt) -> None:
    agent(attempt, "switch", "--quiet", "--create", "feature")
    commit(attempt, "x", "1")
    agent(attempt, "switch", "--quiet", "-")
    agent(attempt, "merge", "--quiet", "--no-ff", "-m", "x", "feature")


def squashed(attempt: Attempt) -> None:
    agent(attempt, "switch", "--quiet", "--create", "feature")
    commit(attempt, "x", "1")
    agent(attempt, "switch", "--quiet", "-")
    agent(attempt, "merge", "--quiet", "--squash", "feature")


def stashed_and_taken(attempt: Attempt) -> None:
    attempt.write("x", "1")
    agent(attempt, "stash", "--quiet", "--include-untracked")
    agent(attempt, "stash", "pop", "--quiet")


def rebased(attempt: Attempt) -> None:
    for i in range(3):
        commit(attempt, "x", str(i))
    agent(attempt, "reset", "--quiet", "--soft", "HEAD~3")
    agent(attempt, "commit", "--quiet", "-m", "all of it")


def rebased_and_changed_later(attempt: Attempt) -> None:
    commit(attempt, "x", "1")
    commit(attempt, "y", "1")
    agent(attempt, "rebase", "--quiet", "--force-rebase", "HEAD~2")
    commit(attempt, "x", "2")


def fetched(attempt: Attempt) -> None:
    attempt.write("x", "1")
    other = attempt.place.workspace.parent / "other"
    other.mkdir()
    git(other, "init", "--quiet", "--initial-branch=master")
    (other / "theirs").write_text("1")
    git(other, "add", "theirs")
    git(other, "commit", "--quiet", "-m", "theirs")
    agent(attempt, "remote", "add", "other", str(other))
    agent(attempt, "fetch", "--quiet", "other")


def fetched_and_merged(attempt: Attempt) -> None:
    fetched(attempt)
    agent(attempt, "switch", "--quiet", "--create", "theirs", "other/master")
    agent(attempt, "switch", "--quiet", "--detach", "parallel/x")
    agent(attempt, "merge", "--quiet", "other/master", "--allow-unrelated-histories", "-m", "x")


def fetched_and_switched_to(attempt: Attempt) -> None:
    fetched(attempt)
    agent(attempt, "branch", "--quiet", "theirs", "other/master")
    agent(attempt, "switch", "--quiet", "--create", "ours", "theirs^0")
    agent(attempt, "merge", "--quiet", "--ff-only", "other/master")
    agent(attempt, "rebase", "--quiet", "other/master")
    agent(attempt, "switch", "--quiet", "parallel/x")


def staged(attempt: Attempt) -> None:
    attempt.write("x", "1")
    agent(attempt, "add", "x")
    agent(attempt, "rm", "--quiet", "--cached", "README")


def on_a_branch_that_is_checked_out(attempt: Attempt) -> None:
    agent(attempt, "switch", "--quiet", "--create", "feature")
    commit(attempt, "x", "1")


@pytest.mark.parametrize(
    "way",
    [
        amended,
        merged,
        squashed,
        stashed_and_taken,
        rebased,
        rebased_and_changed_later,
        fetched,
        fetched_and_merged,
        fetched_and_switched_to,
        staged,
        on_a_branch_that_is_checked_out,
    ],
    ids=lambda way: way.__name__,
)
def test_what_lands_is_not_kept_once_more(remote: Remote, way: Callable[[Attempt], None]) -> None:
    attempt = remote.done("a", {})
    way(attempt)
    landed = attempt.land()
    assert (landed.outcome, landed.kept) == (Outcome.LANDED, ())
    assert "x" in remote.files()
    assert "README" in remote.files()


def test_what_a_failed_command_has_elsewhere_is_kept_too(remote: Remote) -> None:
    attempt = remote.done("a", {"half": "1"})
    on_another_branch(attempt)
    salvaged = attempt.salvage()
    assert salvaged.outcome is Outcome.SALVAGED
    assert [one.what for one in salvaged.kept] == ["branch feature/x"]
    assert "lost" in remote.files(str(salvaged.kept[0].ref))


def test_no_ref_gets_what_may_not_be_pushed(remote: Remote) -> None:
    token = "ghp_" + "a1B2" * 9
    attempt = remote.done("a", {}).with_policy(ignore="*.private\n")
    agent(attempt, "switch", "--quiet", "--create", "feature")
    commit(attempt, "fine", "1")
    commit(attempt, "token", token)
    agent(attempt, "rm", "--quiet", "token")
    agent(attempt, "commit", "--quiet", "-m", "taken out again")
    commit(attempt, "config.ini", f"token = {token}")
    commit(attempt, "notes.private", "mine")
    commit(attempt, ".env", "PASSWORD=secret")
    agent(attempt, "switch", "--quiet", "-")
    landed = attempt.land()
    assert remote.files(str(landed.kept[0].ref)) - remote.files("main") == {"fine"}
    assert landed.kept[0].note == "without .env, config.ini, notes.private"
    everything = git(remote.path, "cat-file", "--batch-all-objects", "--batch", "--buffer")
    assert token not in everything
    assert "PASSWORD=secret" not in everything


def test_a_commit_of_an_older_base_is_not_a_way_back(remote: Remote) -> None:
    remote.done("first", {"new": "1", "README": "changed\n"}).land()
    attempt = remote.done("a", {}, depth=0)
    agent(attempt, "switch", "--quiet", "--create", "mine", "HEAD^")
    assert attempt.read("README") == "hello\n"
    commit(attempt, "x", "1")
    landed = attempt.land()
    assert landed.paths == ("x",)
    assert remote.show("README") == "changed"
    assert remote.files() >= {"new", "x"}


def test_an_older_base_that_does_not_fit_is_a_conflict_and_is_kept(remote: Remote) -> None:
    remote.done("first", {"README": "changed\n"}).land()
    attempt = remote.done("a", {}, depth=0)
    agent(attempt, "checkout", "--quiet", "HEAD^")
    attempt.write("README", "mine\n")
    with pytest.raises(ConflictError, match="older commit") as error:
        attempt.land()
    assert error.value.paths == ("README",)
    assert remote.show("README", str(error.value.ref)) == "mine"


def test_an_older_base_that_does_not_fit_keeps_no_secret_and_loses_no_branch(remote: Remote) -> None:
    remote.done("first", {"README": "changed\n"}).land()
    attempt = remote.done("a", {}, depth=0)
    on_another_branch(attempt)
    agent(attempt, "checkout", "--quiet", "HEAD^")
    attempt.write("README", "mine\n")
    attempt.write(".env", "PASSWORD=hunter2hunter2\n")
    with pytest.raises(ConflictError, match=r"Not kept: \.env\. Branch feature/x is kept in ") as error:
        attempt.land()
    assert remote.show("README", str(error.value.ref)) == "mine"
    assert ".env" not in remote.files(str(error.value.ref))
    assert "lost" in remote.files(f"{REFS}/a/kept/1/branch-feature-x")
    assert "hunter2hunter2" not in git(remote.path, "cat-file", "--batch-all-objects", "--batch", "--buffer")


def test_an_older_base_that_does_not_fit_keeps_the_files_of_repositories_within(remote: Remote) -> None:
    remote.done("first", {"README": "changed\n"}).land()
    attempt = remote.done("a", {}, depth=0)
    agent(attempt, "checkout", "--quiet", "HEAD^")
    attempt.write("README", "mine\n")
    attempt.write("new/f", "1")
    attempt.write("new/.env", "PASSWORD=hunter2hunter2\n")
    git(attempt.place.workspace / "new", "init", "--quiet")
    with pytest.raises(ConflictError, match=r"Not kept: new/\.env") as error:
        attempt.land()
    ref = str(error.value.ref)
    assert (remote.show("README", ref), remote.show("new/f", ref)) == ("mine", "1")
    assert "new/.env" not in remote.files(ref)


def test_a_credential_in_the_name_of_a_ref_that_cannot_be_read_is_not_shown(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1"})
    token = "ghp_" + "a1B2" * 9
    (attempt.place.workspace / ".git" / "refs" / "heads" / f"use-{token}").write_text("1" * 40)
    assert [str(one) for one in attempt.land().kept] == ["branch is not kept (its commit cannot be read)"]


def test_a_credential_in_the_words_of_a_branch_is_not_kept(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1"})
    token = "ghp_" + "a1B2" * 9
    agent(attempt, "switch", "--quiet", "--create", f"use-{token}")
    attempt.write("lost", "1")
    agent(attempt, "add", "lost")
    agent(attempt, "commit", "--quiet", "-m", f"Use {token}")
    agent(attempt, "switch", "--quiet", "-")
    landed = attempt.land()
    assert kept(landed) == {"branch": f"{REFS}/a/kept/1/branch"}
    assert token not in str(remote.refs())
    assert token not in git(remote.path, "cat-file", "--batch-all-objects", "--batch", "--buffer")


def test_plain_text_of_an_encrypting_filter_on_a_branch_is_not_kept(remote: Remote) -> None:
    remote.commit("main", {".gitattributes": "secret/** filter=git-crypt\n"}, "crypt")
    attempt = remote.done("a", {"x": "1"})
    on_another_branch(attempt)
    agent(attempt, "switch", "--quiet", "feature/x")
    attempt.write("secret/new", "plain-secret-text")
    agent(attempt, "add", "secret")
    agent(attempt, "commit", "--quiet", "-m", "x")
    agent(attempt, "switch", "--quiet", "-")
    landed = attempt.land()
    assert [one.note for one in landed.kept] == ["without secret/new"]
    assert "plain-secret-text" not in git(remote.path, "cat-file", "--batch-all-objects", "--batch", "--buffer")


def test_a_sparse_checkout_deletes_nothing(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1"})
    agent(attempt, "sparse-checkout", "set", "--no-cone", "folder")
    assert not (attempt.place.workspace / "a.txt").exists()
    attempt.write("folder/c.txt", "changed\n")
    assert set(attempt.land().paths) == {"x", "folder/c.txt"}


@pytest.mark.parametrize("flag", ["--skip-worktree", "--assume-unchanged"])
def test_what_git_is_told_to_overlook_lands(remote: Remote, flag: str) -> None:
    attempt = remote.done("a", {})
    agent(attempt, "update-index", flag, "README")
    attempt.write("README", "changed\n")
    assert attempt.land().paths == ("README",)


@pytest.mark.parametrize("how", ["gone", "link", "file", "garbage"])
def test_a_repository_that_cannot_be_read_is_reported(remote: Remote, tmp_path: Path, how: str) -> None:
    attempt = remote.done("a", {"x": "1"})
    on_another_branch(attempt)
    own, elsewhere = attempt.place.workspace / ".git", tmp_path / "elsewhere"
    if how == "garbage":
        for file in (own / "objects").glob("??/*"):
            file.chmod(0o644)
            file.write_bytes(b"garbage")
    else:
        own.rename(elsewhere)
    if how == "link":
        own.symlink_to(elsewhere)
    elif how == "file":
        own.write_text(f"gitdir: {elsewhere}\n")
    landed = attempt.land()
    assert landed.outcome is Outcome.LANDED
    assert landed.kept
    assert landed.kept[0].ref is None


def test_a_work_tree_elsewhere_must_say_that_it_is_one(remote: Remote, tmp_path: Path) -> None:
    attempt = remote.done("a", {"x": "1"})
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "private").write_text("canary-of-the-host")
    entry = attempt.place.workspace / ".git" / "worktrees" / "evil"
    entry.mkdir(parents=True)
    (entry / "HEAD").write_text(agent(attempt, "rev-parse", "HEAD"))
    (entry / "gitdir").write_text(f"{victim}/.git\n")
    assert attempt.land().kept == ()
    assert "canary-of-the-host" not in git(remote.path, "cat-file", "--batch-all-objects", "--batch", "--buffer")


def test_nothing_is_read_of_a_repository_that_a_link_has_put_in_the_place_of_the_workspace(
    remote: Remote, tmp_path: Path
) -> None:
    attempt, victim = remote.done("a", {"x": "1"}), tmp_path / "victim"
    victim.mkdir()
    git(victim, "init", "--quiet")
    (victim / "private").write_text("canary-of-the-host")
    git(victim, "add", "private")
    git(victim, "commit", "--quiet", "-m", "x")
    attempt.place.workspace.rename(tmp_path / "away")
    attempt.place.workspace.symlink_to(victim)
    with pytest.raises(PolicyError, match="removed or replaced its workspace"):
        attempt.land()
    commit = git(victim, "rev-parse", "HEAD")
    assert list(attempt.place.private.rglob(commit[2:])) == []


def test_objects_behind_links_and_alternates_are_not_read(remote: Remote, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    (other / "private").write_text("canary-of-the-host")
    git(other, "add", "private")
    git(other, "commit", "--quiet", "-m", "x")
    attempt = remote.done("a", {"x": "1"})
    own = attempt.place.workspace / ".git"
    (own / "objects" / "info").mkdir(exist_ok=True)
    (own / "objects" / "info" / "alternates").write_text(f"{other / '.git' / 'objects'}\n")
    for folder in (other / ".git" / "objects").glob("??"):
        if not (own / "objects" / folder.name).exists():
            (own / "objects" / folder.name).symlink_to(folder)
    (own / "refs" / "heads" / "evil").write_text(git(other, "rev-parse", "HEAD"))
    os.mkfifo(own / "FETCH_HEAD")
    (own / "packed-refs").symlink_to("/dev/zero")
    assert [str(one) for one in attempt.land().kept] == ["branch evil is not kept (its commit cannot be read)"]
    assert "canary-of-the-host" not in git(remote.path, "cat-file", "--batch-all-objects", "--batch", "--buffer")


def test_too_much_is_reported(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1"}).with_policy(max_bytes=10_000)
    agent(attempt, "switch", "--quiet", "--create", "feature")
    for i in range(3):
        attempt.write(f"large{i}", os.urandom(10_000).hex())
        agent(attempt, "add", ".")
    agent(attempt, "commit", "--quiet", "-m", "x")
    agent(attempt, "switch", "--quiet", "-")
    attempt.write("x", "1")
    assert [one.note for one in attempt.land().kept] == ["its .git is too large"]


def test_the_task_s_own_work_tree_within_the_checkout_is_kept_and_does_not_land(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1"})
    agent(attempt, "worktree", "add", "--quiet", "-b", "side", ".worktrees/side")
    attempt.write(".worktrees/side/lost", "1")
    landed = attempt.land()
    assert landed.paths == ("x",)
    assert "lost" in set().union(*(remote.files(str(one.ref)) for one in landed.kept))
    shutil.rmtree(attempt.place.workspace / ".worktrees")
