"""A followed pull request: nothing is merged over open feedback, and what only people can solve ends it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.review.follow_step import SETTLE, FeedbackSeen, FollowStep, follow_step, waits_for
from parallelproject.core.review.observed import FailedCheck, PullReview
from parallelproject.core.review.state import FindingKind, ReviewFinding

RED = (FailedCheck("ci"),)
FINDING = ReviewFinding("check/x/y", FindingKind.CHECK, "a", "the check ci fails", "")
QUIET = FeedbackSeen(True, [], [], False, is_quiet=True)
GREEN = PullReview("s", has_passed=True)

reviews = st.builds(
    PullReview, st.just("s"), st.sampled_from([(), RED]), st.sampled_from([(), ("lint",)]), st.booleans(),
    st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
looks = st.builds(
    FeedbackSeen, st.booleans(), st.sampled_from([[], [FINDING]]), st.just([]), st.booleans(), st.booleans(),
    st.sampled_from([(), ("a comment",)]),
)  # fmt: skip


@pytest.mark.parametrize(
    ("review", "seen", "unchecked", "merges", "step"),
    [
        (GREEN, QUIET, 0, True, FollowStep.MERGE),
        (GREEN, QUIET, 0, False, FollowStep.LOOK),
        (GREEN._replace(is_approved=True), QUIET, 0, False, FollowStep.APPROVED),
        (GREEN._replace(is_rejected=True), QUIET, 0, True, FollowStep.LOOK),
        (GREEN, QUIET._replace(is_quiet=False), 0, True, FollowStep.LOOK),
        (GREEN, QUIET._replace(is_current=False), 0, True, FollowStep.LOOK),
        (GREEN, QUIET._replace(given=[FINDING]), 0, True, FollowStep.RUN),
        (GREEN, QUIET._replace(is_over=True), 0, True, FollowStep.PEOPLE),
        (PullReview("s", RED), QUIET._replace(waiting=("x",)), 0, True, FollowStep.PEOPLE),
        (PullReview("s", RED, is_pending=True), QUIET._replace(waiting=("x",)), 0, True, FollowStep.LOOK),
        (PullReview("s", stopped=("lint",)), QUIET, 0, True, FollowStep.PEOPLE),
        (PullReview("s"), QUIET, SETTLE - 1, True, FollowStep.LOOK),
        (PullReview("s"), QUIET, SETTLE, True, FollowStep.MERGE),
    ],
)
def test_what_follows(review: PullReview, seen: FeedbackSeen, unchecked: float, merges: bool, step: FollowStep) -> None:
    assert follow_step(review, seen, unchecked, merges=merges) is step


@given(reviews, looks, st.sampled_from([0.0, SETTLE]), st.booleans())
def test_nothing_is_merged_over_what_is_open(
    review: PullReview, seen: FeedbackSeen, unchecked: float, merges: bool
) -> None:
    step = follow_step(review, seen, unchecked, merges=merges)
    if step in (FollowStep.MERGE, FollowStep.APPROVED):
        assert seen.is_current
        assert seen.is_quiet
        assert not seen.given
        assert not seen.is_over
        assert not review.is_rejected
        assert review.has_passed or not (review.failed or review.is_pending)
        assert review.is_pending or not waits_for(review, seen)
    assert step is not FollowStep.MERGE or merges
    if seen.given:
        assert step is FollowStep.RUN
