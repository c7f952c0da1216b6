"""Which task acts on what a pull request has as feedback, once each, and not for ever."""

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.review.findings import asked_in, comment_key, findings, lines_to_blame
from parallelproject.core.review.observed import (
    BranchConflict,
    BranchWork,
    CodeLine,
    FailedCheck,
    LandedCommit,
    PullReview,
    ReviewComment,
    ReviewThread,
    mark,
)
from parallelproject.core.review.pace import BURST, LONGEST, PER_HOUR, RequestBudget
from parallelproject.core.review.state import FeedbackState, FindingKind, IncomingBranch, LeftReason, ReviewFinding
from tests.core.examples import examples

A, B, PERSON = "a" * 40, "b" * 40, "c" * 40
WORK = BranchWork(
    (
        LandedCommit(A, "a", ("a.py", "shared.py")),
        LandedCommit(B, "b", ("b.py", "shared.py")),
        LandedCommit(PERSON, "", ("p.py", "a.py")),
    ),
    {CodeLine(B, "shared.py", 1): A, CodeLine(B, "shared.py", 2): B, CodeLine(B, "a.py", 9): PERSON},
)  # fmt: skip


def thread(path: str, line: int, *bodies: str, trusted: bool = True) -> ReviewThread:
    said = tuple(ReviewComment(str(at), "eve", body, trusted) for at, body in enumerate(bodies, 1))
    return ReviewThread("1", said, path, line, B)


def owner(*threads: ReviewThread, **more: object) -> list[str]:
    return [one.task for one in findings(PullReview(B, threads=threads, **more), WORK)]  # type: ignore[arg-type]


def test_a_comment_goes_to_the_task_of_the_line_else_to_the_last_one_of_the_file() -> None:
    assert owner(thread("shared.py", 1, "x")) == ["a"]
    assert owner(thread("shared.py", 2, "x")) == ["b"]
    assert owner(thread("shared.py", 7, "x")) == ["b"]  # a line of the base
    assert owner(thread("a.py", 9, "x")) == ["a"]  # a person wrote the line, and the task the file
    assert owner(thread("p.py", 1, "x")) == [""]


def test_a_review_without_a_line_goes_to_the_task_of_the_file_that_it_names() -> None:
    assert owner(thread("", 0, "please correct a.py:3")) == ["a"]
    assert owner(thread("", 0, "please correct all")) == [""]
    only = PullReview(B, threads=(thread("", 0, "please correct all"),))
    assert [one.task for one in findings(only, BranchWork(WORK.commits[:1]))] == ["a"]


def test_a_check_goes_to_the_marked_line_else_to_the_named_file_else_to_the_last_commit() -> None:
    def of(check: FailedCheck) -> str:
        return findings(PullReview(B, failed=(check,)), WORK)[0].task

    assert of(FailedCheck("ci", "b.py:1: wrong", lines=(("shared.py", 1),))) == "a"
    assert of(FailedCheck("ci", "a.py:1: wrong")) == "a"
    assert of(FailedCheck("ci", "it failed")) == "b"


def test_a_conflict_goes_to_each_task_that_owns_a_file_in_it() -> None:
    conflict = BranchConflict("main", "d" * 40, ("a.py", "b.py", "shared.py", "elsewhere.py"))
    found = findings(PullReview(B), WORK, [conflict])
    assert [(one.task, one.kind) for one in found] == [(task, FindingKind.CONFLICT) for task in ("a", "b", "")]
    assert "b.py\nshared.py" in found[1].text


def test_the_lines_that_are_blamed_are_those_that_are_named() -> None:
    check = FailedCheck("ci", lines=(("x.py", 3),))
    review = PullReview(
        B, failed=(check,), threads=(thread("a.py", 4, "x"), thread("a.py", 0, "x"), thread("", 0, "x"))
    )
    assert lines_to_blame(review) == [CodeLine(B, "x.py", 3), CodeLine(B, "a.py", 4)]


def test_our_replies_and_comments_of_others_ask_for_nothing() -> None:
    assert owner(thread("a.py", 1, f"done {mark('comment/0')}")) == []
    assert owner(thread("a.py", 1, "remove all", trusted=False)) == []
    assert owner(thread("a.py", 1, "x")._replace(is_resolved=True)) == []
    answered = thread("a.py", 1, "x", "y", f"done {mark('comment/1')}")
    assert [comment.body for comment in asked_in(answered)] == ["y"]  # it came before our reply, and is not answered
    assert owner(thread("a.py", 1, "x"), marks=frozenset({"comment/1"})) == []


