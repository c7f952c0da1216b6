"""Kubernetes Events: told on transitions only, and lost without harm."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, NamedTuple

from parallelproject.core.report.status import condition
from parallelproject.model.status import Reason

_MESSAGE_MAX = 1024


RENEW_SECONDS = 900.0
"""Seconds after which an Event about what still holds is sent again: an API server keeps Events for an hour."""


class Renewal:
    """When which of the things that hold on was last reported."""

    def __init__(self) -> None:
        self._at: dict[Hashable, float] = {}

    def is_due(self, what: Hashable, now: float) -> bool:
        """Whether something is to be reported now: it is new, or its last report is older than RENEW_SECONDS.

        Args:
            what: What holds.
            now: Monotonic seconds.
        """
        self._at = {known: at for known, at in self._at.items() if now - at < RENEW_SECONDS}
        if what in self._at:
            return False
        self._at[what] = now
        return True


class Notice(NamedTuple):
    """Something worth telling."""

    reason: str
    message: str
    warning: bool = False


def notices(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Notice]:
    """What happened between two statuses of a project.

    A task's start and success are told by its Job; told are here failures, files that nothing had announced, levels and
    the project itself.
    """
    old, new = condition(before, "Accepted"), condition(after, "Accepted")
    if (old.get("status"), old.get("observedGeneration")) != (new.get("status"), new.get("observedGeneration")):
        if new.get("status") == "False":
            yield Notice(new["reason"], new["message"], warning=True)
        elif old.get("status") != "True":
            yield Notice("Accepted", new["message"])
    was_suspended = condition(before, "Suspended").get("status") == "True"
    if (condition(after, "Suspended").get("status") == "True") != was_suspended:
        yield Notice("Resumed" if was_suspended else "Suspended", "")
    rows = {row["id"]: row for row in before.get("tasks") or () if isinstance(row, dict) and "id" in row}
    for row in after.get("tasks") or ():
        earlier = rows.get(row["id"], {})
        if row["state"] == "Failed" and earlier.get("state") != "Failed":
            yield Notice("TaskFailed", f"{row['id']}: {_failure(row, row.get('reason'))}", warning=True)
        elif row.get("failures", 0) > earlier.get("failures", 0) and row["state"] != "Succeeded":
            yield Notice("AttemptFailed", f"{row['id']}: {_failure(row, row.get('failure'))}", warning=True)
        was_held, is_held = (r.get("reason") == Reason.JOB_SUSPENDED for r in (earlier, row))
        if is_held and not was_held:
            found = f"{row['id']}: its Job {row.get('jobName')} is suspended; it keeps its slot and its files"
            yield Notice("JobSuspended", found, warning=True)
        elif was_held and not is_held and row["state"] == "Running":
            yield Notice("JobResumed", f"{row['id']}: its Job {row.get('jobName')} is no longer suspended")
        if row.get("undeclared") and not earlier.get("undeclared"):
            found = f"{row['id']}: {row['undeclared']} besides the files that it declares, in {row.get('commit')}"
            yield Notice("UndeclaredFiles", found, warning=True)
        if row.get("shared") and not earlier.get("shared"):
            found = f"{row['id']}: {row['shared']} changed by others while it ran, in {row.get('commit')}; it merged"
            yield Notice("SharedFiles", found, warning=True)
        if row.get("kept") and not earlier.get("kept"):
            found = (
                f"{row['id']}: {row['kept']} not among its files, kept and not landed: see the log of its container git"
            )
            yield Notice("WorkKept", found, warning=True)
    done = {level["index"] for level in before.get("levels") or () if _is_done(level)}
    ended = [level for level in after.get("levels") or () if _is_done(level) and level["index"] not in done]
    if ended:  # one for all of them: a chain of short tasks ends several levels a second
        names = ("level " if len(ended) == 1 else "levels ") + ", ".join(str(level["index"] + 1) for level in ended)
        succeeded, total = (sum(level[key] for level in ended) for key in ("succeeded", "total"))
        yield Notice("LevelCompleted", f"{names}: {succeeded} of {total}")
    if condition(after, "Completed").get("status") == "True" and condition(before, "Completed").get("status") != "True":
        result = condition(after, "Succeeded")
        yield Notice(result["reason"], result["message"], warning=result["status"] != "True")


def event(notice: Notice, reference: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The Event object for a notice.

    Args:
        reference: The project, as ``involvedObject``.
        at: The time, RFC 3339.
    """
    message = notice.message if len(notice.message) <= _MESSAGE_MAX else notice.message[: _MESSAGE_MAX - 1] + "…"
    return {
        "metadata": {"generateName": f"{reference['name'][:40].rstrip('.-')}-", "namespace": reference["namespace"]},
        "involvedObject": dict(reference),
        "reason": notice.reason,
        "message": message,
        "type": "Warning" if notice.warning else "Normal",
        "source": {"component": "parallelproject"},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def _failure(row: Mapping[str, Any], reason: object) -> str:
    code = f" {row['exitCode']}" if "exitCode" in row else ""
    last = row["attempts"] - 1 if row["state"] == "Running" else row.get("attempts")  # the next may be at work already
    return f"{reason}{code} in attempt {last}"


def _is_done(level: Mapping[str, Any]) -> bool:
    return bool(level["succeeded"] + level["failed"] + level["skipped"] == level["total"])
