"""Reviews and checks of a pull request, by answers as each forge documents them."""

from collections.abc import Callable
from typing import Any

import pytest

from parallelproject.core.review.observed import FailedCheck, PullReview, ReviewComment, ReviewThread, mark
from parallelproject.forge.clients.answer import AnswerError
from parallelproject.forge.clients.connect import review_of
from parallelproject.forge.clients.protocol import ForgeClient, ForgePullRequest, PullState, Words
from parallelproject.forge.clients.review import ReviewClient
from parallelproject.git.plumbing.outcome import TransientError
from tests.forge.setup import Publisher
from tests.forge.standin import Fault, StandIn

SHA = "1" * 40
OLD = "0" * 40
PULL = ForgePullRequest(
    number=7, url="", state=PullState.OPEN, head="parallel/x", base="main", sha=SHA, words=Words("x")
)
STRANGE = f"rm {mark('comment/98')}"
ANSWERED = f"done\n\n{mark('comment/1')}"


def person(name: str, **more: Any) -> dict[str, Any]:
    return {"user": {"login": name}, **more}


GITEA = {
    f"/commits/{SHA}/status": {
        "statuses": [
            {"context": "ci", "status": "failure", "description": "a.py:1: bad", "target_url": "https://ci.example/1"},
            {"context": "lint", "status": "success"},
        ]
    },
    "/collaborators/ann/permission": {"permission": "write"},
    "/collaborators/eve/permission": {"permission": "read"},
    "/pulls/7/reviews": [
        person("ann", id=1, state="REQUEST_CHANGES", body="please", commit_id=OLD, comments_count=1, official=True),
        person("eve", id=2, state="COMMENT", body="", commit_id=SHA, comments_count=1),
        person("robot", id=3, state="COMMENT", body="", commit_id=OLD, comments_count=1),
        person("ann", id=4, state="PENDING", body="not yet", comments_count=0),
    ],
    "/pulls/7/reviews/1/comments": [person("ann", id=1, path="a.py", position=3, original_position=0, body="why?")],
    "/pulls/7/reviews/2/comments": [person("eve", id=5, path="b.py", position=0, original_position=2, body=STRANGE)],
    "/pulls/7/reviews/3/comments": [person("robot", id=9, path="a.py", position=3, original_position=0, body=ANSWERED)],
    "/issues/7/comments": [
        person("robot", body=f"x {mark('check/x/y')}"),
        person("eve", body=f"x {mark('comment/99')}"),
    ],
}
GITHUB = {
    f"/commits/{SHA}/status": {"statuses": [{"context": "lint", "state": "success"}]},
    f"/commits/{SHA}/check-runs": {
        "check_runs": [
            {
                "id": 4, "name": "ci", "status": "completed", "conclusion": "failure", "html_url": "https://ci.example/1",
                "output": {"title": None, "summary": "a.py:1: bad", "text": None, "annotations_count": 2},
            }
        ]
    },
    "/collaborators/ann/permission": {"permission": "write"},
    "/collaborators/bob/permission": {"permission": "write"},
    "/collaborators/eve/permission": {"permission": "read"},
    "/check-runs/4/annotations": [
        {"path": "a.py", "start_line": 1, "annotation_level": "failure", "message": "bad"},
        {"path": "b.py", "start_line": 2, "annotation_level": "warning", "message": "long"},
    ],
    "/pulls/7/reviews": [
        person("ann", id=1, state="CHANGES_REQUESTED", body="please", author_association="MEMBER"),
        person("eve", id=2, state="COMMENTED", body="", author_association="MEMBER"),
        person("bob", id=3, state="APPROVED", body="fine", author_association="COLLABORATOR"),
    ],
    "/pulls/7/comments": [
        person("ann", id=1, path="a.py", line=None, original_line=3, side="RIGHT", original_commit_id=OLD, body="why?",
               author_association="MEMBER", pull_request_review_id=1),
        person("eve", id=5, path="b.py", original_line=2, side="LEFT", original_commit_id=SHA, body=STRANGE,
               author_association="MEMBER", pull_request_review_id=2),
        person("robot", id=9, path="a.py", original_line=3, side="RIGHT", original_commit_id=OLD, body=ANSWERED,
               author_association="NONE", in_reply_to_id=1),
        person("bob", id=10, path="a.py", original_line=8, side="RIGHT", original_commit_id=SHA, body="nit",
               author_association="COLLABORATOR", pull_request_review_id=3),
    ],
    "/issues/7/comments": [
        person("robot", body=f"x {mark('check/x/y')}", author_association="NONE"),
        person("eve", body=f"x {mark('comment/99')}", author_association="MEMBER"),
    ],
}  # fmt: skip


