"""One task's work: prepared, landed, and what may come in between."""

import pytest

from parallelproject.git.plumbing.delivery import LandPolicy
from parallelproject.git.plumbing.outcome import (
    AuthOrProtectedError,
    BranchRewrittenError,
    ConflictError,
    Outcome,
    PolicyError,
)
from tests.git.remote import BRANCH, REFS, Remote, git


def test_work_lands_as_one_commit_with_its_trailers(remote: Remote) -> None:
    attempt = remote.attempt(
        "api", title="Add the API", body="As written in docs.\n\nCo-authored-by: A <a@example.org>"
    )
    prepared = attempt.prepare()
    assert (prepared.outcome, prepared.base) == (Outcome.PREPARED, git(remote.path, "rev-parse", "main"))
    assert attempt.read("README") == "hello\n"
    attempt.write("README", "changed\n")
    attempt.write("new/file", "new\n")
    (attempt.place.workspace / "b.txt").unlink()
    landed = attempt.land()
    assert landed.outcome is Outcome.LANDED
    assert landed.commit == remote.tip()
    assert (set(landed.paths), landed.pushes) == ({"README", "new/file", "b.txt"}, 1)
    assert remote.files() == {"a.txt", "folder/c.txt", "README", "new/file"}
    trailers = "Co-authored-by: A <a@example.org>\nParallel-Run: run-1\nParallel-Task: api\nParallel-Attempt: 1"
    assert git(remote.path, "log", "-1", "--format=%B", BRANCH) == f"Add the API\n\nAs written in docs.\n\n{trailers}\n"
    assert git(remote.path, "log", "-1", "--format=%(trailers)", BRANCH).strip() == trailers
    assert remote.state() == {"api/landed"}
    remote.check()


def test_the_task_sees_a_repository_without_remote_or_credential(remote: Remote) -> None:
    attempt = remote.attempt("a")
    attempt.prepare()
    workspace = attempt.place.workspace
    assert git(workspace, "status", "--porcelain", "--branch") == f"## {BRANCH}"
    assert git(workspace, "log", "--format=%s") == "start"
    assert git(workspace, "remote") == ""
    attempt.write("a.txt", "other\n")
    assert git(workspace, "diff", "--name-only") == "a.txt"
    git(workspace, "commit", "--quiet", "--all", "-m", "mine\n\nParallel-Task: forged")
    git(workspace, "fsck", "--full")
    attempt.land()
    assert remote.tasks() == ["a"]


def test_work_lands_on_what_others_have_landed_since(remote: Remote) -> None:
    first, second = remote.done("a", {"one": "1"}), remote.done("b", {"two": "2"})
    first.land()
    second.land()
    assert remote.tasks() == ["a", "b"]
    assert {"one", "two"} <= remote.files()
    remote.check()


def test_edits_of_one_file_are_merged(remote: Remote) -> None:
    lines = remote.show("a.txt", "main").splitlines()
    first = remote.done("a", {"a.txt": "\n".join(["FIRST", *lines[1:], ""])})
    second = remote.done("b", {"a.txt": "\n".join([*lines[:-1], "LAST", ""])})
    second.write("b", "alone")
    assert first.land().shared == ()
    assert second.land().shared == ("a.txt",)
    assert remote.show("a.txt").splitlines() == ["FIRST", *lines[1:-1], "LAST"]


def test_a_conflict_is_kept_and_the_task_run_again_on_what_has_landed(remote: Remote) -> None:
    first, second = remote.done("a", {"README": "hello\na\n"}), remote.done("b", {"README": "hello\nb\n"})
    first.land()
    with pytest.raises(ConflictError) as error:
        second.land()
    assert (error.value.exit_code, error.value.paths) == (20, ("README",))
    assert error.value.ref == f"{REFS}/b/conflict/1"
    assert remote.show("README", error.value.ref) == "hello\nb"
    assert remote.state() == {"a/landed", "b/conflict/1"}
    again = remote.attempt("b", 2)
    again.prepare()
    again.write("README", again.read("README") + "b\n")
    again.land()
    assert remote.show("README") == "hello\na\nb"
    assert remote.tasks() == ["a", "b"]
    remote.check()


