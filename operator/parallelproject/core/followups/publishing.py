"""When a project's work is published, and what became of it. Pure.

An attempt of a publishing belongs to one revision (``revision``). Publishing twice does no harm (it looks before it
opens anything), so nothing is written down but how the last one ended. Where each level has a pull request
that is merged when its checks pass, the next level waits for that.
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
"""Most attempts for one revision."""
FIRST_WAIT, LONGEST_WAIT = 10.0, 1800.0
"""Seconds between two attempts, doubled with each: somebody may have to fix a token, or a check takes its time."""
LONGEST_AWAITED = 600.0
"""The same while tasks wait for the merge, which may be done by hand: it is looked at for as long as they wait."""
WELL = {"Open": "Opened", "Draft": "Opened", "Merged": "Merged", "Nothing": "NothingToPublish"}
"""How a publishing ends that did what was asked, and the condition's reason then; of several the first counts."""
_BADLY = frozenset({"ChecksFailed", "Conflict", "Closed", "Refused"})
"""How it ends where a person has to do something. After anything else it is tried again."""
_STUCK = frozenset({"Waiting"})
"""How one ends that waits for such a one."""
_MESSAGE_MAX = 1000
_PULLS_MAX, _PULLS_NAMED = 100, 3


class PublishAttempt(NamedTuple):
    """One attempt at publishing, as it is observed."""

    number: int
    revision: str
    has_ended: bool
    succeeded: bool = False
    ended: float | None = None
    exit_code: int | None = None
    is_forbidden: bool = False
    """Whether what was asked for is not allowed, which another attempt cannot fix."""
    message: str = ""
    """What it said at its end: JSON."""


class Publishing(NamedTuple):
    """What to do about publishing, and how it stands."""

    launch: int | None
    """The number of the attempt to start."""
    condition: tuple[str, str, str]
    """Status, reason and message of the condition Published."""
    record: Json | None
    """``status.publication``: what the last publishing found."""
    wake_at: float | None = None
    is_settled: bool = False
    """Whether nothing more will be done for this revision."""


def publishing(
    revision: str, last: Mapping[str, Any], seen: Sequence[PublishAttempt], now: float, awaited_levels: int = 0
) -> Publishing:
    """Decides.

    Args:
        revision: What is to be published (``revision_of``).
        last: The status written before.
        seen: All attempts at publishing that are seen, of any revision.
        now: Seconds since the epoch.
        awaited_levels: So many levels have to be merged before other tasks can start.
    """
    written = last.get("publication")
    known: Json | None = written if isinstance(written, dict) else None
    if not revision:
        return Publishing(None, ("Unknown", "Waiting", "nothing has landed yet"), known, None, True)
    count = _count(known)
    record = known if known is not None and not is_elsewhere(revision, str(known.get("revision"))) else None
    # What was published before another revision was is not what is there now.
    floor = max((told.number for told in seen if told.revision != revision), default=0)
    is_same = record is not None and record.get("revision") == revision and count >= floor
    mine = [told for told in seen if told.revision == revision and told.number > floor]
    ended = sorted((told for told in mine if told.has_ended), key=_by_number)
    # Where Jobs or pods are gone, and with them what they said, what was written down counts.
    news = [told for told in ended if told.number > count or (told.number == count and told.message)]
    final: Publishing | None = None
    if news:
        final = _result(revision, news[-1], _tries(ended, record if is_same else None), record, now)
        record = final.record
    is_awaited = merged_levels(record) < awaited_levels
    if not news and is_same and record is not None and (is_awaited or ended or not mine):
        final = Publishing(None, _said(record), record, None, _said(record)[0] != "Unknown")
    is_settled = final is not None and final.is_settled
    if final is not None and is_settled and not is_awaited:
        return final
    waiting = ("Unknown", "Publishing", "" if final is None else final.condition[2])
    # What is settled, and only looked at again, stands until it is found to be otherwise.
    meanwhile = final.condition if final is not None and is_settled else waiting
    if any(not told.has_ended for told in seen):
        return Publishing(None, meanwhile, record)
    start = -1.0
    if final is not None and record is not None:
        # What is written down is not in the future, whatever the clock says by which the Job ended.
        found = (ended[-1].ended if ended else None, epoch(record.get("completionTime")))
        at = min((at for at in found if at is not None), default=None)
        longest = LONGEST_AWAITED if is_awaited else LONGEST_WAIT
        if at is not None:
            start = at + doubling(FIRST_WAIT, _number(record, "tries"), longest)
    if start > now:
        return Publishing(None, final.condition if final else waiting, record, start)
    return Publishing(max([told.number for told in seen] + [count]) + 1, meanwhile, record)


