"""When a project's work is published, and with what result. Pure.

An attempt of a publishing belongs to one revision (``revision``). Publishing is idempotent (it checks before it
opens anything), so only the result of the last attempt is recorded. Where each level has a pull request that is merged
when its checks pass, the next level waits for that.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from parallelproject.core.followups.revision import is_elsewhere
from parallelproject.core.planner.plan import Plan
from parallelproject.core.times import doubling, epoch, iso

Json = dict[str, Any]

TRIES = 10
"""Maximum number of attempts for one revision."""
FIRST_WAIT, LONGEST_WAIT = 10.0, 1800.0
"""Seconds between two attempts, doubled with each: a person may have to fix a token, or a check may take long."""
LONGEST_AWAITED = 600.0
"""The same while tasks wait for the merge, which a person may do: attempts continue as long as tasks wait."""
WELL = {"Open": "Opened", "Draft": "Opened", "Merged": "Merged", "Nothing": "NothingToPublish"}
"""Results of a publishing that is complete, with the condition's reason for each; of several the first counts."""
_BADLY = frozenset({"ChecksFailed", "Conflict", "Closed", "Refused"})
"""Results for which a person has to act. After any other result publishing is retried."""
_STUCK = frozenset({"Waiting"})
"""Results of pull requests that wait for one of those."""
_MESSAGE_MAX = 1000
_PULLS_MAX, _PULLS_NAMED = 100, 3


class PublishAttempt(NamedTuple):
    """One observed attempt at publishing."""

    number: int
    revision: str
    has_ended: bool
    succeeded: bool = False
    ended: float | None = None
    exit_code: int | None = None
    is_forbidden: bool = False
    """Whether the request is not allowed, which another attempt cannot fix."""
    message: str = ""
    """Its report at its end: JSON."""
    is_stopped: bool = False
    """Whether the operator has stopped it."""


class Publishing(NamedTuple):
    """What to do about publishing, and its state."""

    launch: int | None
    """The number of the attempt to start."""
    condition: tuple[str, str, str]
    """Status, reason and message of the condition Published."""
    record: Json | None
    """``status.publication``: the result of the last publishing."""
    wake_at: float | None = None
    is_settled: bool = False
    """Whether no further attempt follows for this revision."""


def publishing(
    revision: str, last: Mapping[str, Any], seen: Sequence[PublishAttempt], now: float, awaited_levels: int = 0
) -> Publishing:
    """Decides.

    Args:
        revision: What is to be published (``revision_of``).
        last: The previous status.
        seen: All observed attempts at publishing, of any revision.
        now: Seconds since the epoch.
        awaited_levels: Number of levels that have to be merged before other tasks can start.
    """
    written = last.get("publication")
    known: Json | None = written if isinstance(written, dict) else None
    if not revision:
        return Publishing(None, ("Unknown", "Waiting", "nothing has landed yet"), known, None, True)
    count = _count(known)
    record = known if known is not None and not is_elsewhere(revision, str(known.get("revision"))) else None
    # What was published of an older revision does not describe this one.
    floor = max((attempt.number for attempt in seen if attempt.revision != revision), default=0)
    is_same = record is not None and record.get("revision") == revision and count >= floor
    mine = [attempt for attempt in seen if attempt.revision == revision and attempt.number > floor]
    ended = sorted((attempt for attempt in mine if attempt.has_ended), key=_by_number)
    # Where Jobs or pods were deleted, and their reports with them, what was recorded counts.
    news = [attempt for attempt in ended if attempt.number > count or (attempt.number == count and attempt.message)]
    final: Publishing | None = None
    if news:
        final = _result(revision, news[-1], _tries(ended, record if is_same else None), record, now)
        record = final.record
    is_awaited = merged_levels(record) < awaited_levels
    if not news and is_same and record is not None and (is_awaited or ended or not mine):
        final = Publishing(None, _condition(record), record, None, _condition(record)[0] != "Unknown")
    is_settled = final is not None and final.is_settled
    if final is not None and is_settled and not is_awaited:
        return final
    waiting = ("Unknown", "Publishing", "" if final is None else final.condition[2])
    # A settled result that is only checked again stays until a check finds something else.
    meanwhile = final.condition if final is not None and is_settled else waiting
    if any(not attempt.has_ended for attempt in seen):
        return Publishing(None, meanwhile, record)
    start = -1.0
    if final is not None and record is not None:
        # A recorded time is never in the future, whatever clock the Job's end was taken from.
        found = (ended[-1].ended if ended else None, epoch(record.get("completionTime")))
        at = min((at for at in found if at is not None), default=None)
        longest = LONGEST_AWAITED if is_awaited else LONGEST_WAIT
        if at is not None:
            start = at + doubling(FIRST_WAIT, _number(record, "tries"), longest)
    if start > now:
        return Publishing(None, final.condition if final else waiting, record, start)
    return Publishing(max([attempt.number for attempt in seen] + [count]) + 1, meanwhile, record)


def _tries(ended: Sequence[PublishAttempt], record: Mapping[str, Any] | None) -> int:
    """How many attempts at a revision have ended since the last one that made progress.

    Args:
        ended: Those that are observed, in order.
        record: What is recorded for this revision.
    """
    count, tries = (_count(record), _number(record, "tries")) if record else (0, 0)
    for attempt in ended:
        if attempt.number > count:
            tries = 1 if _json(attempt.message).get("progress") is True else tries + 1
    return tries


