"""Follows a pull request for some minutes, and reports what is new. It keeps no state of its own.

May be killed at any moment and called again: what is on the pull request is found again, and each reply is sent once.
"""

import asyncio
import json
from dataclasses import replace

from parallelproject.core.review.ages import ReviewAges, is_unchecked
from parallelproject.core.review.findings import findings, lines_to_blame
from parallelproject.core.review.follow_report import FollowEnd, FollowReport
from parallelproject.core.review.follow_step import SETTLE, FeedbackSeen, FollowStep, follow_step, waits_for
from parallelproject.core.review.observed import BranchConflict, PullReview
from parallelproject.core.review.pace import RequestBudget
from parallelproject.core.review.state import FeedbackState, FindingKind, IncomingBranch, ReviewFinding
from parallelproject.core.review.taking_in import FollowedTasks, due_answers, take_in
from parallelproject.core.verification.packed_lines import unpack_whole
from parallelproject.forge.clients.answer import AnswerError
from parallelproject.forge.clients.clock import RetryClock
from parallelproject.forge.clients.connect import connected, review_of
from parallelproject.forge.clients.protocol import ForgeClient, ForgePullRequest, PullState
from parallelproject.forge.clients.review import ReviewClient
from parallelproject.forge.publishing.publisher import publish
from parallelproject.forge.publishing.replies import send_replies
from parallelproject.forge.publishing.request import FollowRequest, PublishRequest
from parallelproject.git.branches.followed_branch import FollowedBranch, FollowedTips
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.model.spec import MergeMode

_STATE_MAX = 16_000_000
_SEEN_FIRST = FeedbackSeen(False, [], [], False, False)


async def follow(request: PublishRequest, asked: FollowRequest, clock: RetryClock | None = None) -> FollowReport:
    """Follows the pull request of a project.

    Args:
        request: What was published.
        asked: What is known of it, and what counts as feedback.
        clock: Another one in tests.

    Raises:
        DeliveryError: it cannot be followed; a further call resumes.
    """
    clock = clock or RetryClock()
    try:
        async with connected(request.forge.type, request.branches, request.server, clock) as forge:
            review = review_of(forge)
            pull = await forge.find(request.branch, request.base)
            if review is None or pull is None:
                return FollowReport(FollowEnd.NONE)
            return await _Follower(request, asked, forge, review, clock).run(pull)
    except AnswerError as error:
        raise error.as_outcome() from error