def test_disjoint_refuses_what_would_merge(remote: Remote) -> None:
    lines = remote.show("a.txt", "main").splitlines()
    first = remote.done("a", {"a.txt": "\n".join(["FIRST", *lines[1:], ""])})
    second = remote.done("b", {"a.txt": "\n".join([*lines[:-1], "LAST", ""])}).with_policy(land=LandPolicy.DISJOINT)
    third = remote.done("c", {"b.txt": "other\n"}).with_policy(land=LandPolicy.DISJOINT)
    first.land()
    with pytest.raises(ConflictError) as error:
        second.land()
    assert (error.value.reason, error.value.paths) == ("ChangedSinceBase", ("a.txt",))
    third.land()
    assert remote.tasks() == ["a", "c"]


def test_an_edit_never_moves_between_equal_files(remote: Remote) -> None:
    """What git makes of it when it follows renames: the edit of x/same lands in whichever copy it likes best."""
    text = "".join(f"{i}\n" for i in range(30))
    remote.commit("main", {"x/same": text, "y/same": text}, "two equal files")
    mover, editor = (
        remote.done("a", {"moved/one": text, "moved/two": text}),
        remote.done("b", {"x/same": "edit\n" + text}),
    )
    for path in ("x/same", "y/same"):
        (mover.place.workspace / path).unlink()
    mover.land()
    with pytest.raises(ConflictError) as error:
        editor.land()
    assert error.value.paths == ("x/same",)


def test_the_bases_attributes_decide_how_files_merge(remote: Remote) -> None:
    lines = "".join(f"{i}\n" for i in range(30))
    remote.commit("main", {"deps.lock": lines, ".gitattributes": "*.lock -merge\n"}, "locked")
    first, second = remote.done("a", {"deps.lock": "x\n" + lines}), remote.done("b", {"deps.lock": lines + "y\n"})
    second.write(".gitattributes", "*.lock merge=union\n")
    first.land()
    with pytest.raises(ConflictError) as error:
        second.land()
    assert error.value.paths == ("deps.lock",)


def test_nothing_changed_is_no_commit(remote: Remote) -> None:
    attempt = remote.done("a", {})
    attempt.write("a.txt", attempt.read("a.txt"))
    assert attempt.land().outcome is Outcome.NO_CHANGE
    assert remote.refs() == {f"refs/heads/{BRANCH}": remote.tip("main")}
    with pytest.raises(PolicyError, match="changed nothing"):
        attempt.with_policy(no_change_fails=True).land()


def test_the_same_change_twice_is_two_commits(remote: Remote) -> None:
    """Every task has its commit, so that the branch tells what was done."""
    first, second = remote.done("a", {"README": "same\n"}), remote.done("b", {"README": "same\n"})
    first.land()
    second.land()
    assert remote.tasks() == ["a", "b"]


def test_a_change_in_the_same_second_and_of_the_same_size_is_seen(remote: Remote) -> None:
    """git compares whole seconds, and looks closer only at files that are as new as the index itself."""
    for n in range(5):
        attempt = remote.done(f"t{n}", {"README": f"hell{n}\n"})
        assert git(attempt.place.workspace, "status", "--porcelain").strip() == "M README"
        assert attempt.land().paths == ("README",)


