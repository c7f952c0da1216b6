"""Reviews and checks on Gitea and Forgejo (docs.gitea.com/api)."""

from typing import Any

from parallelproject.core.review.observed import (
    FailedCheck,
    PullReview,
    ReviewComment,
    ReviewThread,
    mark,
    marks_in,
)
from parallelproject.forge.clients.answer import AnswerError, LostAnswerError
from parallelproject.forge.clients.protocol import Checks, ForgePullRequest
from parallelproject.forge.clients.server import segment
from parallelproject.forge.clients.session import ForgeSession
from parallelproject.git.plumbing.outcome import TransientError

_FULL, _PAGE = 1, 50
"""As in ``gitea``: a server may return fewer rows than requested."""
RESULT = dict.fromkeys(("success", "warning", "skipped"), Checks.PASSED) | {"pending": Checks.PENDING}
_SUBMITTED = frozenset({"APPROVED", "COMMENT", "REQUEST_CHANGES"})
_TRIES = 3


class GiteaReview:
    """The reviews of one repository."""

    def __init__(self, session: ForgeSession) -> None:
        self._session = session
        self._repository = f"/repos/{segment(session.server.project, '/')}"
        self._writers: frozenset[str] = frozenset()

    @property
    def spent(self) -> int:
        """See ``ReviewClient``."""
        return self._session.spent

    async def observe(self, pull: ForgePullRequest) -> PullReview:
        """See ``ReviewClient``."""
        found: dict[str, tuple[Checks, FailedCheck]] = {}
        path = f"{self._repository}/commits/{pull.sha}/status"
        async for row in self._session.rows(path, {"limit": _PAGE}, full=_FULL, key="statuses"):
            check = FailedCheck(row["context"], row.get("description") or "", row.get("target_url") or "")
            found[row["context"]] = (RESULT.get(row["status"], Checks.FAILED), check)
        states = {state for state, _ in found.values()}
        reviews = [row async for row in self._reviews(pull)]
        comments = await self._session.get(f"{self._repository}/issues/{pull.number}/comments") or []
        if any(_author(row) not in self._writers for row in [*reviews, *comments]):
            self._writers = frozenset(
                [row["login"] for row in await self._session.get(f"{self._repository}/assignees")]
            )
        latest = {_author(row): row for row in reviews if row["state"] in ("APPROVED", "REQUEST_CHANGES")}
        valid = {row["state"] for row in latest.values() if self._counts(row)}
        return PullReview(
            sha=pull.sha,
            failed=tuple(check for state, check in found.values() if state is Checks.FAILED),
            is_pending=Checks.PENDING in states,
            has_passed=states == {Checks.PASSED},
            is_approved=valid == {"APPROVED"},
            is_rejected="REQUEST_CHANGES" in valid,
            threads=tuple(await self._threads(pull, reviews)),
            marks=frozenset(
                key for row in comments if _author(row) in self._writers for key in marks_in(row["body"] or "")
            ),
        )

    async def reply(self, pull: ForgePullRequest, thread: ReviewThread, text: str, key: str) -> None:
        """See ``ReviewClient``. Before 1.27 no request answers a comment: another review comments on the same line."""
        body = f"{text}\n\n{mark(key)}"
        for tries in range(_TRIES):
            if tries:
                await self._session.clock.back_off(tries)
            if key in await self._marks_of_threads(pull):
                return
            try:
                await self._session.call(
                    "POST", f"{self._path(pull)}/comments/{thread.id}/replies", {"body": body}, once=True
                )
                return
            except LostAnswerError:
                continue
            except AnswerError as error:
                if error.status not in (404, 405) or not thread.line:
                    raise
            at = {"path": thread.path, "body": body, "new_position": thread.line, "old_position": 0}
            review = {"event": "COMMENT", "commit_id": thread.commit, "comments": [at]}
            try:
                await self._session.call("POST", f"{self._path(pull)}/reviews", review, once=True)
                return
            except LostAnswerError:
                continue
        raise TransientError("NotReplied", f"the reply to {thread.id} could not be sent in {_TRIES} tries")

    async def _reviews(self, pull: ForgePullRequest) -> Any:
        async for row in self._session.rows(f"{self._path(pull)}/reviews", {"limit": _PAGE}, full=_FULL):
            if row["state"] in _SUBMITTED:
                yield row

    async def _threads(self, pull: ForgePullRequest, reviews: list[dict[str, Any]]) -> list[ReviewThread]:
        found: list[ReviewThread] = []
        lines: dict[tuple[str, int, int], list[tuple[dict[str, Any], str]]] = {}
        for review in reviews:
            if review.get("dismissed"):
                continue
            if review["state"] == "REQUEST_CHANGES" and (review.get("body") or "").strip():
                said = ReviewComment(f"review-{review['id']}", _author(review), review["body"], self._counts(review))
                found.append(ReviewThread("", (said,)))
            if review.get("comments_count") and review["state"] != "APPROVED":
                for row in await self._session.get(f"{self._path(pull)}/reviews/{review['id']}/comments") or []:
                    place = (row["path"], row.get("position") or 0, row.get("original_position") or 0)
                    # A comment has the commit of its line; its number is that of the head at the time.
                    lines.setdefault(place, []).append((row, review.get("commit_id") or ""))
        for (path, line, _), rows in lines.items():
            rows.sort(key=lambda each: int(each[0]["id"]))
            comments = tuple(
                ReviewComment(str(row["id"]), _author(row), row["body"] or "", _author(row) in self._writers)
                for row, _ in rows
            )
            is_resolved = any(row.get("resolver") for row, _ in rows)
            found.append(ReviewThread(comments[0].id, comments, path, line, rows[0][1], is_resolved))
        return found

    def _counts(self, review: dict[str, Any]) -> bool:
        """Whether a review is that of somebody who may write."""
        return not review.get("dismissed") and (bool(review.get("official")) or _author(review) in self._writers)

    async def _marks_of_threads(self, pull: ForgePullRequest) -> frozenset[str]:
        reviews = [row async for row in self._reviews(pull)]
        threads = await self._threads(pull, reviews)
        return frozenset(key for each in threads for comment in each.comments for key in marks_in(comment.body))

    def _path(self, pull: ForgePullRequest) -> str:
        return f"{self._repository}/pulls/{pull.number}"


def _author(row: dict[str, Any]) -> str:
    return str((row.get("user") or {}).get("login") or "")