def _tries(ended: Sequence[PublishAttempt], record: Mapping[str, Any] | None) -> int:
    """How many attempts at a revision have ended since one of them got any further.

    Args:
        ended: Those that are seen, in their order.
        record: What is written down of this revision.
    """
    count, tries = (_count(record), _number(record, "tries")) if record else (0, 0)
    for told in ended:
        if told.number > count:
            tries = 1 if _json(told.message).get("progress") is True else tries + 1
    return tries


def merged_now(revision: str, record: Mapping[str, Any] | None, plan: Plan) -> tuple[int, int]:
    """How many levels are merged with all that has succeeded in them, and how many tasks those are."""
    snapshot = plan.ledger.snapshot
    if record is None or not revision or record.get("revision") != revision or snapshot is None:
        return 0, 0
    levels = min(merged_levels(record), len(snapshot.graph.levels))
    return levels, snapshot.succeeded_below(levels)


def merged_levels(record: object) -> int:
    """How many levels from the first on are merged, by what is written down."""
    found = record.get("mergedLevels") if isinstance(record, Mapping) else None
    return found if isinstance(found, int) and found > 0 else 0


def _number(record: Mapping[str, Any] | None, key: str) -> int:
    found = record.get(key) if record else None
    return found if isinstance(found, int) and found > 0 else 0


def _result(
    revision: str, ended: PublishAttempt, tries: int, before: Mapping[str, Any] | None, now: float
) -> Publishing:
    """What an attempt that has ended means."""
    said = _json(ended.message)
    found = said.get("branches")
    branches: list[Json] = [b for b in found if isinstance(b, dict)] if isinstance(found, list) else []
    counted = said.get("ends")
    ends = counted if isinstance(counted, dict) else Counter(str(b.get("end", "")) for b in branches)
    is_read = isinstance(counted, dict) or bool(branches)
    pulls = _pulls(branches)
    merged: int | None = None
    if not ended.succeeded:
        reason = str(said.get("reason") or "PublishingFailed")[:64]
        message = str(said.get("message") or f"the publishing Job failed with exit code {ended.exit_code}")
        is_final = ended.is_forbidden or tries >= TRIES
    elif not is_read and ended.message:
        reason, message, is_final = "PublishingFailed", "what the publishing Job said cannot be read", tries >= TRIES
    elif not is_read:  # what it said is gone with its pod
        reason, message, is_final = "Published", "", True
    else:
        bad = [end for end in ends if end not in WELL]
        # Where others may still get further, what is in somebody's way alone does not end it.
        is_stuck = any(end in _BADLY for end in bad) and all(end in _BADLY or end in _STUCK for end in bad)
        is_final = not bad or is_stuck or tries >= TRIES
        well = next((word for end, word in WELL.items() if end in ends), "NothingToPublish")
        reason = (next((end for end in bad if end in _BADLY), bad[0]) if bad else well) or "PublishingFailed"
        message = _message(branches, ends)
        merged = merged_levels(said) if "mergedLevels" in said else None
    good = ended.succeeded and all(end in WELL for end in ends) and (is_read or not ended.message)
    status = "True" if good else "False" if is_final else "Unknown"
    # Of very many only some are told each time; how the others were left stays as it was told last.
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
    return Publishing(None, _said(record), record, None, is_final)


def _pulls(branches: object) -> list[Json]:
    """Pull requests as they are written down."""
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
    """Where the pull requests are, and what is in their way; of many, how many stand where."""
    urls = [str(b["url"]) for b in branches if b.get("url")]
    words = [str(b.get("message") or "") for b in branches if b.get("message")]
    if len(urls) <= _PULLS_NAMED:
        return "; ".join([*urls, *words])
    counts = ", ".join(f"{count} {end}" for end, count in ends.items())
    open_ = [str(b["url"]) for b in branches if b.get("url") and b.get("state") != "merged"]
    return "; ".join([counts, *open_[:_PULLS_NAMED], *words[:_PULLS_NAMED]])


def _said(record: Mapping[str, Any]) -> tuple[str, str, str]:
    """The condition that a record was written with."""
    status = record.get("published")
    known = status if status in ("True", "False", "Unknown") else "Unknown"
    return str(known), str(record.get("reason") or "Publishing"), str(record.get("message") or "")


def _count(record: Mapping[str, Any] | None) -> int:
    """The number of the last attempt that is written down."""
    return _number(record, "attempts")


def _json(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _by_number(ended: PublishAttempt) -> int:
    return ended.number
