"""Compare-and-swap on the remote's refs: all of them, or none."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from parallelproject.git.plumbing.command import LOCAL_RECEIVE_PACK, GitCommand
from parallelproject.git.plumbing.failure import Cause, GitFailedError, cause
from parallelproject.git.plumbing.outcome import AuthOrProtectedError


class Pushed(Enum):
    """What became of a push."""

    DONE = "done"
    MOVED = "moved"
    """A ref was not what it was expected to be: look again."""
    ROOTLESS = "rootless"
    """What the commit stands on is in no ref of the remote any more."""
    UNKNOWN = "unknown"
    """The connection broke, or the remote is in trouble: it may have happened or not."""


@dataclass(frozen=True, slots=True)
class Update:
    """One ref: what it has to be, and what it becomes. Never anything but forward, see ``land``."""

    ref: str
    old: str | None
    """None: it must not exist."""
    new: str | None
    """None: it is deleted."""


_LINE = re.compile(r"^(?P<flag>[ +\-*!=])\t[^\t]*\t(?P<summary>.*)$", re.MULTILINE)
_WHY = re.compile(r"\[(?P<who>rejected|remote rejected|remote failure|no match)\] \((?P<why>.*)\)$")
# What receive-pack, and the servers in front of it, say when a ref has moved under their hands.
_RACE = re.compile(
    r"stale info|fetch first|non-fast-forward|needs force|already exists|cannot lock ref|failed to update ref|"
    r"incorrect old value|reference already exists|unable to lock|atomic|failed to report status|unexpected object"
)
_ROOTLESS = re.compile(r"shallow update not allowed|missing necessary objects")
_FINAL = re.compile(
    r"hook declined|protected|denied|not allowed|prohibited|checked out|hidden ref|permission|refusing|"
    r"unpacker error|funny refname",
    re.IGNORECASE,
)


def push(git: GitCommand, updates: Sequence[Update]) -> Pushed:
    """Tries to update refs on the remote, atomically, each only when it still is what was expected.

    The expectation is exact (``--force-with-lease=REF:OLD``): a branch that was set back to an ancestor is noticed,
    where a plain push would have brought back what somebody removed.

    Raises:
        AuthOrProtectedError: the remote refuses, and will do so again.
    """
    options = [f"--receive-pack={LOCAL_RECEIVE_PACK}"] if git.address.scheme == "file" else []
    options += [f"--force-with-lease={update.ref}:{update.old or ''}" for update in updates]
    refspecs = [f"{update.new or ''}:{update.ref}" for update in updates]
    quiet = ("--porcelain", "--atomic", "--no-verify", "--no-signed", "--recurse-submodules=no")
    try:
        done = git.remote("push", *quiet, *options, "--", git.address.url, *refspecs, codes=(0, 1))
    except GitFailedError as error:
        if error.cause is Cause.REFUSED:
            raise error.as_outcome() from None
        return Pushed.UNKNOWN
    if done.returncode == 0:
        return Pushed.DONE
    said = done.stderr.decode(errors="replace")
    reasons = []
    for line in _LINE.finditer(done.stdout.decode(errors="replace")):
        if line["flag"] == "!":
            found = _WHY.search(line["summary"])
            reasons.append(found["why"] if found else line["summary"])
    if any(_ROOTLESS.search(reason) for reason in reasons):
        return Pushed.ROOTLESS
    for reason in reasons:
        if _FINAL.search(reason) and not _RACE.search(reason):
            raise AuthOrProtectedError("PushRefused", f"the remote refused the push: {reason} ({said})")
    if reasons:
        return Pushed.MOVED if any(_RACE.search(reason) for reason in reasons) else Pushed.UNKNOWN
    if cause(said) is Cause.REFUSED:
        raise AuthOrProtectedError("PushRefused", said)
    return Pushed.UNKNOWN
