"""A followed pull request in a cluster: what is reported counts once, and few processes look while nothing is new."""

import json
import random
import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.followups.publishing import PublishAttempt, Publishing
from parallelproject.core.report.attention import condition_of as attention
from parallelproject.core.report.attention import need_of_review, needs_of_status
from parallelproject.core.report.review_status import read_review, render_review
from parallelproject.core.review.ages import PENDING_MAX, ReviewAges
from parallelproject.core.review.current_repair import repair_at
from parallelproject.core.review.follow_report import FollowEnd, FollowReport, cut_middle
from parallelproject.core.review.following import (
    FIRST_WAIT,
    LONGEST_WAIT,
    SOON,
    FollowRecord,
    condition_of,
    following,
    for_revision,
    published_after,
    with_reports,
)
from parallelproject.core.review.observed import FailedCheck, PullReview
from parallelproject.core.review.state import FeedbackRepair, FeedbackState, FindingKind, ReviewFinding
from parallelproject.core.review.taking_in import FollowedTasks
from parallelproject.core.verification.state import Repair

SHA, URL = "5" * 40, "https://git.example/pulls/1"
TASKS = FollowedTasks(able=frozenset("abc"), attempts={"a": 1, "b": 2, "c": 1}, max_rounds=2)
CHECK = ReviewFinding(f"check/0123456789/{SHA[:12]}", FindingKind.CHECK, "b", "the check ci fails", "It says: no")
COMMENT = ReviewFinding("comment/7", FindingKind.REVIEW, "a", "eve asks for a change", "A review says", "7")
CONFLICT = ReviewFinding(
    f"conflict/{'9' * 12}/c", FindingKind.CONFLICT, "c", "it conflicts with main", "x", paths=("c.txt",)
)
RECORD = FollowRecord(revision="r")


def report(end: FollowEnd = FollowEnd.QUIET, *findings: ReviewFinding, sha: str = SHA, **more: object) -> FollowReport:
    return FollowReport(end, URL, "open", sha, findings, **more)  # type: ignore[arg-type]


def ended(number: int, said: FollowReport | None, at: float = 100.0, **fields: object) -> PublishAttempt:
    text = json.dumps({"follow": said.to_json(3900)}) if said else ""
    found = PublishAttempt(number, "r", True, succeeded=said is not None, ended=at, message=text)
    return found._replace(**fields)


def taken(record: FollowRecord, *attempts: PublishAttempt, now: float = 100.0) -> FollowRecord:
    return with_reports(record, attempts, TASKS, now)[0]


def test_a_report_goes_to_the_tasks_once() -> None:
    seen = [ended(1, report(FollowEnd.FEEDBACK, CHECK, COMMENT))]
    record, news = with_reports(RECORD, seen, TASKS, 100.0)
    assert [one.key for one in news] == [CHECK.key, COMMENT.key]
    assert record.state.floors == {"a": 1, "b": 2}
    assert record.state.repairs["b"][0].findings[0].text == "It says: no"
    assert with_reports(record, seen, TASKS, 200.0) == (record, [])
    quiet = taken(record, ended(2, report()))
    assert taken(quiet, ended(2, report())) == quiet
    again = taken(record, ended(2, report(FollowEnd.FEEDBACK, CHECK)))
    assert again.state.floors == record.state.floors


def test_a_conflict_comes_with_the_commit_and_its_files() -> None:
    said = report(FollowEnd.FEEDBACK, CONFLICT, onto=(("9" * 40, "main"),))
    record = taken(RECORD, ended(1, said))
    (incoming,) = record.state.incoming
    assert (incoming.commit, incoming.paths) == ("9" * 40, ("c.txt",))


def test_what_is_answered_needs_no_text_any_more_and_old_checks_are_forgotten() -> None:
    record = taken(RECORD, ended(1, report(FollowEnd.FEEDBACK, CHECK, COMMENT)))
    done = taken(record, ended(2, report(answered=(CHECK.key, COMMENT.key), sha="6" * 40)))
    assert [one for each in done.state.repairs.values() for one in each[-1].findings if one.text] == []
    assert (done.state.keys, done.state.answered) == ({COMMENT.key}, (COMMENT.key,))
    assert {task: len(each) for task, each in done.state.repairs.items()} == {"a": 1, "b": 1}, "rounds still count"


def test_an_end_without_a_report_is_tried_again_and_a_late_report_counts() -> None:
    record = taken(RECORD, ended(1, None))
    assert (record.tries, condition_of(record, is_due=True)[1]) == (1, "FollowingFailed")
    assert following(record, "r", [], 101.0).wake_at == 110.0
    late = taken(record, ended(1, report(FollowEnd.FEEDBACK, CHECK)))
    assert (late.tries, late.state.floors) == (0, {"b": 2})
    refused = ended(2, None, message='{"reason": "ForgeRefused", "message": "HTTP 401"}', exit_code=23)
    stopped = taken(record, ended(2, None, is_stopped=True))
    assert (stopped.number, stopped.tries) == (2, 1), "a process that was stopped has not failed"
    record = taken(record, refused)
    assert condition_of(record, is_due=True) == ("Unknown", "ForgeRefused", "HTTP 401")
    assert record.tries == 2