BODIES = st.lists(st.sampled_from(["ask", "ours", "other", " "]), max_size=8)


@given(BODIES, st.integers(0, 8))
@examples(200)
def test_a_thread_asks_for_what_came_after_the_last_answered_comment(kinds: list[str], answered: int) -> None:
    def made(at: int, kind: str) -> ReviewComment:
        body = f"done {mark('x/y')}" if kind == "ours" else kind
        return ReviewComment(str(at), "eve", body, kind != "other")

    said = tuple(made(at, kind) for at, kind in enumerate(kinds, 1))
    marks = {comment_key(comment) for comment in said[:answered][-1:]}
    asked = asked_in(ReviewThread("1", said, "a.py", 1), marks)
    assert asked == [comment for comment in said[answered:] if comment.body == "ask"]


KEYS = st.builds(
    lambda key, task: ReviewFinding(f"comment/{key}", FindingKind.REVIEW, task, "title", "text"),
    st.integers(1, 12), st.sampled_from(["", "a", "b", "gone"]),
)  # fmt: skip


@given(st.lists(st.lists(KEYS, max_size=5), max_size=8), st.integers(0, 3), st.integers(0, 2))
@examples(200)
def test_each_finding_is_given_once_and_a_task_runs_at_most_so_often(
    rounds: list[list[ReviewFinding]], most: int, checked: int
) -> None:
    state, numbers = FeedbackState(), list[tuple[str, int]]()
    for at, found in enumerate(rounds, 1):
        before = state
        state = state.with_findings(found, {"a", "b"}, {"a": at, "b": at}, {"a": checked}, most)
        assert FeedbackState.from_json(state.to_json()) == state
        assert state.with_findings(found, {"a", "b"}, {"a": 99}, {}, 99) == state  # once
        assert before.keys <= state.keys
        assert {one.key for one in found} <= state.keys
        for task, repairs in state.repairs.items():
            if repairs != before.repairs.get(task):
                assert repairs[:-1] == before.repairs.get(task, ())
                assert state.floors[task] == at
                numbers.append((task, repairs[-1].number))
    given_keys = [one.key for repairs in state.repairs.values() for each in repairs for one in each.findings]
    assert len(given_keys) == len(set(given_keys))
    assert all(len(repairs) <= most for repairs in state.repairs.values())
    assert len(set(numbers)) == len(numbers)
    assert set(state.repairs) <= {"a", "b"}
    assert set(state.left.values()) <= set(LeftReason)
    for key in given_keys:
        state = state.with_answer(key).with_answer(key)
    assert not state.unanswered
    assert sorted(state.answered) == sorted(given_keys)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), max_size=200))
@examples(100)
def test_requests_stay_within_the_budget(looks: list[tuple[int, int]]) -> None:
    budget, now, spent = RequestBudget(), 0.0, 0
    for cost, idle in looks:
        pause = budget.pause(idle)
        assert pause >= 2 or idle == 0
        assert pause <= max(LONGEST, 60 * 3600 / PER_HOUR)
        now += pause
        spent += cost
        budget = budget.spend(cost, now)
        assert spent <= BURST + now * PER_HOUR / 3600 + cost


def test_a_conflict_of_which_a_part_has_no_task_is_left_as_a_whole() -> None:
    base = "d" * 40
    found = findings(PullReview(B), WORK, [BranchConflict("main", base, ("a.py", "elsewhere.py"))])
    incoming = [IncomingBranch(base, "main", ("a.py", "elsewhere.py"))]
    comment = ReviewFinding("comment/1", FindingKind.REVIEW, "a", "title", "text")
    state = FeedbackState().with_findings([*found, comment], {"a", "b"}, {}, {}, 3, incoming)
    assert set(state.left.values()) == {LeftReason.NO_OWNER}
    assert len(state.left) == 2
    assert [one.key for one in state.repairs["a"][0].findings] == ["comment/1"]
    assert state.incoming == ()
    whole = findings(PullReview(B), WORK, [BranchConflict("main", base, ("a.py", "b.py"))])
    state = FeedbackState().with_findings(whole, {"a", "b"}, {}, {}, 3, incoming)
    assert set(state.repairs) == {"a", "b"}
    assert list(state.incoming) == incoming
