"""Merges exactly what was tested: the request names the commit whose checks have passed."""

import asyncio
import math
from dataclasses import dataclass, field
from itertools import count

from parallelproject.forge.clients.clock import RetryClock
from parallelproject.forge.clients.protocol import Checks, ForgeClient, ForgePullRequest, Merge, PullState
from parallelproject.forge.publishing.result import PublishEnd
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.plumbing.outcome import ConflictError

ROUNDS = 3
"""How often everything, including the checks, is read again after others moved the branch or its base."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long to wait for a pull request's checks and approvals, in seconds."""

    seconds: float = 3600.0
    settle: float = 30.0
    """How long a commit must have no check before that counts as "none is required": checks start with a delay."""
    longest: float = 30.0
    """Maximum time between two reads; the first ones are closer together."""
    approval: float = math.inf
    """How long to wait if the checks have passed and the forge still does not merge: a person has to approve."""
    clock: RetryClock = field(default_factory=RetryClock)


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of an attempt to merge a pull request."""

    end: PublishEnd
    pull: ForgePullRequest
    message: str = ""
    paths: tuple[str, ...] = ()


async def bring_in(
    forge: ForgeClient, branches: Branches, pull: ForgePullRequest, waiting: Waiting, *, queued: bool = False
) -> Tried:
    """Merges a pull request when the checks of its head pass.

    Args:
        forge: Where it is.
        branches: The repository.
        pull: Open, or merged by an earlier process.
        waiting: How long to wait.
        queued: Whether it is a task's own branch, in a merge queue: it must contain its base's tip when it is checked,
            and is rebased there. Any other branch is brought up to date, by a merge, when the target asks for it.
    """
    up_to_date = queued or forge.needs_base
    deadline = waiting.clock.monotonic() + waiting.seconds
    tried = Tried(PublishEnd.MERGED, pull)
    for tries in range(ROUNDS):
        if tries:
            await waiting.clock.back_off(tries, waiting.longest)
        pull = await forge.read(pull)
        if pull.state is PullState.OPEN and not pull.words.draft and up_to_date:
            try:
                sha = await asyncio.to_thread(branches.onto, pull.head, pull.base, rebased=queued)
            except ConflictError as conflict:
                return Tried(PublishEnd.CONFLICT, pull, str(conflict), conflict.paths)
        else:
            sha = (await asyncio.to_thread(branches.tips, pull.head))[pull.head] or ""
        tried = await _merge(forge, branches, pull, sha, waiting, deadline)
        if tried.end not in (PublishEnd.MOVED, PublishEnd.BEHIND):
            return tried
        up_to_date |= tried.end is PublishEnd.BEHIND
    return tried


async def _merge(
    forge: ForgeClient, branches: Branches, pull: ForgePullRequest, sha: str, waiting: Waiting, deadline: float
) -> Tried:
    """Waits for the checks of one commit, and merges it."""
    clock = waiting.clock
    settled = clock.monotonic() + (waiting.settle if forge.has_checks else 0.0)
    for tries in count():
        pause = tries
        pull = await forge.read(pull)
        if pull.state is not PullState.OPEN:
            return Tried(PublishEnd.MERGED if pull.state is PullState.MERGED else PublishEnd.CLOSED, pull)
        if pull.words.draft:
            return Tried(PublishEnd.DRAFT, pull, "it is a draft: mark it as ready and publish again")
        if pull.sha == sha:
            checks = await forge.checks(pull, sha)
            if checks is Checks.FAILED:
                return Tried(PublishEnd.CHECKS_FAILED, pull, f"checks of {sha[:12]} have failed")
            text = f"the checks of {sha[:12]} are {checks}"
            if checks is Checks.PASSED or (checks is Checks.NONE and clock.monotonic() >= settled):
                # Requested again only after another read, since the last answer may have been lost.
                answer = await forge.merge(pull, sha)
                text = answer.detail or "the merge is in progress"
                if answer.merge is Merge.BEHIND:
                    return Tried(PublishEnd.BEHIND, pull, text)
                if answer.merge is Merge.DONE:
                    pause = 0
                if answer.merge is Merge.MOVED:
                    return Tried(PublishEnd.MOVED, pull, text)
                if answer.merge is Merge.BLOCKED and (paths := await _conflicts(branches, pull)):
                    return Tried(PublishEnd.CONFLICT, pull, text, paths)
                if answer.merge is Merge.BLOCKED:
                    deadline = min(deadline, clock.monotonic() + waiting.approval)
        elif (await asyncio.to_thread(branches.tips, pull.head))[pull.head] != sha:
            return Tried(PublishEnd.MOVED, pull, f"{pull.head} is no longer at {sha[:12]}")
        else:
            text = f"the forge has not noticed {sha[:12]} yet"
        if clock.monotonic() >= deadline:
            return Tried(PublishEnd.NOT_IN_TIME, pull, f"after {waiting.seconds:.0f} s: {text}")
        await clock.back_off(pause, waiting.longest)
    raise AssertionError


async def _conflicts(branches: Branches, pull: ForgePullRequest) -> tuple[str, ...]:
    """The paths in conflict: forges use the same message for this as for a missing approval."""
    return await asyncio.to_thread(branches.conflicts, pull.head, pull.base)