def merged_now(revision: str, record: Mapping[str, Any] | None, plan: Plan) -> tuple[int, int]:
    """How many levels are merged with all that has succeeded in them, and the number of those tasks."""
    snapshot = plan.ledger.snapshot
    if snapshot is not None and not revision:  # all tasks of the levels that are done were skipped: nothing to merge
        return plan.level, snapshot.succeeded_below(plan.level)
    if record is None or record.get("revision") != revision or snapshot is None:
        return 0, 0
    levels = min(merged_levels(record), len(snapshot.graph.levels))
    return levels, snapshot.succeeded_below(levels)


def merged_levels(record: object) -> int:
    """How many levels from the first on are merged, by what is recorded."""
    found = record.get("mergedLevels") if isinstance(record, Mapping) else None
    return found if isinstance(found, int) and found > 0 else 0


def _number(record: Mapping[str, Any] | None, key: str) -> int:
    found = record.get(key) if record else None
    return found if isinstance(found, int) and found > 0 else 0


def _result(
    revision: str, ended: PublishAttempt, tries: int, before: Mapping[str, Any] | None, now: float
) -> Publishing:
    """The result of an attempt that has ended."""
    report = _json(ended.message)
    found = report.get("branches")
    branches: list[Json] = [b for b in found if isinstance(b, dict)] if isinstance(found, list) else []
    counted = report.get("ends")
    ends = counted if isinstance(counted, dict) else Counter(str(b.get("end", "")) for b in branches)
    is_read = isinstance(counted, dict) or bool(branches)
    pulls = _pulls(branches)
    merged: int | None = None
    if not ended.succeeded:
        reason = str(report.get("reason") or "PublishingFailed")[:64]
        message = str(report.get("message") or _failure(ended))
        is_final = ended.is_forbidden or tries >= TRIES
    elif not is_read and ended.message:
        message = str(report.get("message") or "the report of the attempt at publishing cannot be read")
        reason, is_final = str(report.get("reason") or "PublishingFailed")[:64], tries >= TRIES
    elif not is_read:  # its pod was deleted, and its report with it
        reason, message, is_final = "Published", "", True
    else:
        bad = [end for end in ends if end not in WELL]
        # As long as other pull requests may proceed, one that is blocked does not end it.
        is_stuck = any(end in _BADLY for end in bad) and all(end in _BADLY or end in _STUCK for end in bad)
        is_final = not bad or is_stuck or tries >= TRIES
        well = next((word for end, word in WELL.items() if end in ends), "NothingToPublish")
        reason = (next((end for end in bad if end in _BADLY), bad[0]) if bad else well) or "PublishingFailed"
        message = _message(branches, ends)
        merged = merged_levels(report) if "mergedLevels" in report else None
    good = ended.succeeded and all(end in WELL for end in ends) and (is_read or not ended.message)
    status = "True" if good else "False" if is_final else "Unknown"
    # If there are very many, an attempt reports only some; for the others the last report stays.
    latest = {pull["branch"]: pull for pull in [*_pulls((before or {}).get("pullRequests")), *pulls]}
    record: Json = {
        "revision": revision, "attempts": ended.number, "tries": tries, "published": status, "reason": reason[:64],
        "completionTime": iso(int(now if ended.ended is None else min(ended.ended, now))),
        "message": message[:_MESSAGE_MAX], "pullRequests": list(latest.values())[-_PULLS_MAX:],
    }  # fmt: skip
    if merged is None and before is not None and before.get("revision") == revision:
        merged = merged_levels(before) or None
    if merged is not None:
        record["mergedLevels"] = merged
    return Publishing(None, _condition(record), record, None, is_final)


def _failure(ended: PublishAttempt) -> str:
    """The message of an attempt that has failed without one."""
    code = "" if ended.exit_code is None else f" with exit code {ended.exit_code}"
    return f"the attempt at publishing failed{code}"


def _pulls(branches: object) -> list[Json]:
    """Pull requests as they are recorded."""
    found = []
    for b in branches if isinstance(branches, list) else ():
        if isinstance(b, dict) and isinstance(b.get("number"), int) and b["number"] > 0:
            pull: Json = {
                "branch": str(b.get("branch", ""))[:255],
                "number": b["number"],
                "url": str(b.get("url", ""))[:2048],
                "state": str(b.get("state", ""))[:16],
            }
            if isinstance(b.get("level"), int) and b["level"] >= 0:
                pull["level"] = b["level"]
            if b.get("task"):
                pull["task"] = str(b["task"])[:63]
            found.append(pull)
    return found


def _message(branches: Sequence[Json], ends: Mapping[str, Any]) -> str:
    """The addresses of the pull requests and what blocks them; of many, how many are in which state."""
    urls = [str(b["url"]) for b in branches if b.get("url")]
    words = [str(b.get("message") or "") for b in branches if b.get("message")]
    if len(urls) <= _PULLS_NAMED:
        return "; ".join([*urls, *words])
    counts = ", ".join(f"{count} {end}" for end, count in ends.items())
    open_ = [str(b["url"]) for b in branches if b.get("url") and b.get("state") != "merged"]
    return "; ".join([counts, *open_[:_PULLS_NAMED], *words[:_PULLS_NAMED]])


def _condition(record: Mapping[str, Any]) -> tuple[str, str, str]:
    """The condition of a record."""
    status = record.get("published")
    known = status if status in ("True", "False", "Unknown") else "Unknown"
    return str(known), str(record.get("reason") or "Publishing"), str(record.get("message") or "")


def _count(record: Mapping[str, Any] | None) -> int:
    """The number of the last recorded attempt."""
    return _number(record, "attempts")


def _json(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _by_number(ended: PublishAttempt) -> int:
    return ended.number
