"""What commits contain about themselves: their task, and what has happened since a base."""

import re
from dataclasses import dataclass

from parallelproject.git.plumbing.delivery import Delivery
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.plumbing.trailers import ATTEMPT, REPAIR, RUN, TASK

OWNER = (RUN, TASK, REPAIR)
"""The trailers that say whose work a commit is; each piece of work lands once."""
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class LandingWork:
    """A commit that waits to land, and the git directory that has its history."""

    commit: str
    base: str
    attempt: int
    date: str
    """When the work was done, as git writes dates in commits."""
    store: GitStore


@dataclass(frozen=True, slots=True)
class LandedHistory:
    """The commits from a base to the tip of the branch."""

    rewritten: bool
    """The tip does not contain the base."""
    landed: str | None
    """The commit of this task among those since."""


def trailer_format(key: str) -> str:
    """The format that makes git print a trailer's value."""
    return f"%(trailers:key={key},valueonly,unfold,separator=%x2C)"


def work_of(store: GitStore, commit: str) -> LandingWork:
    """Reads a commit made by ``snapshot``.

    Raises:
        PolicyError: it does not belong to this task.
    """
    form = "%P%x00%ad%x00" + "%x00".join(map(trailer_format, (*OWNER, ATTEMPT)))
    output = store.text("log", "-1", "--no-walk", "--date=raw", f"--format={form}", commit)
    base, date, *owner, attempt = output.split("\0")
    is_ours = owner == _owner(store.delivery) and _NUMBER.fullmatch(attempt)
    if not is_ours or len(base.split()) != 1:
        raise PolicyError("ForeignResult", f"{store.delivery.refs.result} on the remote is not this task's work")
    return LandingWork(commit, base, int(attempt), date, store)


def since(store: GitStore, base: str, tip: str) -> LandedHistory:
    """What has happened on the branch since the base."""
    if base == tip:
        return LandedHistory(False, None)
    form = "%m%H%x00" + "%x00".join(map(trailer_format, OWNER))
    rewritten, landed = False, None
    for line in lines_of(store.text("log", "--left-right", f"--format={form}", f"{base}...{tip}", "--")):
        commit, *owner = line.split("\0")
        rewritten |= commit[0] == "<"
        if commit[0] == ">" and owner == _owner(store.delivery):
            landed = commit[1:]
    return LandedHistory(rewritten, landed)


def _owner(delivery: Delivery) -> list[str]:
    """Their values in a task's commits."""
    return [delivery.run, delivery.task, str(delivery.repair) if delivery.repair else ""]


def attempt_of(store: GitStore, commit: str) -> str:
    """The number of the attempt that a commit came from; empty if it has none."""
    return store.text("log", "-1", "--no-walk", f"--format={trailer_format(ATTEMPT)}", commit)
