"""Nothing follows from feedback on a pull request before the server has it. Repairs of both kinds have one number."""

from typing import Any

from parallelproject.controller.projects.project import Project
from parallelproject.controller.reconcile.repairs import repair_of
from parallelproject.core.report.review_status import render_review
from parallelproject.core.report.verification_status import render_verification
from parallelproject.core.review.following import FollowRecord
from parallelproject.core.review.state import (
    FeedbackRepair,
    FeedbackState,
    FindingKind,
    IncomingBranch,
    ReviewFinding,
)
from parallelproject.core.verification.record import VerificationRecord
from parallelproject.core.verification.state import Repair, VerificationState
from parallelproject.executors.base.observed import ObservedAttempts
from tests.controller.checks import GIT
from tests.controller.test_recorded_verification import EXECUTOR, body, reruns

FOLLOWED = {**GIT, "forge": {"type": "Gitea"}, "pullRequest": {"feedback": {}}}
SAID = ReviewFinding("comment/1", FindingKind.REVIEW, "b", "a comment", "Use another word.")
CONFLICT = ReviewFinding(
    f"conflict/{'9' * 12}/b", FindingKind.CONFLICT, "b", "a conflict", "Resolve it.", paths=("b.txt",)
)


def record(*findings: ReviewFinding) -> FollowRecord:
    incoming = (IncomingBranch("9" * 40, "main", ("b.txt",)),)
    return FollowRecord(FeedbackState({"b": (FeedbackRepair(2, 2, findings),)}, incoming=incoming), number=1)


def project(status: dict[str, Any] | None = None, git: dict[str, Any] | None = None, **fields: Any) -> Project:
    made = body(1, **fields)
    made["spec"]["git"] = git or FOLLOWED
    made["status"] |= status or {}
    return Project(made, ObservedAttempts(EXECUTOR), EXECUTOR.problems)


def test_feedback_counts_when_the_status_has_it() -> None:
    found = project()
    assert not found.take_review(), "a status without a record is written first"
    found.review = record(SAID)
    assert not found.take_review()
    assert (reruns(found), repair_of(found, "b")) == ({}, None)
    newer = body(2, parallelism=9)
    newer["spec"]["git"] = FOLLOWED
    found.update(newer)
    assert reruns(found) == {}
    found.status = {"review": found.rendered_review}
    assert found.take_review()
    assert reruns(found) == {1: 2}
    repair = repair_of(found, "b")
    assert repair
    assert (repair.number, repair.merging) == (1, None)
    assert "Use another word." in repair.feedback


def test_an_operator_that_starts_finds_it_unless_nothing_is_followed_any_more() -> None:
    status = {"review": render_review(record(SAID))}
    assert reruns(project(status)) == {1: 2}
    other = project(status, git=GIT)
    assert (reruns(other), repair_of(other, "b"), other.take_review()) == ({}, None, True)


def test_the_last_repair_of_either_kind_counts() -> None:
    checked = VerificationState(repairs={"b": (Repair(1, "test", 2, "c" * 40),)})
    status = {
        "review": render_review(record(CONFLICT)),
        "verification": render_verification(VerificationRecord().with_state(checked, 1)),
    }
    found = project(status)
    assert reruns(found) == {1: 2}
    repair = repair_of(found, "b")
    assert repair
    assert repair.number == 2
    assert repair.merging
    assert (repair.merging.commit, repair.merging.paths) == ("9" * 40, ("b.txt",))
    later = VerificationState(repairs={"b": (Repair(1, "test", 2, "c" * 40), Repair(3, "test", 4, "d" * 40))})
    status["verification"] = render_verification(VerificationRecord().with_state(later, 1))
    repair = repair_of(project(status), "b")
    assert repair
    assert (repair.number, repair.merging) == (3, None)
    assert "breaks the check test" in repair.feedback


def test_what_another_operator_wrote_is_taken_over() -> None:
    found = project()
    found.status = {"review": render_review(record(SAID))}
    found.adopt_end()
    assert (found.review, reruns(found)) == (record(SAID), {1: 2})
