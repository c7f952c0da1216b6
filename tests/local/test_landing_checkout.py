"""A run leaves what its owner has in the repository byte for byte as it was."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local.checkout import BRANCH, Checkout
from tests.local.runner import Runner, tasks

Make = Callable[..., Runner]
HOOKS = (
    "pre-receive", "update", "post-receive", "post-update", "reference-transaction", "post-checkout", "pre-commit",
    "commit-msg", "post-commit", "post-index-change", "fsmonitor-watchman",
)  # fmt: skip


@pytest.fixture
def dirty(tmp_path: Path) -> Checkout:
    """On a branch of its own, with everything that can be lost: stashed, staged, changed, untracked, ignored; and
    with hooks and settings that would run something."""
    checkout = Checkout(tmp_path)
    checkout.git("switch", "--quiet", "-c", "mine")
    (checkout.path / "README").write_text("stashed\n")
    checkout.git("stash")
    (checkout.path / "README").write_text("staged\n")
    (checkout.path / "added").write_text("added\n")
    checkout.git("add", "README", "added")
    (checkout.path / "README").write_text("changed\n")
    (checkout.path / "untracked").write_text("new\n")
    (checkout.path / ".git/info/exclude").write_text("ignored\n")
    (checkout.path / "ignored").write_text("ignored\n")
    for name in HOOKS:
        hook = checkout.path / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "core.editor", "core.pager", "filter.x.clean", "filter.x.smudge"):
        checkout.git("config", key, f"touch {tmp_path}/ran")
    (checkout.path / ".git/info/attributes").write_text("* filter=x\n")
    return checkout


@pytest.mark.parametrize("inside", [False, True])
def test_a_dirty_checkout_on_another_branch_is_as_it_was(
    runner: Callable[..., Runner], dirty: Checkout, tmp_path: Path, inside: bool
) -> None:
    command = "echo $PPROJ_TASK_ID >> $PPROJ_TASK_ID.txt; echo x >> README; [ $PPROJ_TASK_ID != b ]"
    spec = {"tasks": [*tasks("a", "b"), {"id": "c", "dependencies": ["a"]}], "failurePolicy": "Continue"}
    run = runner(spec, command, options={"repository": dirty.path})
    if inside:  # as for who stands in the repository: the state is there, and git does not see it
        run.folder = dirty.path
    before = dirty.fingerprint()
    status = git_status(dirty)
    run.run(1)
    after = {name: value for name, value in dirty.fingerprint().items() if not name.startswith((".pproj/", "journal"))}
    assert after == before
    assert git_status(dirty) == status
    assert not (tmp_path / "ran").exists()
    # The work stands on what is committed on the branch that was checked out, not on what lies around.
    assert dirty.show("README") == "hello\nx\nx"
    assert dirty.git("log", "--format=%s", f"mine..{BRANCH}") == "c\na"
    assert dirty.state() == {"a/landed", "c/landed", "b/salvage/1", "b/salvage/2"}


def test_a_linked_work_tree_and_a_bare_repository_serve_as_well(runner: Make, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    checkout.git("worktree", "add", "--quiet", "-b", "side", "../side")
    (tmp_path / "side/folder").mkdir()
    run = runner(tasks("a"), "echo a > a.txt", options={"repository": tmp_path / "side/folder"})
    assert "log --oneline side..parallel/demo" in run.run()
    assert checkout.show("a.txt") == "a"
    checkout.git("clone", "--quiet", "--bare", ".", "../bare.git")
    run.options = {"repository": tmp_path / "bare.git", "fresh": True}
    run.command = "echo b >> a.txt"
    output = run.run()
    assert "parallel/demo is there already, 1 commit ahead of main: the work lands on top" in output
    assert "log --oneline main..parallel/demo" in output
    assert "merge parallel/demo" not in output, "nothing is checked out in a bare repository"
    bare = Checkout.__new__(Checkout)
    bare.path = tmp_path / "bare.git"
    assert bare.show("a.txt") == "a\nb"
    assert checkout.show("a.txt") == "a"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_repository_of_another_user_is_refused_before_anything_runs(runner: Make, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    os.chown(checkout.path / ".git", 12345, -1)
    output = runner(tasks("a"), "echo x >> $JOURNAL", options={"repository": checkout.path}).run(1)
    assert f"error: {checkout.path}/.git belongs to another user" in output
    assert "no attempts left" not in output


def git_status(checkout: Checkout) -> str:
    """Without the settings that would run something, as its owner would not have them either."""
    return checkout.git("-c", "core.fsmonitor=false", "-c", "filter.x.clean=cat", "--no-optional-locks", "status")