@pytest.mark.parametrize(
    ("end", "status", "launches"),
    [
        (FollowEnd.MERGED, "True", False),
        (FollowEnd.APPROVED, "True", False),
        (FollowEnd.CLOSED, "False", False),
        (FollowEnd.PEOPLE, "False", True),
        (FollowEnd.QUIET, "Unknown", True),
    ],
)
def test_how_it_ends(end: FollowEnd, status: str, launches: bool) -> None:
    record = taken(RECORD, ended(1, report(end, waiting=("a comment",))))
    assert condition_of(record, is_due=True)[0] == status
    later = following(record, "r", [], 1e6)
    assert (later.launch == 2) is launches
    assert later.is_settled is (status != "Unknown")
    other = following(for_revision(record, "r2"), "r2", [], 1000.0)
    assert other.launch == 2, "what is published anew is followed anew"


def test_what_only_people_can_solve_is_in_their_inbox() -> None:
    record = taken(RECORD, ended(1, report(FollowEnd.PEOPLE, waiting=("a comment",))))
    reviewed = condition_of(record, is_due=True)
    fields = dict(zip(("status", "reason", "message"), reviewed, strict=True))
    (need,) = needs_of_status({"conditions": [{"type": "Reviewed", **fields}]}, [])
    assert need.command("p") == "pproj get p"
    reason, text = attention([need], "p") or ("", "")
    assert reason == "Review"
    assert text.startswith(
        f"the pull request needs a person: the pull request has feedback that no task acts on: {URL}"
    )
    assert need_of_review(("Unknown", "Following", "")) is None


def test_a_merge_shows_in_the_publication() -> None:
    known = {"revision": "r", "reason": "Opened", "pullRequests": [{"url": URL, "state": "open"}]}
    opened = Publishing(None, ("True", "Opened", URL), known, None, True)
    record = taken(RECORD, ended(1, report(FollowEnd.MERGED)))
    merged = published_after(opened, record)
    assert merged.condition[1] == "Merged"
    assert merged.record
    assert merged.record["pullRequests"][0]["state"] == "merged"
    assert published_after(opened, taken(RECORD, ended(1, report()))) == opened


def jobs_in(seconds: float, **said: object) -> int:
    """How many processes run in a time in which each reports the same, after a minute."""
    record, now, count = RECORD, 0.0, 0
    while now < seconds:
        found = following(record, "r", [], now)
        if found.launch:
            count, now = count + 1, now + 60.0
            record = taken(record, ended(found.launch, report(**said), at=now), now=now)  # type: ignore[arg-type]
        else:
            assert found.wake_at
            now = found.wake_at
    return count


def test_few_processes_look_while_nothing_happens() -> None:
    assert jobs_in(3600.0) <= 6
    assert jobs_in(3 * 86_400.0) <= 3 * 86_400 / LONGEST_WAIT + 6
    pending = taken(RECORD, ended(1, report(is_pending=True)))
    assert following(pending, "r", [], 100.0).wake_at == 100.0 + SOON
    quiet = taken(RECORD, ended(1, report()))
    assert following(quiet, "r", [], 100.0).wake_at == 100.0 + FIRST_WAIT
    assert following(quiet, "r", [PublishAttempt(2, "r", False)], 1e6).launch is None, "one at a time"


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=3000)
found = st.builds(
    ReviewFinding, st.uuids().map(lambda each: f"comment/{each}"), st.just(FindingKind.REVIEW), st.sampled_from("abc"),
    texts, texts, texts.map(lambda each: each[:20]),
)  # fmt: skip


@given(st.lists(found, max_size=8, unique_by=lambda one: one.key), st.lists(texts, max_size=8))
def test_a_report_fits_into_a_termination_message_and_is_read_again(
    findings: list[ReviewFinding], waiting: list[str]
) -> None:
    said = report(FollowEnd.FEEDBACK, *findings, waiting=tuple(waiting), answered=tuple(f"x/{i}" for i in range(900)))
    fields = said.to_json(3900)
    assert len(json.dumps({"follow": fields})) <= 4096
    again = FollowReport.read(json.loads(json.dumps(fields)))
    assert again
    assert {one.key for one in again.findings} <= {one.key for one in findings}
    if findings:
        assert again.findings or again.end is FollowEnd.PEOPLE, "else it would be reported again and again"