class _Follower:
    """One call of ``follow``."""

    def __init__(
        self, request: PublishRequest, asked: FollowRequest, forge: ForgeClient, review: ReviewClient, clock: RetryClock
    ) -> None:
        self._request, self._asked, self._forge, self._review, self._clock = request, asked, forge, review, clock
        self._branch = FollowedBranch(request.branches, request.run, request.branch, request.base)
        self._state = _state(asked)
        self._tasks = FollowedTasks(
            able=frozenset(row.id for row in request.tasks if not row.failed),
            attempts={row.id: row.attempts for row in request.tasks},
            repaired=_counts(asked.repaired), max_rounds=asked.max_rounds,
        )  # fmt: skip
        self._ages = ReviewAges()
        self._news: list[ReviewFinding] = []
        self._onto: dict[str, str] = {}
        self._answered: list[str] = []

    async def run(self, pull: ForgePullRequest) -> FollowReport:
        """Answers what is due, and looks until there is something to report or nothing happens."""
        if pull.state is PullState.OPEN:
            await self._settle(pull)
        start = changed = self._clock.monotonic()
        budget, idle, spent = RequestBudget(at=start), 0, self._review.spent
        last: object = None
        while True:
            pull = await self._forge.read(pull)
            if pull.state is not PullState.OPEN:
                end = FollowEnd.MERGED if pull.state is PullState.MERGED else FollowEnd.CLOSED
                return self._report(end, pull)
            found = await self._review.observe(pull)
            tips = await asyncio.to_thread(self._branch.look, lines_to_blame(found))
            now = self._clock.monotonic()
            seen = self._take(found, tips, now)
            merges = self._request.merge is MergeMode.WHEN_CHECKS_PASS
            unchecked = self._ages.unchecked(found, now)
            step = follow_step(found, seen, unchecked, merges=merges)
            waits = not seen.is_current or found.is_pending or (is_unchecked(found) and unchecked < SETTLE)
            words: tuple[str, ...] = ()
            if step is FollowStep.RUN:
                return self._report(FollowEnd.FEEDBACK, pull, found)
            if step is FollowStep.PEOPLE:
                return self._report(FollowEnd.PEOPLE, pull, found, tuple(waits_for(found, seen)))
            if step is FollowStep.APPROVED:
                return self._report(FollowEnd.APPROVED, pull, found)
            if step is FollowStep.MERGE and await self._review.observe(await self._forge.read(pull)) == found:
                words = await self._merge(0.0 if found.has_passed else SETTLE)
                if (pull := await self._forge.read(pull)).state is not PullState.OPEN:
                    continue
            looked = (found, seen._replace(given=[], left=[]))
            idle = idle + 1 if looked == last else 0
            changed = changed if looked == last or last is None else now
            last = looked
            is_late = now - start >= self._asked.seconds
            if is_late or (not waits and now - changed >= self._asked.quiet):
                return self._report(FollowEnd.QUIET, pull, found, words, is_pending=waits)
            budget = budget.spend(self._review.spent - spent, now)
            spent = self._review.spent
            await self._clock.sleep(budget.pause(idle))

    async def _settle(self, pull: ForgePullRequest) -> None:
        """Publishes what tasks have done since the last look: merges that they have resolved, and replies."""
        for incoming in self._state.incoming:
            if resolved := self._resolved(incoming):
                await asyncio.to_thread(self._branch.join, incoming.commit, resolved)
        if not self._state.unanswered:
            return
        work = (await asyncio.to_thread(self._branch.look)).work
        due = due_answers(self._state, self._tasks.able, self._tasks.attempts, work)
        await send_replies(self._forge, self._review, await self._forge.read(pull), due, self._note)

    def _resolved(self, incoming: IncomingBranch) -> set[str]:
        """The paths of a conflict that tasks have resolved; empty while one of them has not."""
        found: set[str] = set()
        for task, repairs in self._state.repairs.items():
            for repair in repairs:
                paths = {path for one in repair.findings if one.group == incoming.group for path in one.paths}
                if paths and self._tasks.attempts.get(task, 0) <= repair.floor:
                    return set()
                found |= paths
        return found

    def _take(self, found: PullReview, tips: FollowedTips, now: float) -> FeedbackSeen:
        """Takes a look into the state."""
        if tips.tip != found.sha:
            return _SEEN_FIRST
        name = self._request.base
        conflicts = [BranchConflict(name, tips.onto, tips.paths)] if tips.paths and self._asked.conflicts else []
        incoming = [IncomingBranch(each.commit, each.name, each.paths) for each in conflicts]
        checks = self._asked.checks and self._ages.has_checks(found, now)
        shown = findings(found, tips.work, conflicts, checks=checks, reviews=self._asked.reviews)
        before = self._state.keys
        self._state, seen = take_in(self._state, shown, self._tasks, incoming)
        new = [one for one in shown if one.key not in before and one.key in self._state.keys]
        self._news += new
        if any(one.kind is FindingKind.CONFLICT for one in new):
            self._onto[tips.onto] = name
        return seen

    async def _merge(self, seconds: float) -> tuple[str, ...]:
        """Asks for the merge; what keeps it from being merged, in words."""
        done = await publish(replace(self._request, follow=None, wait_seconds=seconds))
        return tuple(one.message for one in done if one.message)

    def _note(self, key: str) -> None:
        self._state = self._state.with_answer(key)
        self._answered.append(key)

    def _report(
        self,
        end: FollowEnd,
        pull: ForgePullRequest,
        found: PullReview | None = None,
        waiting: tuple[str, ...] = (),
        *,
        is_pending: bool = False,
    ) -> FollowReport:
        return FollowReport(
            end, pull.url, pull.state.value, found.sha if found else pull.sha, tuple(self._news),
            tuple(self._onto.items()), tuple(self._answered), waiting, is_pending,
        )  # fmt: skip


def _state(asked: FollowRequest) -> FeedbackState:
    """What is known of the feedback.

    Raises:
        PolicyError: it cannot be read.
    """
    if not asked.state:
        return FeedbackState()
    try:
        return FeedbackState.from_json(json.loads(unpack_whole(asked.state, _STATE_MAX)))
    except ValueError as error:
        raise PolicyError("InvalidInstruction", f"follow.state cannot be read: {error}") from None


def _counts(text: str) -> dict[str, int]:
    try:
        return {str(task): int(count) for task, count in json.loads(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        raise PolicyError("InvalidInstruction", "follow.repaired has no number for each task") from None