def test_landing_again_lands_nothing(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1"})
    first = attempt.land()
    assert attempt.land().outcome is Outcome.ALREADY_LANDED
    assert remote.tip() == first.commit
    assert remote.state() == {"a/landed"}


def test_a_retry_that_starts_on_its_own_commit_does_not_land_twice(remote: Remote) -> None:
    """base..tip is empty then: only the ref tells."""
    remote.done("a", {"x": "1"}).land()
    later = remote.attempt("a", 2)
    assert later.prepare().outcome is Outcome.ALREADY_LANDED
    zombie = remote.attempt("a", 2, run="other")
    zombie.prepare()
    zombie.write("x", "2")
    zombie.delivery = later.delivery
    assert zombie.land().outcome is Outcome.ALREADY_LANDED
    assert remote.tasks() == ["a"]
    assert remote.state() == {"a/landed", "a/salvage/2"}
    assert remote.show("x", f"{REFS}/a/salvage/2") == "2"


def test_a_commit_whose_record_was_lost_is_known_by_its_trailers(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1"})
    commit = attempt.land().commit
    git(remote.path, "update-ref", "-d", f"{REFS}/a/landed")
    again = attempt.land()
    assert (again.outcome, again.commit) == (Outcome.ALREADY_LANDED, commit)
    assert remote.state() == {"a/landed"}
    assert remote.tasks() == ["a"]


def test_work_that_is_safe_lands_without_running_the_command_again(remote: Remote) -> None:
    """Also after the branch has moved on, and with no more history here than was asked for."""
    attempt = remote.done("a", {"x": "1"})
    hook = remote.path / "hooks" / "update"
    hook.write_text(f'#!/bin/sh\ntest "$1" != refs/heads/{BRANCH}\n')
    hook.chmod(0o755)
    git(remote.path, "config", "core.hooksPath", "hooks")
    other = remote.done("b", {"y": "1"})
    hook.unlink()
    other.land()
    git(remote.path, "update-ref", f"{REFS}/a/result", commit_of(remote, attempt))
    for n in range(5):
        remote.commit(BRANCH, {f"later-{n}": "x"}, "later")
    second = remote.attempt("a", 2)
    assert second.prepare().outcome is Outcome.LAND_ONLY
    assert list(second.place.workspace.iterdir()) == [] if second.place.workspace.exists() else True
    landed = second.land()
    assert (landed.outcome, landed.commit) == (Outcome.LANDED, remote.tip())
    assert remote.tasks()[-1] == "a"
    assert remote.state() == {"a/landed", "b/landed"}
    assert "Parallel-Attempt: 1" in git(remote.path, "log", "-1", "--format=%B", BRANCH)
    remote.check()


def commit_of(remote: Remote, attempt: object) -> str:
    """The commit of an attempt that ended right after its work was safe."""
    from parallelproject.git.plumbing.store import opened
    from parallelproject.git.workspace.prepare import prepared_base
    from parallelproject.git.workspace.snapshot import snapshot
    from tests.git.remote import Attempt

    assert isinstance(attempt, Attempt)
    with opened(attempt.delivery, attempt.place) as store:
        commit = snapshot(store, prepared_base(attempt.place) or "").commit
        assert commit
        git(remote.path, "fetch", "--quiet", str(store.git.directory), commit)
        return commit


def test_another_attempts_work_found_there_goes_first(remote: Remote) -> None:
    """A copy that was thought dead left its work: it lands, and ours is kept."""
    zombie, second = remote.done("a", {"x": "zombie"}), remote.done("a", {"x": "second"}, 2)
    git(remote.path, "update-ref", f"{REFS}/a/result", commit_of(remote, zombie))
    assert second.land().commit == remote.tip()
    assert remote.show("x") == "zombie"
    assert remote.state() == {"a/landed", "a/salvage/2"}
    assert remote.tasks() == ["a"]


def test_another_attempts_work_that_conflicts_gives_way_to_ours(remote: Remote) -> None:
    zombie = remote.done("a", {"README": "zombie"})
    other = remote.done("b", {"README": "other"})
    other.land()
    second = remote.done("a", {"x": "second"}, 2)
    git(remote.path, "update-ref", f"{REFS}/a/result", commit_of(remote, zombie))
    assert second.land().outcome is Outcome.LANDED
    assert remote.show("x") == "second"
    assert remote.state() == {"a/landed", "a/conflict/1", "b/landed"}


def test_a_rewritten_branch_is_not_written_to(remote: Remote) -> None:
    remote.done("a", {"x": "1"}).land()
    attempt = remote.done("b", {"y": "1"})
    rewritten = remote.commit(BRANCH, {"z": "1"}, "rewritten", force_parent=remote.tip("main"))
    with pytest.raises(BranchRewrittenError) as error:
        attempt.land()
    assert error.value.exit_code == 21
    assert remote.tip() == rewritten
    assert remote.state() == {"a/landed", "b/salvage/1"}
    assert error.value.ref == f"{REFS}/b/salvage/1"


def test_work_is_kept_when_its_base_is_nowhere_on_the_remote_any_more(remote: Remote) -> None:
    """The remote would take it for a shallow history, and refuses those."""
    remote.commit(BRANCH, {"person": "1"}, "a person's", force_parent=remote.tip("main"))
    attempt, failed = remote.done("a", {"x": "1"}), remote.done("b", {"y": "1"})
    remote.commit(BRANCH, {"z": "1"}, "rewritten", force_parent=remote.tip("main"))
    git(remote.path, "gc", "--quiet", "--prune=now")
    with pytest.raises(BranchRewrittenError) as error:
        attempt.land()
    assert error.value.ref == f"{REFS}/a/salvage/1"
    assert failed.salvage().ref == f"{REFS}/b/salvage/1"
    assert git(remote.path, "show", "--format=", "--name-only", error.value.ref) == "x"
    assert remote.files(error.value.ref) == {*remote.files("main"), "person", "x"}
    assert remote.state() == {"a/salvage/1", "b/salvage/1"}
    remote.check()
    with pytest.raises(BranchRewrittenError):
        attempt.land()
    assert remote.state() == {"a/salvage/1", "b/salvage/1"}


def test_a_branch_that_was_set_back_is_not_brought_forward_again(remote: Remote) -> None:
    before = remote.done("a", {"x": "1"}).land().commit
    remote.done("b", {"y": "1"}).land()
    attempt = remote.done("c", {"z": "1"})
    git(remote.path, "update-ref", f"refs/heads/{BRANCH}", before or "")
    with pytest.raises(BranchRewrittenError):
        attempt.land()
    assert remote.tip() == before


def test_a_deleted_branch_is_not_made_again(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1"})
    git(remote.path, "update-ref", "-d", f"refs/heads/{BRANCH}")
    with pytest.raises(BranchRewrittenError, match="was deleted"):
        attempt.land()
    assert remote.state() == {"a/salvage/1"}


def test_work_found_for_a_deleted_branch_makes_room_for_a_new_attempt(remote: Remote) -> None:
    first = remote.done("a", {"x": "1"})
    git(remote.path, "update-ref", f"{REFS}/a/result", commit_of(remote, first))
    git(remote.path, "update-ref", "-d", f"refs/heads/{BRANCH}")
    second = remote.attempt("a", 2)
    assert second.prepare().outcome is Outcome.LAND_ONLY
    with pytest.raises(BranchRewrittenError) as error:
        second.land()
    assert error.value.ref == f"{REFS}/a/salvage/1"
    assert remote.attempt("a", 3).prepare().outcome is Outcome.PREPARED


def test_a_branch_that_was_merged_and_deleted_says_that_the_task_has_landed(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1"})
    attempt.land()
    git(remote.path, "update-ref", "-d", f"refs/heads/{BRANCH}")
    assert attempt.land().outcome is Outcome.ALREADY_LANDED


def test_a_remote_that_refuses_is_final_and_says_why(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "1"})
    hook = remote.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ngrep -q refs/heads && echo no pushes on Fridays >&2 && exit 1; exit 0\n")
    hook.chmod(0o755)
    # A remote of its own, as a server is: its hooks are its own.
    from parallelproject.git.plumbing import push

    plain, push.LOCAL_RECEIVE_PACK = push.LOCAL_RECEIVE_PACK, "git receive-pack"
    try:
        with pytest.raises(AuthOrProtectedError, match="no pushes on Fridays") as error:
            attempt.land()
    finally:
        push.LOCAL_RECEIVE_PACK = plain
    assert error.value.exit_code == 23
    assert remote.state() == {"a/result"}
    later = remote.attempt("a", 2)
    assert later.prepare().outcome is Outcome.LAND_ONLY
    assert later.land().outcome is Outcome.LANDED
    assert remote.state() == {"a/landed"}


def test_a_branch_that_is_checked_out_by_its_owner_is_left_alone(remote: Remote) -> None:
    checkout = remote.folder / "checkout"
    git(remote.folder, "clone", "--quiet", str(remote.path), str(checkout))
    git(checkout, "checkout", "--quiet", "-b", BRANCH)
    attempt = remote.attempt("a")
    attempt.delivery = type(attempt.delivery)(url=str(checkout), branch=BRANCH, run="r", task="a", local=True)
    attempt.prepare()
    attempt.write("x", "1")
    with pytest.raises(AuthOrProtectedError, match="checked out"):
        attempt.land()


def test_an_id_that_is_no_name_for_a_ref_lands_all_the_same(remote: Remote) -> None:
    for task in ("a..b", "a.lock", "a...b"):
        assert remote.done(task, {task: "1"}).land().outcome is Outcome.LANDED
    assert remote.tasks() == ["a..b", "a.lock", "a...b"]
    assert remote.state() == {"a.%2Eb/landed", "a%2Elock/landed", "a.%2E%2Eb/landed"}


def test_a_missing_base_is_told(remote: Remote) -> None:
    with pytest.raises(PolicyError, match="neither a branch nor a tag 'nowhere'") as error:
        remote.attempt("a", base_ref="nowhere").prepare()
    assert error.value.exit_code == 22


def test_a_branch_may_start_at_a_tag(remote: Remote) -> None:
    git(remote.path, "tag", "-a", "v1", "-m", "one", "main")
    remote.commit("main", {"later": "x"}, "later")
    attempt = remote.attempt("a", base_ref="v1")
    attempt.prepare()
    assert not (attempt.place.workspace / "later").exists()


def test_a_workspace_that_is_not_empty_is_not_touched(remote: Remote) -> None:
    attempt = remote.attempt("a")
    attempt.write("precious", "1")
    with pytest.raises(PolicyError, match="not empty"):
        attempt.prepare()
    assert attempt.read("precious") == "1"


def test_salvage_keeps_what_a_failed_attempt_left(remote: Remote) -> None:
    attempt = remote.done("a", {"x": "half"})
    kept = attempt.salvage()
    assert (kept.outcome, kept.ref) == (Outcome.SALVAGED, f"{REFS}/a/salvage/1")
    assert attempt.salvage() == kept
    assert remote.show("x", f"{REFS}/a/salvage/1") == "half"
    twin = remote.done("a", {"x": "other half"})
    assert twin.salvage().ref != kept.ref
    assert len(remote.state()) == 2
    assert remote.done("b", {}).salvage().outcome is Outcome.NO_CHANGE
    assert remote.attempt("c").salvage().outcome is Outcome.NO_CHANGE
    assert remote.attempt("a", 2).prepare().outcome is Outcome.PREPARED


@pytest.mark.parametrize(("there", "branch"), [("parallel/x", "parallel/x/_all"), ("parallel/x/a", "parallel/x")])
def test_a_branch_that_cannot_be_beside_another_is_told(remote: Remote, there: str, branch: str) -> None:
    remote.commit(there, {}, "in the way", force_parent=remote.tip("main"))
    with pytest.raises(PolicyError, match=f'has a branch "{there}", so it cannot have a branch "{branch}"'):
        remote.attempt("a", branch=branch).prepare()
