"""One look at the feedback on a pull request: what is new goes to its tasks, which is recorded before they run."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from parallelproject.core.review.findings import findings, lines_to_blame
from parallelproject.core.review.follow_step import FeedbackSeen
from parallelproject.core.review.observed import BranchConflict, PullReview
from parallelproject.core.review.state import FeedbackRepair, FindingKind, IncomingBranch, ReviewFinding
from parallelproject.core.review.taking_in import FollowedTasks, due_answers, take_in
from parallelproject.local.delivery.fetch import fetched
from parallelproject.local.delivery.push import push, remote_of
from parallelproject.local.delivery.target import LandingTarget
from parallelproject.local.engine import lock
from parallelproject.local.errors import RunError
from parallelproject.local.review.branch import ReviewedBranch
from parallelproject.local.review.record import LocalFeedback
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.store import Store
from parallelproject.local.verification.checks import LocalVerification
from parallelproject.model.problem import listed
from parallelproject.model.spec import Feedback

Say = Callable[[str], None]
_TRIES = 3
_SHOWN = 5


class ReviewedRun:
    """A local run whose work is in a pull request."""

    def __init__(self, target: LandingTarget, directory: StateDirectory, settings: Feedback, say: Say) -> None:
        """Describes it.

        Args:
            target: Where its work lands.
            directory: Its state.
            settings: Which feedback counts.
            say: Says what people should know.
        """
        self._target, self._directory, self._settings, self._say = target, directory, settings, say
        self._branch = ReviewedBranch(target)
        self._is_reported = False

    def push(self, instruction: Mapping[str, Any]) -> bool:
        """Pushes the branch on top of what others have pushed to it.

        Only to be called with the lock of the state held.

        Args:
            instruction: What is to be published, with how the tasks ended.

        Returns:
            Whether it is pushed; False: it conflicts with what others have pushed.

        Raises:
            RunError: it cannot be pushed, or has conflicts that no task has resolved.
        """
        remote, branch, target = remote_of(self._target), self._branch, self._target
        self._check_resolved({row["id"] for row in instruction["tasks"] if row.get("failed")})
        for tries in range(_TRIES):
            theirs = fetched(target, remote, [target.branch])[target.branch]
            if theirs and branch.conflicts_with(theirs):
                return False
            if theirs and branch.bring_in(theirs, f"{remote}/{target.branch}"):
                self._say(f"what others have pushed to {target.branch} is merged into it")
            try:
                push(target)
                return True
            except RunError:
                if tries == _TRIES - 1 or fetched(target, remote, [target.branch])[target.branch] == theirs:
                    raise
        raise AssertionError

    def _check_resolved(self, failed: set[str]) -> None:
        """Refuses to publish a merge that nobody has resolved.

        Raises:
            RunError: the branch has conflict markers, or a task has failed that was to resolve a conflict.
        """
        state = LocalFeedback(self._directory).state
        paths = [path for each in state.incoming for path in each.paths]
        if not paths:
            return
        files = self._branch.unresolved(paths)
        owners = [task for task in failed if _conflicts(state.repairs.get(task, ()))]
        if files or owners:
            what = f"conflicts in {listed(files or paths, _SHOWN)} are not resolved"
            hint = f"resolve them on {self._target.branch}, then pproj publish"
            raise RunError(f"{self._target.branch} is not pushed: {what}", hint)

    def look(self, review: PullReview, base: str, able: set[str], *, has_checks: bool = True) -> FeedbackSeen:
        """Takes in what a forge shows.

        Args:
            review: The pull request.
            base: The branch that it is merged into.
            able: The tasks that may act on something: those that have succeeded.
            has_checks: Whether failed checks count by now.

        Raises:
            RunError: the remote or the state cannot be read.
        """
        remote, target, branch = remote_of(self._target), self._target, self._branch
        tips = fetched(target, remote, [target.branch, base])
        theirs, onto = tips[target.branch], tips[base]
        if theirs != review.sha or onto is None:
            return FeedbackSeen(False, [], [], False, False)
        settings = self._settings
        conflicts, incoming = [], []
        for name, commit in ((f"{remote}/{target.branch}", theirs), (base, onto)):
            paths = branch.conflicts_with(commit)
            if paths and (settings.conflicts or name != base):
                conflicts.append(BranchConflict(name, commit, paths))
                incoming.append(IncomingBranch(commit, name, paths))
            elif name != base and not branch.has(commit):
                incoming.append(IncomingBranch(commit, name))
        work = branch.work(onto, lines_to_blame(review))
        found = findings(review, work, conflicts, checks=settings.checks and has_checks, reviews=settings.reviews)
        with self._held() as is_held:
            if not is_held:
                return FeedbackSeen(False, [], [], False, False)
            feedback = LocalFeedback(self._directory)
            tasks = FollowedTasks(
                able=frozenset(able), attempts=self._attempts(),
                repaired=LocalVerification.repair_counts(self._directory), max_rounds=settings.max_rounds,
            )  # fmt: skip
            # Without a merge of what others have pushed, nothing can be pushed.
            needed = {each.group for each in incoming if each.commit == theirs}
            state, seen = take_in(feedback.state, found, tasks, incoming, needed)
            feedback.write(state)
        return seen

    def answers(self, succeeded: set[str]) -> list[tuple[ReviewFinding, str]]:
        """The findings that tasks have acted on, with the replies that are due.

        Args:
            succeeded: The tasks that have succeeded.
        """
        state = LocalFeedback(self._directory).state
        if not state.unanswered:
            return []
        work = self._branch.work(self._target.base.commit)
        return due_answers(state, succeeded, self._attempts("Succeeded"), work)

    def note_answer(self, key: str) -> None:
        """Records that a reply is sent.

        Raises:
            OSError: it cannot be written.
        """
        with self._held() as is_held:
            if is_held:  # else it is looked up at the forge the next time
                feedback = LocalFeedback(self._directory)
                feedback.write(feedback.state.with_answer(key))

    def _attempts(self, phase: str = "") -> dict[str, int]:
        """By task, the number of its last attempt; of those in a phase if one is given."""
        found: dict[str, int] = {}
        with closing(Store(self._directory.database)) as store:
            for row in store.attempts():
                if row.key.is_task and phase in ("", row.phase):
                    found[row.key.task] = max(row.key.attempt, found.get(row.key.task, 0))
        return found

    @contextmanager
    def _held(self) -> Iterator[bool]:
        """Has the state for itself; False: another run uses it."""
        try:
            held = lock.acquire(self._directory.lock, self._say)
        except RunError as error:
            if not self._is_reported:
                self._is_reported = True
                self._say(f"note: nothing is acted on until the other run has ended: {error}")
            yield False
            return
        self._is_reported = False
        try:
            yield True
        finally:
            os.close(held)


def _conflicts(repairs: tuple[FeedbackRepair, ...]) -> list[ReviewFinding]:
    return [one for one in repairs[-1].findings if one.kind is FindingKind.CONFLICT] if repairs else []
