"""A repository that somebody works in is given a branch, and is otherwise left as it is."""

from pathlib import Path

from parallelproject.git.plumbing.outcome import Outcome
from tests.git.remote import BRANCH, Remote, git


def test_a_dirty_checkout_stays_byte_for_byte(remote: Remote, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    git(tmp_path, "clone", "--quiet", str(remote.path), str(checkout))
    git(checkout, "checkout", "--quiet", "-b", "mine")
    (checkout / "a.txt").write_text("stashed\n")
    git(checkout, "stash")
    (checkout / "b.txt").write_text("staged\n")
    git(checkout, "add", "b.txt")
    (checkout / "README").write_text("dirty\n")
    (checkout / "untracked").write_text("new\n")
    for name in ("pre-receive", "update", "post-receive", "post-update", "reference-transaction", "post-checkout"):
        hook = checkout / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
        hook.chmod(0o755)

    def state() -> tuple[object, ...]:
        own = [
            ".git/HEAD",
            ".git/index",
            ".git/config",
            ".git/refs/heads/mine",
            ".git/refs/stash",
            ".git/logs/refs/stash",
        ]
        files = sorted(path for path in checkout.iterdir() if path.is_file())
        listed = sorted(str(path) for path in (checkout / ".git").iterdir())
        return [(checkout / path).read_bytes() for path in own], [(path, path.read_bytes()) for path in files], listed

    before = state()
    for task in ("a", "b"):
        attempt = remote.attempt(task, base_ref="mine")
        attempt.delivery = type(attempt.delivery)(
            url=str(checkout), branch=BRANCH, base_ref="mine", run="run-1", task=task, local=True
        )
        attempt.prepare()
        attempt.write("README", attempt.read("README") + f"{task}\n")
        assert attempt.land().outcome is Outcome.LANDED
    assert state() == before
    assert git(checkout, "show", f"{BRANCH}:README") == "hello\na\nb"
    assert git(checkout, "status", "--porcelain") == " M README\nM  b.txt\n?? untracked"
    assert not (tmp_path / "ran").exists()
    git(checkout, "fsck", "--full")
