"""Publishing, as callers see it: one branch for all tasks, or several that are merged in their order.

Both may be killed at any moment and called again.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from parallelproject.forge.clients.answer import AnswerError
from parallelproject.forge.clients.protocol import Forge, PullRequest, State
from parallelproject.forge.publishing.markdown import code
from parallelproject.forge.publishing.merging import Tried, Waiting, bring_in
from parallelproject.forge.publishing.published import End, Published, told
from parallelproject.forge.publishing.pull_request import Offer, offered
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.model.problem import listed
from parallelproject.model.spec import MergeMode

_SHOWN_PATHS, _SHOWN_BRANCHES = 20, 3
_APPROVAL = 60.0
"""Seconds for which others wait until one is approved whose checks have passed."""


async def shared_branch(
    forge: Forge, branches: Branches, offer: Offer, merge: MergeMode, waiting: Waiting | None = None
) -> Published:
    """Publishes one branch: its pull request is opened or brought up to date, and merged if that is asked for.

    Args:
        forge: Where its pull request is.
        branches: The repository.
        offer: The branch, and what is to be read.
        merge: Manual: a person merges it.
        waiting: How long to wait for its checks.

    Raises:
        DeliveryError: it could not be published; called again, it goes on.
    """
    waiting = waiting or Waiting()
    try:
        pull = await offered(forge, branches, offer, waiting.clock)
        if pull is None or merge is MergeMode.MANUAL or pull.state is State.CLOSED:
            return _left(offer, pull)
        return _result(offer, await bring_in(forge, branches, pull, waiting))
    except AnswerError as error:
        raise error.as_outcome() from error


async def one_by_one(
    forge: Forge,
    branches: Branches,
    offers: Iterable[Offer],
    merge: MergeMode,
    waiting: Waiting | None = None,
    *,
    anew: bool = True,
) -> list[Published]:
    """Publishes several branches, and merges them one at a time in this order.

    Each is brought up to date with what the ones before it have brought in, and checked as it will be merged. What
    does not merge, or fails its checks, is left open; the next one's turn comes, unless it builds on that. A branch is
    deleted when its merge has been seen in the target.

    Args:
        forge: Where the pull requests are.
        branches: The repository.
        offers: The branches, each after those that it builds on.
        merge: Manual: people merge them.
        waiting: How long to wait for the checks of all.
        anew: Whether they are tasks' own branches: each must contain its base's tip when it is checked, and is made
            anew there. Others are brought up to date, by a merge, where the target asks for it.

    Raises:
        DeliveryError: the forge or the remote was in trouble, or refuses us; called again, it goes on.
    """
    waiting = waiting or Waiting()
    queue: list[tuple[Offer, PullRequest | None, str]] = []
    done: list[Published] = []
    try:
        for offer in offers:
            try:
                if offer.obstacle:
                    queue.append((offer, None, ""))
                    continue
                queue.append((offer, await offered(forge, branches, offer, waiting.clock), ""))
            except (AnswerError, PolicyError) as error:
                queue.append((offer, None, _own_fault(error)))
        merged: set[str] = set()
        deadline = waiting.clock.monotonic() + waiting.seconds
        for offer, pull, refused in queue:
            left = deadline - waiting.clock.monotonic()
            before = [branch for branch in offer.after if branch not in merged]
            if refused:
                found = told(offer, End.REFUSED, None, refused)
            elif offer.obstacle:
                found = told(offer, End.WAITING, None, offer.obstacle)
            elif pull is None or merge is MergeMode.MANUAL or pull.state is not State.OPEN or offer.is_held:
                found = _left(offer, pull)
                if pull is not None and found.end is End.MERGED and merge is not MergeMode.MANUAL:
                    await _delete(branches, pull)  # by somebody, or by a life of ours that was cut off
            elif before:
                found = told(offer, End.WAITING, pull, f"waits for the merge of {listed(before, _SHOWN_BRANCHES)}")
            elif left <= 0:
                found = told(offer, End.NOT_IN_TIME, pull, "its turn has not come yet")
            else:
                found = await _in_turn(
                    forge, branches, offer, pull, replace(waiting, seconds=left, approval=_APPROVAL), anew=anew
                )
            done.append(found)
            if found.end.is_merged:
                merged.add(offer.branch)
        return done
    except AnswerError as error:
        raise error.as_outcome() from error


async def _in_turn(
    forge: Forge, branches: Branches, offer: Offer, pull: PullRequest, waiting: Waiting, *, anew: bool
) -> Published:
    """Merges one, when its turn has come."""
    try:
        tried = await bring_in(forge, branches, pull, waiting, queued=anew)
        if tried.end is End.CONFLICT:
            await _say_conflict(forge, tried)
    except (AnswerError, PolicyError) as error:
        return told(offer, End.REFUSED, pull, _own_fault(error))
    if tried.end is End.MERGED:
        await _delete(branches, tried.pull)
    return replace(_result(offer, tried), is_news=tried.end is End.MERGED)


async def _delete(branches: Branches, pull: PullRequest) -> None:
    """Deletes a branch whose merge can be seen in the target, unless somebody has added to it since."""
    tip = (await asyncio.to_thread(branches.tips, pull.head))[pull.head]
    if tip is None or not pull.merge_commit:
        return
    arrived = await asyncio.to_thread(branches.contains, pull.base, pull.merge_commit)
    if arrived and (tip == pull.sha or await asyncio.to_thread(branches.merged, pull.head, pull.base)):
        await asyncio.to_thread(branches.delete, pull.head, tip)


async def _say_conflict(forge: Forge, tried: Tried) -> None:
    shown = "\n".join(f"- {code(path)}" for path in tried.paths[:_SHOWN_PATHS])
    more = f"\n- and {len(tried.paths) - _SHOWN_PATHS} more" if len(tried.paths) > _SHOWN_PATHS else ""
    text = f"This does not merge into {code(tried.pull.base)} as it is now:\n\n{shown}{more}"
    await forge.comment(tried.pull, text, f"conflict {tried.pull.sha[:12]}")


def _own_fault(error: AnswerError | PolicyError) -> str:
    """What is wrong with one pull request alone.

    Raises:
        DeliveryError: it would be wrong with every other, too.
    """
    outcome = error.as_outcome() if isinstance(error, AnswerError) else error
    if not isinstance(outcome, PolicyError):
        raise outcome from error
    return str(outcome)


def _left(offer: Offer, pull: PullRequest | None) -> Published:
    """The result where nothing is merged by us."""
    ends = {State.OPEN: End.OPEN, State.MERGED: End.MERGED, State.CLOSED: End.CLOSED}
    return told(offer, ends[pull.state] if pull else End.NOTHING, pull)


def _result(offer: Offer, tried: Tried) -> Published:
    return told(offer, tried.end, tried.pull, tried.message, tried.paths)