def test_of_a_conflict_in_very_many_files_nothing_is_reported_and_people_are_asked() -> None:
    large = CONFLICT._replace(key=f"{CONFLICT.group}/a", paths=tuple(f"{i}.txt" for i in range(101)))
    again = FollowReport.read(report(FollowEnd.FEEDBACK, CONFLICT, large, COMMENT).to_json(3900))
    assert again
    assert again.findings == (COMMENT,)
    again = FollowReport.read(report(FollowEnd.FEEDBACK, CONFLICT, large).to_json(3900))
    assert again
    assert (again.end, again.findings) == (FollowEnd.PEOPLE, ())
    assert again.waiting


def test_what_is_read_is_bounded() -> None:
    large = COMMENT._replace(key="k" * 9_000, title="t" * 9_000, text="x" * 90_000, thread="y" * 9_000)
    said = report(FollowEnd.FEEDBACK, *(large._replace(key=f"{i}") for i in range(300)), answered=("a" * 9_000,) * 90)
    said = said._replace(url="u" * 9_000, waiting=("w" * 9_000,) * 90)
    fields = said.to_json(10**9) | {"url": said.url, "answered": list(said.answered), "waiting": list(said.waiting)}
    again = FollowReport.read(fields)
    assert again
    assert 0 < len(again.findings) < 100
    assert max(len(one.text) for one in again.findings) < 17_000
    assert len(json.dumps(again._replace(findings=()))) < 10_000
    many = report(FollowEnd.FEEDBACK, *(COMMENT._replace(key=f"comment/{i}") for i in range(900))).to_json(10**9)
    assert len((FollowReport.read(many) or again).findings) == 200


def noise(count: int, seed: int = 1) -> str:
    chosen = random.Random(seed)
    return "".join(chosen.choices(string.printable, k=count))


def test_texts_are_cut_before_findings_are_dropped_and_of_a_conflict_all_or_nothing_is_reported() -> None:
    long = [COMMENT._replace(key=f"comment/{i}", text=noise(20_000, i)) for i in range(5)]
    again = FollowReport.read(report(FollowEnd.FEEDBACK, *long).to_json(3900))
    assert again
    assert len(again.findings) == 5
    assert all(200 <= len(one.text) <= 1100 for one in again.findings)
    many = [COMMENT._replace(key=f"comment/{i}", text=noise(20_000, i)) for i in range(60)]
    again = FollowReport.read(report(FollowEnd.FEEDBACK, *many, CONFLICT).to_json(3900))
    assert again
    keys = [one.key for one in again.findings]
    assert keys == [CONFLICT.key, *(one.key for one in many[: len(keys) - 1])]
    assert 5 < len(keys) < 61
    assert cut_middle("0123456789", 6) == "01\n[…]\n6789"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda each: st.lists(each)))
def test_a_report_that_somebody_else_wrote_is_none(other: object) -> None:
    assert FollowReport.read(other) is None
    assert FollowReport.read({"end": other, "url": other, "state": other, "sha": other, "findings": other}) is None


def test_the_record_is_read_again_as_it_was_written_and_stays_small() -> None:
    record = taken(RECORD, ended(1, report(FollowEnd.FEEDBACK, CHECK, COMMENT)))
    assert read_review({"review": render_review(record)}) == record
    assert read_review({"review": {"record": ["x"]}}) == read_review({}) == FollowRecord()
    large = FeedbackState(
        {f"t{i}": (FeedbackRepair(1, 1, (COMMENT._replace(key=f"comment/{i}", text=noise(9_000, i)),)),)
         for i in range(60)}
    )  # fmt: skip
    written = render_review(FollowRecord(large))
    assert sum(map(len, written["record"])) <= 2 * 65_536
    assert read_review({"review": written}).state.floors == large.floors, "without texts at last"


def test_repairs_of_both_kinds_are_numbered_together() -> None:
    checked: Sequence[Repair] = (Repair(1, "test", 1, "c"), Repair(3, "test", 2, "c"))
    reviewed = (FeedbackRepair(2, 2, ()),)
    assert repair_at((), ()) is None
    last = repair_at(checked, reviewed)
    assert last
    assert (last.number, last.of_check, last.of_review) == (3, checked[1], None)
    last = repair_at(checked[:1], reviewed)
    assert last
    assert (last.number, last.of_check, last.of_review) == (2, None, reviewed[0])


def test_a_failed_check_waits_for_the_others_but_not_for_ever() -> None:
    ages, red = ReviewAges(), PullReview(SHA, (FailedCheck("ci"),), is_pending=True)
    assert not ages.has_checks(red, 0.0)
    assert not ages.has_checks(red, PENDING_MAX - 1)
    assert ages.has_checks(red, PENDING_MAX)
    assert ages.has_checks(red._replace(is_pending=False), 0.0)
    assert [ages.unchecked(PullReview(SHA), at) for at in (5.0, 9.0)] == [0.0, 4.0]
    assert ages.unchecked(red, 9.0) == 0.0
