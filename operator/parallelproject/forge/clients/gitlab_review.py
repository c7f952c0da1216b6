"""Reviews and checks on GitLab (docs.gitlab.com, "Discussions API", "Jobs API", "Merge request approvals API")."""

from collections.abc import Collection, Mapping
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
from parallelproject.forge.clients.protocol import ForgePullRequest
from parallelproject.forge.clients.server import segment
from parallelproject.forge.clients.session import ForgeSession

_FULL = 100
_PAGED = {"per_page": _FULL}
_FAILED = frozenset({"failed", "canceled"})
_TRACES_MAX = 5
"""Failed jobs of which the log is read."""
_TRACE_END = 8_000


class GitLabReview:
    """The reviews of one project."""

    def __init__(self, session: ForgeSession, authors: Authors) -> None:
        self._session, self._authors = session, authors
        self._project = f"/projects/{segment(session.server.project)}"

    @property
    def spent(self) -> int:
        """See ``ReviewClient``."""
        return self._session.spent

    async def observe(self, pull: ForgePullRequest) -> PullReview:
        """See ``ReviewClient``."""
        now = await self._session.get(self._path(pull))
        failed, stopped, states = await self._checks(now, pull.sha)
        given = await self._session.get(f"{self._path(pull)}/approvals")
        threads, marks = await self._threads(pull)
        return PullReview(
            sha=pull.sha,
            failed=tuple(failed),
            stopped=tuple(stopped),
            is_pending=bool(states - _FAILED - {"success", "skipped"}),
            has_passed=bool(states) and states <= {"success", "skipped"},
            is_approved=bool(given.get("approved_by")) and now.get("detailed_merge_status") != "requested_changes",
            is_rejected=now.get("detailed_merge_status") == "requested_changes",
            threads=tuple(threads),
            marks=frozenset(marks),
        )

    async def reply(self, pull: ForgePullRequest, thread: ReviewThread, text: str, key: str) -> None:
        """See ``ReviewClient``."""
        path, body = f"{self._path(pull)}/discussions/{thread.id}/notes", {"body": f"{text}\n\n{mark(key)}"}

        async def marks() -> Collection[str]:
            return (await self._threads(pull))[1]

        await send_once(self._session, key, marks, lambda: self._session.call("POST", path, body, once=True))

    async def _checks(self, now: Mapping[str, Any], sha: str) -> tuple[list[FailedCheck], list[str], set[str]]:
        """The failed checks of a commit, the names of those that were cancelled, and the states of all."""
        pipeline = now.get("head_pipeline")
        if isinstance(pipeline, Mapping) and (pipeline["sha"] == sha or str(pipeline["ref"]).endswith("/merge")):
            if pipeline["status"] not in _FAILED:
                return [], [], {str(pipeline["status"])}
            jobs = f"{self._project}/pipelines/{pipeline['id']}/jobs"
            failed = [
                row
                async for row in self._session.rows(jobs, {**_PAGED, "scope[]": "failed"}, full=_FULL)
                if not row.get("allow_failure")
            ]
            found = [await self._of_job(row, has_log=at < _TRACES_MAX) for at, row in enumerate(failed)]
            if not found and pipeline["status"] == "canceled":
                return [], ["pipeline"], {"failed"}
            whole = FailedCheck("pipeline", "the pipeline has failed", str(pipeline.get("web_url") or ""))
            return found or [whole], [], {"failed"}
        states: set[str] = set()
        rest: list[FailedCheck] = []
        stopped: list[str] = []
        path = f"{self._project}/repository/commits/{sha}/statuses"
        async for row in self._session.rows(path, _PAGED, full=_FULL):
            state = "success" if row.get("allow_failure") else str(row["status"])
            states.add(state)
            name = text_of(row, "name") or "status"
            if state == "canceled":
                stopped.append(name)
            elif state in _FAILED:
                rest.append(FailedCheck(name, text_of(row, "description"), text_of(row, "target_url")))
        return rest, stopped, states

    async def _of_job(self, job: Mapping[str, Any], *, has_log: bool) -> FailedCheck:
        text = ""
        if has_log:
            try:
                log = await self._session.call("GET", f"{self._project}/jobs/{job['id']}/trace", is_text=True)
                text = log.content[-_TRACE_END:].decode(errors="replace")
            except AnswerError as error:
                if error.status not in (403, 404):
                    raise
        return FailedCheck(str(job["name"]), text, str(job.get("web_url") or ""))

    async def _threads(self, pull: ForgePullRequest) -> tuple[list[ReviewThread], set[str]]:
        """The discussions that can be resolved, and our marks in all."""
        found: list[ReviewThread] = []
        marks: set[str] = set()
        async for row in self._session.rows(f"{self._path(pull)}/discussions", _PAGED, full=_FULL):
            notes = [note for note in row.get("notes") or () if note.get("id") and not note.get("system")]
            said = [
                ReviewComment(str(note["id"]), author(note), text_of(note, "body"), await self._authors.may_write(note))
                for note in notes
            ]
            marks |= await self._authors.marks(notes)
            if not notes or not notes[0].get("resolvable"):
                continue
            at = notes[0].get("position") or {}
            path, line = path_in(at, "new_path") or path_in(at, "old_path"), number_of(at, "new_line")
            is_resolved = all(note.get("resolved") for note in notes if note.get("resolvable"))
            found.append(ReviewThread(str(row["id"]), tuple(said), path, line, text_of(at, "head_sha"), is_resolved))
        return found, marks

    def _path(self, pull: ForgePullRequest) -> str:
        return f"{self._project}/merge_requests/{pull.number}"
