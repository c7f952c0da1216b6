"""What one look at a pull request adds to the record of its feedback, and the replies that are due. Pure.

A local run and a cluster look in different places, and decide here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from parallelproject.core.review.follow_step import FeedbackSeen
from parallelproject.core.review.observed import BranchWork
from parallelproject.core.review.state import (
    FeedbackState,
    FindingKind,
    IncomingBranch,
    LeftReason,
    ReviewFinding,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedTasks:
    """The tasks of a run whose pull request is followed."""

    able: frozenset[str] = frozenset()
    """Those that may act on something: they have succeeded."""
    attempts: Mapping[str, int] = field(default_factory=dict)
    """By task, the number of its last attempt."""
    repaired: Mapping[str, int] = field(default_factory=dict)
    """By task, how many repairs of another kind it had."""
    max_rounds: int = 0
    """Maximum number of repairs of one task because of feedback."""


def take_in(
    before: FeedbackState,
    found: Sequence[ReviewFinding],
    tasks: FollowedTasks,
    incoming: Sequence[IncomingBranch] = (),
    needed: Collection[str] = (),
) -> tuple[FeedbackState, FeedbackSeen]:
    """The record after a look, and what the look has shown.

    Args:
        before: The record.
        found: All that tasks have to act on, also what they act on already.
        tasks: The tasks.
        incoming: What tasks have to work on top of.
        needed: Conflicts (``ReviewFinding.group``) without whose solution nothing can be published.
    """
    # The mark of a reply may not be visible, such as that of an app.
    found = [one for one in found if one.kind is not FindingKind.REVIEW or one.key not in before.answered]
    after = with_tasks(before, found, tasks, incoming)
    new = [one for one in found if one.key not in before.keys]
    over = any(
        why == LeftReason.ROUNDS_OVER or one.group in needed for one in found if (why := after.left.get(one.key))
    )
    seen = FeedbackSeen(
        True,
        [one for one in new if one.key not in after.left],
        [(one, after.left[one.key]) for one in new if one.key in after.left],
        over,
        is_quiet=not found and not after.unanswered,
        waiting=tuple(one.title for one in found if one.key in after.left or one.key in after.answered),
    )
    return after, seen


def with_tasks(
    before: FeedbackState,
    found: Sequence[ReviewFinding],
    tasks: FollowedTasks,
    incoming: Sequence[IncomingBranch] = (),
) -> FeedbackState:
    """The record when new findings are given to their tasks; see ``FeedbackState.with_findings``."""
    return before.with_findings(found, tasks.able, tasks.attempts, tasks.repaired, tasks.max_rounds, incoming)


def due_answers(
    state: FeedbackState, able: Collection[str], ran: Mapping[str, int], work: BranchWork
) -> list[tuple[ReviewFinding, str]]:
    """The findings that tasks have acted on, with the replies that are due.

    Args:
        state: The record.
        able: The tasks that have succeeded. Others have not acted on theirs, and may not have run.
        ran: By task, the number of its last attempt that has succeeded.
        work: The branch, with the commits of the repairs.
    """
    commits = {(each.task, each.repair): each.commit for each in work.commits if each.task}
    return [
        (one, _reply(one, commits.get((one.task, repair.number))))
        for repair, one in state.unanswered
        if one.task in able and ran.get(one.task, 0) > repair.floor
    ]


def _reply(finding: ReviewFinding, commit: str | None) -> str:
    """What the thread gets."""
    if commit is None:
        return f"The task `{finding.task}` ran for this ({finding.title}), and changed nothing."
    return f"{commit} changes this ({finding.title}), by the task `{finding.task}`."
