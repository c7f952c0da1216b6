"""Reviews and checks on Gitea and Forgejo (docs.gitea.com/api)."""

from collections.abc import Collection
from typing import Any

from parallelproject.core.review.observed import (
    FailedCheck,
    PullReview,
    ReviewComment,
    ReviewThread,
    mark,
)
from parallelproject.forge.clients.answer import AnswerError
from parallelproject.forge.clients.authors import Authors, author, number_of, path_in, text_of
from parallelproject.forge.clients.comments import send_once
from parallelproject.forge.clients.protocol import Checks, ForgePullRequest
from parallelproject.forge.clients.server import segment
from parallelproject.forge.clients.session import ForgeSession

_FULL, _PAGE = 1, 50
"""As in ``gitea``: a server may return fewer rows than requested."""
RESULT = dict.fromkeys(("success", "warning", "skipped"), Checks.PASSED) | {"pending": Checks.PENDING}
_SUBMITTED = frozenset({"APPROVED", "COMMENT", "REQUEST_CHANGES"})


class GiteaReview:
    """The reviews of one repository."""

    def __init__(self, session: ForgeSession, authors: Authors) -> None:
        self._session, self._authors = session, authors
        self._repository = f"/repos/{segment(session.server.project, '/')}"

    @property
    def spent(self) -> int:
        """See ``ReviewClient``."""
        return self._session.spent

    async def observe(self, pull: ForgePullRequest) -> PullReview:
        """See ``ReviewClient``."""
        found: dict[str, tuple[Checks, FailedCheck]] = {}
        path = f"{self._repository}/commits/{pull.sha}/status"
        async for row in self._session.rows(path, {"limit": _PAGE}, full=_FULL, key="statuses"):
            name = text_of(row, "context") or "status"
            check = FailedCheck(name, text_of(row, "description"), text_of(row, "target_url"))
            found[name] = (RESULT.get(text_of(row, "status"), Checks.FAILED), check)
        states = {state for state, _ in found.values()}
        reviews = [row async for row in self._reviews(pull)]
        comments = await self._session.get(f"{self._repository}/issues/{pull.number}/comments") or []
        latest = {author(row): row for row in reviews if row["state"] in ("APPROVED", "REQUEST_CHANGES")}
        valid = {row["state"] for row in latest.values() if await self._counts(row)}
        lines = await self._comments(pull, reviews)
        return PullReview(
            sha=pull.sha,
            failed=tuple(check for state, check in found.values() if state is Checks.FAILED),
            is_pending=Checks.PENDING in states,
            has_passed=states == {Checks.PASSED},
            is_approved=valid == {"APPROVED"},
            is_rejected="REQUEST_CHANGES" in valid,
            threads=tuple(await self._threads(lines, reviews)),
            marks=await self._authors.marks([*comments, *(row for row, _ in lines)]),
        )

    async def reply(self, pull: ForgePullRequest, thread: ReviewThread, text: str, key: str) -> None:
        """See ``ReviewClient``. Before 1.27 no request answers a comment: another review comments on the same line."""
        body = f"{text}\n\n{mark(key)}"

        async def marks() -> Collection[str]:
            lines = await self._comments(pull, [row async for row in self._reviews(pull)])
            return await self._authors.marks(row for row, _ in lines)

        async def send() -> None:
            path = f"{self._path(pull)}/comments/{thread.id}/replies"
            try:
                await self._session.call("POST", path, {"body": body}, once=True)
                return
            except AnswerError as error:
                if error.status not in (404, 405) or not thread.line:
                    raise
            at = {"path": thread.path, "body": body, "new_position": thread.line, "old_position": 0}
            review = {"event": "COMMENT", "commit_id": thread.commit, "comments": [at]}
            await self._session.call("POST", f"{self._path(pull)}/reviews", review, once=True)

        await send_once(self._session, key, marks, send)

    async def _reviews(self, pull: ForgePullRequest) -> Any:
        async for row in self._session.rows(f"{self._path(pull)}/reviews", {"limit": _PAGE}, full=_FULL):
            if text_of(row, "state") in _SUBMITTED and row.get("id"):
                yield row

    async def _comments(
        self, pull: ForgePullRequest, reviews: list[dict[str, Any]]
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The comments on lines, each with its review."""
        found: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for review in reviews:
            if review.get("comments_count"):
                path = f"{self._path(pull)}/reviews/{review['id']}/comments"
                rows = await self._session.get(path) or []
                found += [(row, review) for row in rows if row.get("id") and path_in(row, "path")]
        return found

    async def _threads(
        self, lines: list[tuple[dict[str, Any], dict[str, Any]]], reviews: list[dict[str, Any]]
    ) -> list[ReviewThread]:
        found: list[ReviewThread] = []
        for review in reviews:
            body = text_of(review, "body")
            if review["state"] == "REQUEST_CHANGES" and body.strip() and not review.get("dismissed"):
                said = ReviewComment(f"review-{review['id']}", author(review), body, await self._counts(review))
                found.append(ReviewThread("", (said,)))
        places: dict[tuple[str, int, int], list[tuple[dict[str, Any], str]]] = {}
        for row, review in lines:
            if review["state"] != "APPROVED" and not review.get("dismissed"):
                place = (path_in(row, "path"), number_of(row, "position"), number_of(row, "original_position"))
                # A comment has the commit of its line; its number is that of the head at the time.
                places.setdefault(place, []).append((row, text_of(review, "commit_id")))
        for (path, line, _), several in places.items():
            several.sort(key=lambda each: int(each[0]["id"]))
            comments = tuple(
                [
                    ReviewComment(str(row["id"]), author(row), text_of(row, "body"), await self._authors.may_write(row))
                    for row, _ in several
                ]
            )
            is_resolved = any(row.get("resolver") for row, _ in several)
            found.append(ReviewThread(comments[0].id, comments, path, line, several[0][1], is_resolved))
        return found

    async def _counts(self, review: dict[str, Any]) -> bool:
        """Whether a review is that of somebody who may write."""
        if review.get("dismissed"):
            return False
        return bool(review.get("official")) or await self._authors.may_write(review)

    def _path(self, pull: ForgePullRequest) -> str:
        return f"{self._repository}/pulls/{pull.number}"
