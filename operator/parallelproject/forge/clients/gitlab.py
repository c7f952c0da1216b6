"""GitLab (docs.gitlab.com, "Merge requests API" and "Commits API")."""

from collections.abc import Mapping
from typing import Any

from parallelproject.forge.clients.answer import AnswerError, LostAnswerError
from parallelproject.forge.clients.authors import Authors, number_of
from parallelproject.forge.clients.clock import RetryClock
from parallelproject.forge.clients.comments import say_once
from parallelproject.forge.clients.protocol import (
    Checks,
    ForgePullRequest,
    Merge,
    Merging,
    PullState,
    TextLimits,
    Words,
    chosen,
    missing_labels,
    same_text,
)
from parallelproject.forge.clients.server import Server, segment
from parallelproject.forge.clients.session import ForgeSession
from parallelproject.forge.clients.titles import new_title, titled, without_prefix
from parallelproject.forge.clients.verdict import worst
from parallelproject.git.plumbing.outcome import AuthOrProtectedError

_FULL = 100
_PAGED = {"per_page": _FULL}
_DEVELOPER = 30
"""The lowest access level that may push (docs.gitlab.com, "Members API")."""
_PREFIX = "Draft:"
_STATE = {
    "opened": PullState.OPEN,
    "locked": PullState.OPEN,
    "merged": PullState.MERGED,
    "closed": PullState.CLOSED,
}
"""``locked``: a merge is in progress."""
_RESULT = {
    "success": Checks.PASSED,
    "skipped": Checks.PASSED,
    "failed": Checks.FAILED,
    "canceled": Checks.FAILED,
    "canceling": Checks.FAILED,
}
"""Everything else is in progress, or waits for a person."""


class GitLab:
    """One project on GitLab; its session is an async context manager."""

    limits = TextLimits(title=240, body=1_000_000)  # of 255, with "Draft:" before it, and of 1,048,576
    has_checks = True
    needs_base = False

    def __init__(self, server: Server, clock: RetryClock) -> None:
        # "You can use personal, project, or group access tokens with OAuth-compliant headers" (REST authentication).
        self.session = ForgeSession(server, lambda token: f"Bearer {token}", clock)
        self._project = f"/projects/{segment(server.project)}"
        self.authors = Authors(self.session, self._may_write)

    async def find(self, head: str, base: str) -> ForgePullRequest | None:
        """See ``Forge``."""
        query = {"source_branch": head, "target_branch": base, "order_by": "created_at", "sort": "desc"}
        rows = await self.session.get(f"{self._project}/merge_requests", state="all", per_page=_FULL, **query)
        own = [_pull(row) for row in rows if row["source_project_id"] == row["target_project_id"]]
        return chosen(own, head, base)

    async def read(self, pull: ForgePullRequest) -> ForgePullRequest:
        """See ``Forge``."""
        return _pull(await self.session.get(self._path(pull)))

    async def create(self, head: str, base: str, words: Words) -> ForgePullRequest | None:
        """See ``Forge``. 409: "Another open merge request already exists for this source branch"."""
        body = {
            "source_branch": head,
            "target_branch": base,
            "title": titled(words, _PREFIX),
            "description": words.body,
            "remove_source_branch": False,
        }
        path = f"{self._project}/merge_requests"
        made = await self.session.create(path, body, lambda error: error.status == 409)
        return None if made is None else _pull(made)

    async def update(self, pull: ForgePullRequest, words: Words) -> None:
        """See ``Forge``. Only changed fields are sent: each creates a note on the merge request."""
        body = new_title(pull.words, words, _PREFIX)
        if not same_text(pull.words.body, words.body):
            body["description"] = words.body
        if labels := missing_labels(pull, words):
            body["add_labels"] = ",".join(label.replace(",", " ") for label in labels)
        if body:
            await self.session.call("PUT", self._path(pull), body)

    async def checks(self, pull: ForgePullRequest, sha: str) -> Checks:
        """See ``Forge``.

        The head pipeline decides, if it belongs to this commit. One for merged results runs on a separate commit
        (``refs/merge-requests/N/merge``); it belongs to the head of the merge request. External statuses have no
        pipeline if no runner is active: then the commit's own statuses decide.
        """
        now = await self.session.get(self._path(pull))
        if now["sha"] != sha:
            return Checks.PENDING
        pipeline = now.get("head_pipeline")
        if isinstance(pipeline, Mapping) and (pipeline["sha"] == sha or str(pipeline["ref"]).endswith("/merge")):
            return _RESULT.get(pipeline["status"], Checks.PENDING)
        rows = self.session.rows(f"{self._project}/repository/commits/{sha}/statuses", _PAGED, full=_FULL)
        return worst(
            [
                Checks.PASSED if row.get("allow_failure") else _RESULT.get(row["status"], Checks.PENDING)
                async for row in rows
            ]
        )

    async def merge(self, pull: ForgePullRequest, sha: str) -> Merging:
        """See ``Forge``.

        401: no permission; 405: not open, a draft, a pipeline that is not done; 409: ``sha`` is not the head; 422 (406
        until 16): it failed to merge (docs.gitlab.com, "Merge a merge request"). 405 is also used for conflicts (issue
        364102), so a refusal does not show the cause.
        """
        body = {"sha": sha, "should_remove_source_branch": False}
        try:
            await self.session.call("PUT", f"{self._path(pull)}/merge", body, once=True)
        except LostAnswerError:
            return Merging(Merge.LOST)
        except AnswerError as error:
            if error.status == 401:
                raise AuthOrProtectedError("ForgeRefused", f"this token may not merge: {error}") from None
            if error.status == 409:
                return Merging(Merge.MOVED, error.detail)
            if error.status in (400, 405, 406, 422):
                why = str((await self.session.get(self._path(pull))).get("detailed_merge_status") or "")
                return Merging(Merge.BEHIND if why == "need_rebase" else Merge.BLOCKED, f"{error.detail} {why}".strip())
            raise
        return Merging(Merge.DONE)

    async def comment(self, pull: ForgePullRequest, text: str, key: str) -> None:
        """See ``Forge``."""
        await say_once(self.session, self.authors, f"{self._path(pull)}/notes", text, key, _PAGED, full=_FULL)

    async def _may_write(self, row: dict[str, Any]) -> bool:
        user = row.get("author") or {}
        try:
            member = await self.session.get(f"{self._project}/members/all/{int(user['id'])}")
        except (KeyError, TypeError, ValueError):
            return False
        except AnswerError as error:
            if error.status != 404:
                raise
            return False
        return isinstance(member, dict) and number_of(member, "access_level") >= _DEVELOPER

    def _path(self, pull: ForgePullRequest) -> str:
        return f"{self._project}/merge_requests/{pull.number}"


def _pull(row: dict[str, Any]) -> ForgePullRequest:
    state = _STATE[row["state"]]
    title, draft = without_prefix(row["title"])
    # A fast-forward makes no commit: then the head itself is in the target.
    merged_as = row.get("merge_commit_sha") or row.get("squash_commit_sha") or row["sha"]
    return ForgePullRequest(
        number=row["iid"],
        url=row["web_url"],
        state=state,
        head=row["source_branch"],
        base=row["target_branch"],
        sha=row["sha"] or "",
        words=Words(title, row["description"] or "", tuple(row["labels"]), draft),
        merge_commit=merged_as if state is PullState.MERGED else None,
    )
