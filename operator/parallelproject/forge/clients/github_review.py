"""Reviews and checks on GitHub (docs.github.com/rest, "Pull request reviews", "Review comments", "Check runs")."""

from collections.abc import Collection
from typing import Any

from parallelproject.core.review.observed import (
    FailedCheck,
    PullReview,
    ReviewComment,
    ReviewThread,
    mark,
)
from parallelproject.forge.clients.authors import Authors, author, number_of, path_in, text_of
from parallelproject.forge.clients.comments import send_once
from parallelproject.forge.clients.protocol import Checks, ForgePullRequest
from parallelproject.forge.clients.server import segment
from parallelproject.forge.clients.session import ForgeSession

_FULL = 100
_PAGED = {"per_page": _FULL}
STATUS = {"success": Checks.PASSED, "pending": Checks.PENDING}
CONCLUSION = dict.fromkeys(("success", "neutral", "skipped"), Checks.PASSED)
"""``neutral`` and ``skipped`` count as successful (docs.github.com, "Troubleshooting required status checks")."""
_STOPPED = frozenset({"cancelled", "stale", "action_required"})
"""Conclusions of check runs that say nothing of the code."""
_JUDGED = {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}


class GitHubReview:
    """The reviews of one repository. REST does not say which threads are resolved."""

    def __init__(self, session: ForgeSession, authors: Authors) -> None:
        self._session, self._authors = session, authors
        self._repository = f"/repos/{segment(session.server.project, '/')}"

    @property
    def spent(self) -> int:
        """See ``ReviewClient``."""
        return self._session.spent

    async def observe(self, pull: ForgePullRequest) -> PullReview:
        """See ``ReviewClient``."""
        failed, stopped, states = await self._checks(pull.sha)
        reviews = [row async for row in self._session.rows(f"{self._path(pull)}/reviews", _PAGED, full=_FULL)]
        latest = {
            author(row): row.get("state")
            for row in reviews
            if row.get("state") in _JUDGED and await self._authors.may_write(row)
        }
        comments = f"{self._repository}/issues/{pull.number}/comments"
        said = [row async for row in self._session.rows(comments, _PAGED, full=_FULL)]
        lines = await self._comments(pull)
        return PullReview(
            sha=pull.sha,
            failed=tuple(failed),
            stopped=tuple(stopped),
            is_pending=Checks.PENDING in states,
            has_passed=bool(states) and set(states) == {Checks.PASSED},
            is_approved="APPROVED" in latest.values() and "CHANGES_REQUESTED" not in latest.values(),
            is_rejected="CHANGES_REQUESTED" in latest.values(),
            threads=(*await self._requests(reviews), *await self._threads(lines, reviews)),
            marks=await self._authors.marks([*said, *lines]),
        )

    async def reply(self, pull: ForgePullRequest, thread: ReviewThread, text: str, key: str) -> None:
        """See ``ReviewClient``."""
        path, body = f"{self._path(pull)}/comments/{thread.id}/replies", {"body": f"{text}\n\n{mark(key)}"}

        async def marks() -> Collection[str]:
            return await self._authors.marks(await self._comments(pull))

        await send_once(self._session, key, marks, lambda: self._session.call("POST", path, body, once=True))

    async def _checks(self, sha: str) -> tuple[list[FailedCheck], list[str], list[Checks]]:
        failed: list[FailedCheck] = []
        stopped: list[str] = []
        states: list[Checks] = []
        commit = f"{self._repository}/commits/{sha}"
        async for row in self._session.rows(f"{commit}/status", _PAGED, full=_FULL, key="statuses"):
            states.append(STATUS.get(text_of(row, "state"), Checks.FAILED))
            if states[-1] is Checks.FAILED:
                name = text_of(row, "context") or "status"
                failed.append(FailedCheck(name, text_of(row, "description"), text_of(row, "target_url")))
        async for row in self._session.rows(f"{commit}/check-runs", _PAGED, full=_FULL, key="check_runs"):
            done = text_of(row, "status") == "completed"
            states.append(CONCLUSION.get(text_of(row, "conclusion"), Checks.FAILED) if done else Checks.PENDING)
            if done and text_of(row, "conclusion") in _STOPPED:
                stopped.append(text_of(row, "name") or "check")
            elif states[-1] is Checks.FAILED:
                failed.append(await self._of_run(row))
        return failed, stopped, states

    async def _of_run(self, run: dict[str, Any]) -> FailedCheck:
        output = run.get("output")
        parts = [text_of(output, name) for name in ("title", "summary", "text")]
        lines: list[tuple[str, int]] = []
        if isinstance(output, dict) and output.get("annotations_count"):
            path = f"{self._repository}/check-runs/{run['id']}/annotations"
            for row in await self._session.get(path, per_page=_FULL):
                path, line = path_in(row, "path"), number_of(row, "start_line")
                if text_of(row, "annotation_level") == "failure" and path and line > 0:
                    lines.append((path, line))
                    parts.append(f"{path}:{line}: {text_of(row, 'message')}")
        name = text_of(run, "name") or "check"
        return FailedCheck(name, "\n".join(filter(None, parts)), text_of(run, "html_url"), tuple(lines))

    async def _comments(self, pull: ForgePullRequest) -> list[dict[str, Any]]:
        """The comments on lines."""
        path = f"{self._path(pull)}/comments"
        return [row async for row in self._session.rows(path, _PAGED, full=_FULL) if row.get("id")]

    async def _threads(self, lines: list[dict[str, Any]], reviews: list[dict[str, Any]]) -> list[ReviewThread]:
        approving = {row.get("id") for row in reviews if row.get("state") == "APPROVED"}
        rows: dict[int, list[dict[str, Any]]] = {}
        for row in lines:
            rows.setdefault(row.get("in_reply_to_id") or row["id"], []).append(row)
        found = []
        for first, comments in rows.items():
            root = comments[0]
            path = path_in(root, "path")
            if not path or root.get("pull_request_review_id") in approving:
                continue
            is_old = root.get("side") == "LEFT"
            said = tuple([await self._said(row, str(row["id"])) for row in comments])
            line = 0 if is_old else number_of(root, "original_line") or number_of(root, "line")
            commit = text_of(root, "original_commit_id") or text_of(root, "commit_id")
            found.append(ReviewThread(str(first), said, path, line, commit))
        return found

    async def _requests(self, reviews: list[dict[str, Any]]) -> list[ReviewThread]:
        """The texts of reviews that request changes."""
        return [
            ReviewThread("", (await self._said(row, f"review-{row.get('id')}"),))
            for row in reviews
            if row.get("state") == "CHANGES_REQUESTED" and text_of(row, "body").strip()
        ]

    async def _said(self, row: dict[str, Any], id: str) -> ReviewComment:
        return ReviewComment(id, author(row), text_of(row, "body"), await self._authors.may_write(row))

    def _path(self, pull: ForgePullRequest) -> str:
        return f"{self._repository}/pulls/{pull.number}"
