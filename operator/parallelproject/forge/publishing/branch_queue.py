"""Publishes a branch, or several that are merged one at a time in order.

Both may be killed at any moment and called again.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from parallelproject.forge.clients.answer import AnswerError
from parallelproject.forge.clients.protocol import ForgeClient, ForgePullRequest, PullState
from parallelproject.forge.publishing.markdown import code
from parallelproject.forge.publishing.merging import Tried, Waiting, bring_in
from parallelproject.forge.publishing.pull_request import Proposal, ensure_pull_request
from parallelproject.forge.publishing.result import PublishEnd, PublishResult, result_of
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.model.problem import listed
from parallelproject.model.spec import MergeMode

_SHOWN_PATHS, _SHOWN_BRANCHES = 20, 3
_APPROVAL = 60.0
"""Seconds that others wait for the approval of one whose checks have passed."""


async def publish_one(
    forge: ForgeClient, branches: Branches, proposal: Proposal, merge: MergeMode, waiting: Waiting | None = None
) -> PublishResult:
    """Publishes one branch: opens or updates its pull request, and merges it if requested.

    Args:
        forge: Where its pull request is.
        branches: The repository.
        proposal: The branch, and the texts of its pull request.
        merge: Manual: a person merges it.
        waiting: How long to wait for its checks.

    Raises:
        DeliveryError: it could not be published; a further call resumes.
    """
    waiting = waiting or Waiting()
    try:
        pull = await ensure_pull_request(forge, branches, proposal, waiting.clock)
        if pull is None or merge is MergeMode.MANUAL or pull.state is PullState.CLOSED:
            return _left(proposal, pull)
        return _result(proposal, await bring_in(forge, branches, pull, waiting))
    except AnswerError as error:
        raise error.as_outcome() from error


async def publish_in_order(
    forge: ForgeClient,
    branches: Branches,
    proposals: Iterable[Proposal],
    merge: MergeMode,
    waiting: Waiting | None = None,
    *,
    rebased: bool = True,
) -> list[PublishResult]:
    """Publishes several branches, and merges them one at a time in this order.

    Each is updated with the merges before it, and checked as it will be merged. A branch that does not merge, or fails
    its checks, stays open; the next one follows, unless it builds on that. A branch is deleted when the target contains
    its merge.

    Args:
        forge: Where the pull requests are.
        branches: The repository.
        proposals: The branches, each after those that it builds on.
        merge: Manual: people merge them.
        waiting: How long to wait for the checks of all.
        rebased: Whether they are tasks' own branches: each must contain its base's tip when it is checked, and is
            rebased for that. Others are updated by a merge, if the target requires it.

    Raises:
        DeliveryError: the forge or the remote failed, or refuses; a further call resumes.
    """
    waiting = waiting or Waiting()
    queue: list[tuple[Proposal, ForgePullRequest | None, str]] = []
    done: list[PublishResult] = []
    try:
        for proposal in proposals:
            try:
                if proposal.obstacle:
                    queue.append((proposal, None, ""))
                    continue
                queue.append((proposal, await ensure_pull_request(forge, branches, proposal, waiting.clock), ""))
            except (AnswerError, PolicyError) as error:
                queue.append((proposal, None, _own_fault(error)))
        merged: set[str] = set()
        deadline = waiting.clock.monotonic() + waiting.seconds
        for proposal, pull, refused in queue:
            left = deadline - waiting.clock.monotonic()
            before = [branch for branch in proposal.after if branch not in merged]
            if refused:
                found = result_of(proposal, PublishEnd.REFUSED, None, refused)
            elif proposal.obstacle:
                found = result_of(proposal, PublishEnd.WAITING, None, proposal.obstacle)
            elif pull is None or merge is MergeMode.MANUAL or pull.state is not PullState.OPEN or proposal.is_held:
                found = _left(proposal, pull)
                if pull is not None and found.end is PublishEnd.MERGED and merge is not MergeMode.MANUAL:
                    await _delete(branches, pull)  # by a person, or by an earlier process that was killed
            elif before:
                found = result_of(
                    proposal, PublishEnd.WAITING, pull, f"waits for the merge of {listed(before, _SHOWN_BRANCHES)}"
                )
            elif left <= 0:
                found = result_of(proposal, PublishEnd.NOT_IN_TIME, pull, "it is not next in the queue yet")
            else:
                found = await _in_turn(
                    forge, branches, proposal, pull, replace(waiting, seconds=left, approval=_APPROVAL), rebased=rebased
                )
            done.append(found)
            if found.end.is_merged:
                merged.add(proposal.branch)
        return done
    except AnswerError as error:
        raise error.as_outcome() from error


async def _in_turn(
    forge: ForgeClient,
    branches: Branches,
    proposal: Proposal,
    pull: ForgePullRequest,
    waiting: Waiting,
    *,
    rebased: bool,
) -> PublishResult:
    """Merges one, when it is next in the queue."""
    try:
        tried = await bring_in(forge, branches, pull, waiting, queued=rebased)
        if tried.end is PublishEnd.CONFLICT:
            await _say_conflict(forge, tried)
    except (AnswerError, PolicyError) as error:
        return result_of(proposal, PublishEnd.REFUSED, pull, _own_fault(error))
    if tried.end is PublishEnd.MERGED:
        await _delete(branches, tried.pull)
    return replace(_result(proposal, tried), is_news=tried.end is PublishEnd.MERGED)


async def _delete(branches: Branches, pull: ForgePullRequest) -> None:
    """Deletes a branch whose merge the target contains, unless someone has added to it since."""
    tip = (await asyncio.to_thread(branches.tips, pull.head))[pull.head]
    if tip is None or not pull.merge_commit:
        return
    arrived = await asyncio.to_thread(branches.contains, pull.base, pull.merge_commit)
    if arrived and (tip == pull.sha or await asyncio.to_thread(branches.merged, pull.head, pull.base)):
        await asyncio.to_thread(branches.delete, pull.head, tip)


async def _say_conflict(forge: ForgeClient, tried: Tried) -> None:
    shown = "\n".join(f"- {code(path)}" for path in tried.paths[:_SHOWN_PATHS])
    more = f"\n- and {len(tried.paths) - _SHOWN_PATHS} more" if len(tried.paths) > _SHOWN_PATHS else ""
    text = f"This does not merge into the current {code(tried.pull.base)}:\n\n{shown}{more}"
    await forge.comment(tried.pull, text, f"conflict {tried.pull.sha[:12]}")


def _own_fault(error: AnswerError | PolicyError) -> str:
    """The error of one pull request alone.

    Raises:
        DeliveryError: it would also affect every other one.
    """
    outcome = error.as_outcome() if isinstance(error, AnswerError) else error
    if not isinstance(outcome, PolicyError):
        raise outcome from error
    return str(outcome)


def _left(proposal: Proposal, pull: ForgePullRequest | None) -> PublishResult:
    """The result if we do not merge."""
    ends = {
        PullState.OPEN: PublishEnd.OPEN,
        PullState.MERGED: PublishEnd.MERGED,
        PullState.CLOSED: PublishEnd.CLOSED,
    }
    return result_of(proposal, ends[pull.state] if pull else PublishEnd.NOTHING, pull)


def _result(proposal: Proposal, tried: Tried) -> PublishResult:
    return result_of(proposal, tried.end, tried.pull, tried.message, tried.paths)
