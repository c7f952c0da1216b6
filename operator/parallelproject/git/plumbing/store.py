"""The private git directory of one attempt: opened by one process at a time, and repaired after a process was
killed."""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from parallelproject.folder_removal import remove, try_to_remove
from parallelproject.git.plumbing.command import GitCommand
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.failure import Cause, GitFailedError
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.outcome import TransientError

PATIENCE = 120.0
"""Maximum wait, in seconds, for the end of git processes of a killed process."""
_POLL = 0.05
_SEEN = "refs/seen"
_SHA256 = 64
"""Hexadecimal digits of a hash."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The remote's refs at one moment, as commits; None: no such ref."""

    tip: str | None
    result: str | None
    landed: str | None


@dataclass(frozen=True, slots=True)
class GitStore:
    """The private git directory, locked, and the attempt that it is for."""

    git: GitCommand
    delivery: Delivery
    place: Place

    def text(self, command: str, *arguments: str) -> str:
        """The output of a git command, without the newline at its end."""
        return self.git.run(command, *arguments).stdout.decode(errors="surrogateescape").removesuffix("\n")

    def commit_of(self, name: str) -> str | None:
        """The commit of a name; None if it does not exist here."""
        asked = self.git.run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", codes=(0, 1, 128)
        )
        return asked.stdout.decode().strip() or None if asked.returncode == 0 else None

    def look(self, depth: int = 0) -> Seen:
        """Fetches the current branch and the task's refs.

        Args:
            depth: How many commits of history to fetch; 0: all that is missing.

        Raises:
            GitFailedError: the remote cannot be asked.
        """
        folder = self.delivery.refs.landing_folder
        # By pattern, since a missing ref would be an error: result, and landed.
        task = [f"+{folder}/{first}*:{_SEEN}/task/{first}*" for first in ("res", "lan")]
        try:
            self.fetch([f"+{self.delivery.branch_ref}:{_SEEN}/branch", *task], depth)
            gone = False
        except GitFailedError as error:
            if error.cause is not Cause.MISSING_REF:
                raise
            self.fetch(task)  # without a depth: with one, git fails when no ref fits
            gone = True
        listed = self.text("for-each-ref", "--format=%(refname) %(objectname)", _SEEN)
        refs = dict(line.split(" ") for line in lines_of(listed))
        tip = None if gone else refs.get(f"{_SEEN}/branch")
        return Seen(tip, refs.get(f"{_SEEN}/task/result"), refs.get(f"{_SEEN}/task/landed"))

    def fetch(self, refspecs: Sequence[str], depth: int = 0) -> None:
        """Fetches refs, without tags and without any other action of git.

        Raises:
            GitFailedError: a ref does not exist, or the remote cannot be read.
        """
        options = [f"--depth={depth}"] if depth else []
        quiet = ("--no-tags", "--prune", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules")
        fetch = partial(self.git.remote, "fetch", "--quiet", *quiet, *options, "--", self.git.address.url, *refspecs)
        try:
            fetch()
        except GitFailedError as error:
            # Only now the object format of the remote is known. Nothing is here yet that could be lost.
            if "mismatched algorithms" not in error.detail or self.object_format == "sha256":
                raise
            remove(self.git.directory)
            make(self.git, "sha256")
            fetch()

    def kept(self, name: str) -> str | None:
        """The commit remembered by ``keep``."""
        return self.commit_of(f"refs/kept/{name}")

    def keep(self, name: str, commit: str) -> None:
        """Remembers a commit: it is made once, even if the workspace changes later."""
        self.git.run("update-ref", f"refs/kept/{name}", commit)

    def another(self) -> "GitStore":
        """An empty git directory next to this one, for work whose history this one does not have."""
        directory = self.place.private / "adopted"
        try_to_remove(directory)
        git = replace(self.git, directory=directory)
        make(git, self.object_format)
        return replace(self, git=git)

    @property
    def object_format(self) -> str:
        """How objects are named here: ``sha1`` or ``sha256``."""
        return "sha256" if self.git.name_length == _SHA256 else "sha1"


@contextmanager
def opened(delivery: Delivery, place: Place) -> Iterator[GitStore]:
    """The attempt's private git directory, created if it does not exist.

    Our git processes also hold its lock: after we are killed, the next process waits until they have ended, and then
    removes the unused lock files of git.

    Raises:
        TransientError: another process has it for longer than ``PATIENCE``.
    """
    private = place.private
    home, directory = private / "home", private / "git"
    home.mkdir(parents=True, exist_ok=True)
    lock = os.open(private / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(lock, private)
        git = GitCommand(directory, home, delivery.address, delivery.access, (lock,))
        if directory.is_dir():
            for stale in [*directory.rglob("*.lock"), *directory.glob("snapshot-index*")]:
                stale.unlink(missing_ok=True)
        else:
            new = private / "new"
            try_to_remove(new)
            made = replace(git, directory=new)
            make(made)
            new.rename(directory)
        yield GitStore(git, delivery, place)
    finally:
        os.close(lock)


def make(git: GitCommand, object_format: str = "sha1") -> None:
    """Creates an empty private git directory."""
    options = ("--quiet", "--bare", "--template=", "--initial-branch=none", f"--object-format={object_format}")
    git.run("init", *options)


def _take(lock: int, private: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TransientError("Busy", f"{private} is in use by another process") from None
            time.sleep(_POLL)