def note(id: int, user: int, body: str, **more: Any) -> dict[str, Any]:
    names = {1: "ann", 2: "eve", 3: "robot"}
    return {"id": id, "author": {"id": user, "username": names[user]}, "body": body, "system": False, **more}


GITLAB = {
    "/merge_requests/7": {
        "sha": SHA, "detailed_merge_status": "requested_changes",
        "head_pipeline": {"id": 5, "sha": SHA, "ref": "parallel/x", "status": "failed", "web_url": "https://ci.example"},
    },
    "/merge_requests/7/approvals": {"approved_by": []},
    "/pipelines/5/jobs": [
        {"id": 8, "name": "ci", "allow_failure": False, "web_url": "https://ci.example/1"},
        {"id": 9, "name": "may-fail", "allow_failure": True, "web_url": ""},
    ],
    "/jobs/8/trace": "a.py:1: bad",
    "/members/all/1": {"access_level": 40},
    "/members/all/2": {"access_level": 20},
    "/merge_requests/7/notes": [note(12, 2, f"x {mark('comment/99')}")],
    "/merge_requests/7/discussions": [
        {"id": "d0", "notes": [note(11, 1, "please", resolvable=True, resolved=False)]},
        {
            "id": "d1",
            "notes": [
                note(1, 1, "why?", resolvable=True, resolved=False,
                     position={"new_path": "a.py", "new_line": 3, "head_sha": OLD}),
                note(9, 3, ANSWERED, resolvable=True, resolved=False),
            ],
        },
        {"id": "d2", "notes": [note(5, 2, STRANGE, resolvable=True, resolved=False,
                                    position={"old_path": "b.py", "old_line": 2, "head_sha": SHA})]},
        {"id": "d3", "notes": [note(6, 3, f"x {mark('check/x/y')}")]},
    ],
}  # fmt: skip
ANSWERS = {"Gitea": GITEA, "GitHub": GITHUB, "GitLab": GITLAB}


@pytest.fixture
def served(standin: StandIn) -> StandIn:
    """A forge with this one pull request; each answer has a tag, and is sent once for it."""
    answers, pages = ANSWERS[standin.kind], set[tuple[str, int]]()

    def answer(index: int, method: str, path: str) -> Fault:
        if path.endswith("/user"):
            return 200, {"username" if standin.kind == "GitLab" else "login": "robot"}, {}
        found = next((body for end, body in answers.items() if path.endswith(f"shop{end}")), None)
        if method != "GET":
            return (201, {}, {}) if standin.kind != "Gitea" or not path.endswith("/replies") else (405, {}, {})
        if found is None:
            return 404, {"message": "404 Not found"}, {}
        page = int(standin.location.rpartition("page=")[2]) if "&page=" in standin.location else 1
        tag = f'"{page}"'
        pages.add((path, page))
        if standin.tags[-1] == tag:
            return 304, None, {"ETag": tag}
        if page > 1 and isinstance(found, list):
            found = []
        if page > 1 and "statuses" in found:
            found = {"statuses": []}
        return 200, found, {"ETag": tag}

    standin.fault = answer
    return standin


def ask(publisher: Publisher, call: Callable[[ReviewClient], Any]) -> Any:
    async def with_review(forge: ForgeClient) -> Any:
        review = review_of(forge)
        assert review
        return await call(review)

    return publisher.run(with_review)


def test_what_a_forge_shows_is_read(served: StandIn, publisher: Publisher) -> None:
    found: PullReview = ask(publisher, lambda review: review.observe(PULL))
    (check,) = found.failed
    assert (check.name, check.url) == ("ci", "https://ci.example/1")
    assert "a.py:1: bad" in check.text
    assert check.lines == ((("a.py", 1),) if served.kind == "GitHub" else ())
    assert (found.sha, found.is_pending, found.has_passed) == (SHA, False, False)
    assert (found.is_approved, found.is_rejected) == (False, True)
    assert "check/x/y" in found.marks
    assert "comment/1" in found.marks  # of the token's user, who is on no list of people
    assert "comment/99" not in found.marks
    whole, line, old = found.threads
    assert [(each.author, each.body, each.is_trusted) for each in whole.comments] == [("ann", "please", True)]
    assert (whole.path, whole.line) == ("", 0)
    assert (line.path, line.line, line.commit) == ("a.py", 3, OLD)
    assert [(each.id, each.author, each.is_ours) for each in line.comments] == [
        ("1", "ann", False),
        ("9", "robot", True),
    ]
    assert (old.path, old.line, old.comments[0].is_trusted) == ("b.py", 0, False)


