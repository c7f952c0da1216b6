"""When a process looks at the pull request of a cluster's project, and what follows from its report. Pure.

A process follows for some minutes, and ends when there is something to report or when nothing happens. The next one
starts later and later while nothing happens. What it reports is recorded before anything follows from it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from parallelproject.core.followups.publishing import PublishAttempt, Publishing
from parallelproject.core.review.follow_report import FollowEnd, FollowReport
from parallelproject.core.review.state import FeedbackState, ReviewFinding
from parallelproject.core.review.taking_in import FollowedTasks, with_tasks
from parallelproject.core.times import doubling
from parallelproject.core.verification.packed_lines import pack
from parallelproject.model.problem import listed

Json = dict[str, Any]

FIRST_WAIT, LONGEST_WAIT = 60.0, 1800.0
"""Seconds between two processes while nothing happens, doubled with each."""
SOON = 5.0
"""The same while a check runs."""
_RETRY_WAIT = 10.0
_NO_REPORT = "FollowingFailed"
"""Its report may still come: objects and their parts are observed in any order."""
_SHOWN = 5
_MESSAGE_MAX = 1000
_WELL = frozenset({FollowEnd.MERGED.value, FollowEnd.APPROVED.value})
_LAST = frozenset(end.value for end in FollowEnd if end.is_last)


@dataclass(frozen=True, slots=True)
class FollowRecord:
    """What is recorded of a followed pull request."""

    state: FeedbackState = field(default_factory=FeedbackState)
    revision: str = ""
    """What was published when it was followed last."""
    number: int = 0
    """Of the last process whose report is taken."""
    quiet: int = 0
    """Processes in a row that have seen nothing new."""
    tries: int = 0
    """Processes in a row that have failed."""
    ended: float = 0.0
    """When the last one ended, in seconds since the epoch."""
    end: str = ""
    """Why the last one ended, a ``FollowEnd``; empty: none has, or it failed."""
    is_pending: bool = False
    """Whether a check ran then."""
    url: str = ""
    """Of the pull request."""
    sha: str = ""
    """The commit at its head."""
    reason: str = ""
    """Why the last one has failed."""
    message: str = ""
    """What only people can solve, or how the last one has failed, in words."""

    @property
    def is_over(self) -> bool:
        """Whether it is not followed any more, as long as nothing else is published."""
        return self.end in _LAST

    def to_json(self) -> Json:
        """The record as plain data."""
        return {
            "state": self.state.to_json(), "revision": self.revision, "number": self.number, "quiet": self.quiet,
            "tries": self.tries, "ended": self.ended, "end": self.end, "pending": self.is_pending, "url": self.url,
            "sha": self.sha, "reason": self.reason, "message": self.message,
        }  # fmt: skip

    @classmethod
    def from_json(cls, found: Json) -> "FollowRecord":
        """The record in plain data.

        Raises:
            ValueError: it is not in our format.
        """
        try:
            return cls(
                FeedbackState.from_json(found["state"]), str(found["revision"]), int(found["number"]),
                int(found["quiet"]), int(found["tries"]), float(found["ended"]), str(found["end"]),
                found["pending"] is True, str(found["url"]), str(found["sha"]), str(found["reason"]),
                str(found["message"]),
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not the record of a followed pull request: {error!r}") from None


class Following(NamedTuple):
    """What to do about a followed pull request."""

    launch: int | None
    """The number of the process to start."""
    wake_at: float | None = None
    is_settled: bool = False
    """Whether nothing more happens unless a person does something."""


def with_reports(
    record: FollowRecord, seen: Sequence[PublishAttempt], tasks: FollowedTasks, now: float
) -> tuple[FollowRecord, list[ReviewFinding]]:
    """The record with the reports of processes that have ended, and the findings that are new in it.

    Args:
        record: The record.
        seen: All processes that are observed.
        tasks: The tasks.
        now: Seconds since the epoch.
    """
    news: list[ReviewFinding] = []
    for attempt in sorted(seen, key=_by_number):
        is_late = attempt.number == record.number and record.reason == _NO_REPORT and attempt.message
        if attempt.has_ended and (attempt.number > record.number or is_late):
            before = record.state.keys
            record, found = _with_report(record, attempt, tasks, now)
            news += [one for one in found if one.key not in before]
    return record, news


def _with_report(
    record: FollowRecord, attempt: PublishAttempt, tasks: FollowedTasks, now: float
) -> tuple[FollowRecord, Sequence[ReviewFinding]]:
    ended, is_known = float(int(min(now, attempt.ended or now))), attempt.number == record.number
    fields = _object(attempt.message)
    record = replace(record, number=attempt.number, ended=ended)
    report = FollowReport.read(fields.get("follow")) if attempt.succeeded else None
    if report is None and attempt.is_stopped:
        return record, ()
    if report is None:
        reason = str(fields.get("reason") or _NO_REPORT)[:64]
        code = "" if attempt.exit_code is None else f" with exit code {attempt.exit_code}"
        message = str(fields.get("message") or f"the process ended{code} without a report")[:_MESSAGE_MAX]
        return replace(record, tries=record.tries + (0 if is_known else 1), reason=reason, message=message), ()
    state = record.state
    for key in report.answered:
        state = state.with_answer(key)
    state = with_tasks(state, report.findings, tasks, report.incoming).shortened(report.sha)
    is_quiet = report.end in (FollowEnd.QUIET, FollowEnd.PEOPLE) and not report.is_pending
    record = replace(
        record, state=state, quiet=record.quiet + 1 if is_quiet and report.sha == record.sha else int(is_quiet),
        tries=0, end=report.end.value, is_pending=report.is_pending, url=report.url or record.url, sha=report.sha,
        reason="", message="; ".join(report.waiting)[:_MESSAGE_MAX],
    )  # fmt: skip
    return record, report.findings


def following(record: FollowRecord, revision: str, seen: Sequence[PublishAttempt], now: float) -> Following:
    """Decides, when all tasks have succeeded and their work is published.

    Args:
        record: The record, with all reports (``with_reports``).
        revision: What is published.
        seen: All processes that are observed.
        now: Seconds since the epoch.
    """
    is_same = record.revision == revision
    waits = is_same and record.end == FollowEnd.PEOPLE and not record.tries
    if is_same and record.is_over and not record.tries:
        return Following(None, is_settled=True)
    if any(not attempt.has_ended for attempt in seen):
        return Following(None, is_settled=waits)
    at = record.ended + _pause(record) if is_same and record.number else now
    if at > now:
        return Following(None, at, is_settled=waits)
    return Following(max([attempt.number for attempt in seen] + [record.number]) + 1, is_settled=waits)


def _pause(record: FollowRecord) -> float:
    """Seconds between the end of the last process and the next one."""
    if record.tries:
        return doubling(_RETRY_WAIT, record.tries, LONGEST_WAIT)
    return doubling(FIRST_WAIT, record.quiet, LONGEST_WAIT) if record.quiet else SOON


def known_to_process(state: FeedbackState) -> str:
    """What a process has to know of the feedback, packed: without texts, which only tasks read."""
    fields = state.to_json()
    for repairs in fields["repairs"].values():
        for repair in repairs:
            repair["findings"] = [{**one, "text": ""} for one in repair["findings"]]
    return pack(json.dumps(fields))


def published_after(publishing: Publishing, record: FollowRecord) -> Publishing:
    """The result of a publishing after its pull request has ended, as the record has it."""
    state = {FollowEnd.MERGED.value: "merged", FollowEnd.CLOSED.value: "closed"}.get(record.end)
    known = publishing.record
    if state is None or known is None or known.get("revision") != record.revision:
        return publishing
    pulls = [
        {**pull, "state": state} if pull.get("url") == record.url else pull for pull in known.get("pullRequests") or ()
    ]
    found = {**known, "pullRequests": pulls}
    if record.end != FollowEnd.MERGED:
        return publishing._replace(record=found)
    status, _, message = publishing.condition
    return publishing._replace(record=found | {"reason": "Merged"}, condition=(status, "Merged", message))


def for_revision(record: FollowRecord, revision: str) -> FollowRecord:
    """The record when something else is published: how the processes of before ended says nothing any more."""
    if record.revision == revision:
        return record
    return replace(record, revision=revision, quiet=0, tries=0, end="", is_pending=False, reason="", message="")


def condition_of(record: FollowRecord, *, is_due: bool) -> tuple[str, str, str]:
    """Status, reason and message of the condition Reviewed.

    Args:
        record: The record.
        is_due: Whether all tasks have succeeded, and their work is published.
    """
    if not is_due:
        tasks = list(dict.fromkeys(one.task for _, one in record.state.unanswered))
        if tasks:
            text = f"tasks act on feedback on the pull request: {listed(tasks, _SHOWN)}"
            return "Unknown", "ActingOnFeedback", text
        return "Unknown", "Waiting", "it is followed when all tasks have succeeded and the pull request is open"
    if record.tries:
        return "Unknown", record.reason, record.message
    if record.end in _WELL:
        return "True", record.end, record.url
    text = "; ".join(filter(None, (record.url, record.message)))
    if record.is_over or record.end == FollowEnd.PEOPLE:
        return "False", record.end, text
    return "Unknown", "Following", text


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _by_number(attempt: PublishAttempt) -> int:
    return attempt.number
