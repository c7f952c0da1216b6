"""Compare-and-swap on the remote's refs: all of them, or none."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from parallelproject.git.plumbing.command import LOCAL_RECEIVE_PACK, GitCommand
from parallelproject.git.plumbing.failure import Cause, GitFailedError, cause
from parallelproject.git.plumbing.outcome import AuthOrProtectedError


class Pushed(Enum):
    """The result of a push."""

    DONE = "done"
    MOVED = "moved"
    """A ref did not have the expected value: read it again."""
    ROOTLESS = "rootless"
    """No ref of the remote contains the parent of the commit any more."""
    UNKNOWN = "unknown"
    """The connection broke, or the remote has a problem: the push may have succeeded or not."""


@dataclass(frozen=True, slots=True)
class Update:
    """One ref: its expected and its new value. It only moves forward, see ``land``."""

    ref: str
    old: str | None
    """None: it must not exist."""
    new: str | None
    """None: it is deleted."""


_LINE = re.compile(r"^(?P<flag>[ +\-*!=])\t[^\t]*\t(?P<summary>.*)$", re.MULTILINE)
_WHY = re.compile(r"\[(?P<who>rejected|remote rejected|remote failure|no match)\] \((?P<why>.*)\)$")
# Messages of receive-pack and of servers in front of it after a ref has moved.
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
    """Tries to update refs on the remote, atomically, each only if it still has the expected value.

    The expectation is exact (``--force-with-lease=REF:OLD``): a branch that was reset to an ancestor is detected,
    where a plain push would restore what someone removed.

    Raises:
        AuthOrProtectedError: the remote refuses, and will refuse again.
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
    output = done.stderr.decode(errors="replace")
    reasons = []
    for line in _LINE.finditer(done.stdout.decode(errors="replace")):
        if line["flag"] == "!":
            found = _WHY.search(line["summary"])
            reasons.append(found["why"] if found else line["summary"])
    if any(_ROOTLESS.search(reason) for reason in reasons):
        return Pushed.ROOTLESS
    for reason in reasons:
        if _FINAL.search(reason) and not _RACE.search(reason):
            raise AuthOrProtectedError("PushRefused", f"the remote refused the push: {reason} ({output})")
    if reasons:
        return Pushed.MOVED if any(_RACE.search(reason) for reason in reasons) else Pushed.UNKNOWN
    if cause(output) is Cause.REFUSED:
        raise AuthOrProtectedError("PushRefused", output)
    return Pushed.UNKNOWN
