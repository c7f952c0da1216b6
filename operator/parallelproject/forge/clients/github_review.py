"""Reviews and checks on GitHub (docs.github.com/rest, "Pull request reviews", "Review comments", "Check runs")."""

from typing import Any

from parallelproject.core.review.observed import (
    FailedCheck,
    PullReview,
    ReviewComment,
    ReviewThread,
    mark,
    marks_in,
)
from parallelproject.forge.clients.answer import LostAnswerError
from parallelproject.forge.clients.protocol import Checks, ForgePullRequest
from parallelproject.forge.clients.server import segment
from parallelproject.forge.clients.session import ForgeSession
from parallelproject.git.plumbing.outcome import TransientError

_FULL = 100
_PAGED = {"per_page": _FULL}
STATUS = {"success": Checks.PASSED, "pending": Checks.PENDING}
CONCLUSION = dict.fromkeys(("success", "neutral", "skipped"), Checks.PASSED)
"""``neutral`` and ``skipped`` count as successful (docs.github.com, "Troubleshooting required status checks")."""
_WRITERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
_JUDGED = {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}
_TRIES = 3


class GitHubReview:
    """The reviews of one repository. REST does not say which threads are resolved."""

    def __init__(self, session: ForgeSession) -> None:
        self._session = session
        self._repository = f"/repos/{segment(session.server.project, '/')}"

    @property
    def spent(self) -> int:
        """See ``ReviewClient``."""
        return self._session.spent

    async def observe(self, pull: ForgePullRequest) -> PullReview:
        """See ``ReviewClient``."""
        failed, states = await self._checks(pull.sha)
        reviews = [row async for row in self._session.rows(f"{self._path(pull)}/reviews", _PAGED, full=_FULL)]
        latest = {_author(row): row["state"] for row in reviews if row["state"] in _JUDGED and _is_writer(row)}
        comments = f"{self._repository}/issues/{pull.number}/comments"
        said = [row async for row in self._session.rows(comments, _PAGED, full=_FULL)]
        return PullReview(
            sha=pull.sha,
            failed=tuple(failed),
            is_pending=Checks.PENDING in states,
            has_passed=bool(states) and set(states) == {Checks.PASSED},
            is_approved="APPROVED" in latest.values() and "CHANGES_REQUESTED" not in latest.values(),
            is_rejected="CHANGES_REQUESTED" in latest.values(),
            threads=(*_requests(reviews), *await self._threads(pull, reviews)),
            marks=frozenset(key for row in said if _is_writer(row) for key in marks_in(row["body"] or "")),
        )

    async def reply(self, pull: ForgePullRequest, thread: ReviewThread, text: str, key: str) -> None:
        """See ``ReviewClient``."""
        for tries in range(_TRIES):
            if tries:
                await self._session.clock.back_off(tries)
            async for row in self._session.rows(f"{self._path(pull)}/comments", _PAGED, full=_FULL):
                if key in marks_in(row["body"] or ""):
                    return
            try:
                body = {"body": f"{text}\n\n{mark(key)}"}
                await self._session.call("POST", f"{self._path(pull)}/comments/{thread.id}/replies", body, once=True)
                return
            except LostAnswerError:
                continue
        raise TransientError("NotReplied", f"the reply to {thread.id} could not be sent in {_TRIES} tries")

    async def _checks(self, sha: str) -> tuple[list[FailedCheck], list[Checks]]:
        failed: list[FailedCheck] = []
        states: list[Checks] = []
        commit = f"{self._repository}/commits/{sha}"
        async for row in self._session.rows(f"{commit}/status", _PAGED, full=_FULL, key="statuses"):
            states.append(STATUS.get(row["state"], Checks.FAILED))
            if states[-1] is Checks.FAILED:
                text, url = row.get("description") or "", row.get("target_url") or ""
                failed.append(FailedCheck(row["context"], text, url))
        async for row in self._session.rows(f"{commit}/check-runs", _PAGED, full=_FULL, key="check_runs"):
            done = row["status"] == "completed"
            states.append(CONCLUSION.get(row["conclusion"], Checks.FAILED) if done else Checks.PENDING)
            if states[-1] is Checks.FAILED:
                failed.append(await self._of_run(row))
        return failed, states

    async def _of_run(self, run: dict[str, Any]) -> FailedCheck:
        output = run.get("output") or {}
        parts = [output.get(name) or "" for name in ("title", "summary", "text")]
        lines: list[tuple[str, int]] = []
        if output.get("annotations_count"):
            path = f"{self._repository}/check-runs/{run['id']}/annotations"
            for row in await self._session.get(path, per_page=_FULL):
                if row.get("annotation_level") == "failure":
                    lines.append((row["path"], int(row["start_line"])))
                    parts.append(f"{row['path']}:{row['start_line']}: {row.get('message') or ''}")
        return FailedCheck(run["name"], "\n".join(filter(None, parts)), run.get("html_url") or "", tuple(lines))

    async def _threads(self, pull: ForgePullRequest, reviews: list[dict[str, Any]]) -> list[ReviewThread]:
        approving = {row["id"] for row in reviews if row["state"] == "APPROVED"}
        rows: dict[int, list[dict[str, Any]]] = {}
        async for row in self._session.rows(f"{self._path(pull)}/comments", _PAGED, full=_FULL):
            rows.setdefault(row.get("in_reply_to_id") or row["id"], []).append(row)
        found = []
        for first, comments in rows.items():
            root = comments[0]
            if root.get("pull_request_review_id") in approving:
                continue
            is_old = root.get("side") == "LEFT"
            said = tuple(ReviewComment(str(c["id"]), _author(c), c["body"] or "", _is_writer(c)) for c in comments)
            line = 0 if is_old else int(root.get("original_line") or root.get("line") or 0)
            commit = root.get("original_commit_id") or root.get("commit_id") or ""
            found.append(ReviewThread(str(first), said, root["path"], line, commit))
        return found

    def _path(self, pull: ForgePullRequest) -> str:
        return f"{self._repository}/pulls/{pull.number}"


def _requests(reviews: list[dict[str, Any]]) -> list[ReviewThread]:
    """The texts of reviews that request changes."""
    return [
        ReviewThread("", (ReviewComment(f"review-{row['id']}", _author(row), row["body"], _is_writer(row)),))
        for row in reviews
        if row["state"] == "CHANGES_REQUESTED" and (row["body"] or "").strip()
    ]


def _is_writer(row: dict[str, Any]) -> bool:
    return row.get("author_association") in _WRITERS


def _author(row: dict[str, Any]) -> str:
    return str((row.get("user") or {}).get("login") or "")