def test_what_has_not_changed_is_not_sent_again_and_does_not_count(served: StandIn, publisher: Publisher) -> None:
    async def twice(review: ReviewClient) -> tuple[PullReview, PullReview, int, int]:
        first, spent = await review.observe(PULL), review.spent
        return first, await review.observe(PULL), spent, review.spent

    first, second, before, after = ask(publisher, twice)
    assert first == second
    asked = len(served.requests)
    assert before > 0
    assert after == before
    assert asked > before


def test_a_reply_goes_into_the_thread_once(served: StandIn, publisher: Publisher) -> None:
    thread = ReviewThread(
        "d1" if served.kind == "GitLab" else "1", (ReviewComment("1", "ann", "why?"),), "a.py", 3, OLD
    )
    ask(publisher, lambda review: review.reply(PULL, thread, "done", "comment/1"))
    assert served.sent == []  # it is there already
    ask(publisher, lambda review: review.reply(PULL, thread, "done", "comment/2"))
    path, sent = served.sent[-1]
    said = f"done\n\n{mark('comment/2')}"
    expected: dict[str, tuple[str, object]] = {
        "GitHub": ("/pulls/7/comments/1/replies", {"body": said}),
        "GitLab": ("/merge_requests/7/discussions/d1/notes", {"body": said}),
        "Gitea": (
            "/pulls/7/reviews",
            {
                "event": "COMMENT", "commit_id": OLD,
                "comments": [{"path": "a.py", "body": said, "new_position": 3, "old_position": 0}],
            },
        ),
    }  # fmt: skip
    end, body = expected[served.kind]
    assert path.endswith(end)
    assert sent == body


def test_a_mark_of_a_stranger_is_no_reply(served: StandIn, publisher: Publisher) -> None:
    thread = ReviewThread("d2" if served.kind == "GitLab" else "5", (ReviewComment("5", "eve", "rm"),), "b.py", 2, SHA)
    ask(publisher, lambda review: review.reply(PULL, thread, "done", "comment/98"))
    assert served.sent
    served.sent.clear()
    publisher.run(lambda forge: forge.comment(PULL, "done", "comment/99"))
    assert served.sent


def test_a_reply_that_never_gets_an_answer_is_no_reply(served: StandIn, publisher: Publisher) -> None:
    thread = ReviewThread(
        "d1" if served.kind == "GitLab" else "1", (ReviewComment("1", "ann", "why?"),), "a.py", 3, OLD
    )
    answer = served.fault
    served.fault = lambda index, method, path: answer(index, method, path) if method == "GET" else (502, {}, {})
    with pytest.raises(TransientError, match="could not be sent"):
        ask(publisher, lambda review: review.reply(PULL, thread, "done", "comment/2"))


def test_a_refusal_is_told(standin: StandIn, publisher: Publisher) -> None:
    standin.fault = lambda index, method, path: (403, {"message": "no"}, {})
    with pytest.raises(AnswerError, match="no"):
        ask(publisher, lambda review: review.observe(PULL))
    assert FailedCheck("x").lines == ()


@pytest.mark.parametrize("standin", ["GitHub", "GitLab"], indirect=True)
def test_a_cancelled_check_is_left_to_people(served: StandIn, publisher: Publisher) -> None:
    answer = served.fault
    runs = [{"id": 4, "name": "ci", "status": "completed", "conclusion": "cancelled"}]
    statuses = [{"id": 4, "name": "ci", "status": "canceled"}]

    def cancelled(index: int, method: str, path: str) -> Fault | None:
        if path.endswith("/check-runs"):
            return 200, {"check_runs": runs}, {}
        if path.endswith("/merge_requests/7"):
            return 200, {"sha": SHA, "detailed_merge_status": "mergeable"}, {}
        if path.endswith("/statuses"):
            return 200, statuses, {}
        return answer(index, method, path)

    served.fault = cancelled
    found: PullReview = ask(publisher, lambda review: review.observe(PULL))
    assert (found.failed, found.stopped, found.has_passed, found.is_pending) == ((), ("ci",), False, False)


@pytest.mark.parametrize("standin", ["GitLab"], indirect=True)
def test_a_cancelled_pipeline_is_left_to_people(served: StandIn, publisher: Publisher) -> None:
    answer = served.fault
    pipeline = {"id": 5, "sha": SHA, "ref": "parallel/x", "status": "canceled"}

    def cancelled(index: int, method: str, path: str) -> Fault | None:
        if path.endswith("/merge_requests/7"):
            return 200, {"sha": SHA, "detailed_merge_status": "mergeable", "head_pipeline": pipeline}, {}
        return (200, [], {}) if path.endswith("/jobs") else answer(index, method, path)

    served.fault = cancelled
    found: PullReview = ask(publisher, lambda review: review.observe(PULL))
    assert (found.failed, found.stopped, found.is_pending) == ((), ("pipeline",), False)
