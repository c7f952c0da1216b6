"""When a project's work is published, and what became of it. Pure.

What is to be published is known by its ``revision``, a function of the levels that are done: it is published when a
level ends and when the project does. An attempt of a publishing belongs to one revision. Publishing twice does no harm
(it looks before it opens anything), so nothing is written down but how the last one ended.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from parallelproject.core.attempt import NEW
from parallelproject.core.graph import CompiledGraph
from parallelproject.core.plan import Plan
from parallelproject.model.spec import Spec
from parallelproject.model.status import TaskState

Json = dict[str, Any]

TRIES = 10
"""Most attempts for one revision."""
FIRST_WAIT, LONGEST_WAIT = 10.0, 1800.0
"""Seconds between two attempts, doubled with each: somebody may have to mend a token, or a check takes its time."""
_WELL = {"Open": "Opened", "Draft": "Opened", "Merged": "Merged", "Nothing": "NothingToPublish"}
"""How a publishing ends that did what was asked, and the condition's reason then."""
_BADLY = frozenset({"ChecksFailed", "Conflict", "Closed", "Refused"})
"""How it ends where a person has to do something. After anything else it is tried again."""
_MESSAGE_MAX = 1000
_TERMINAL = frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED})


class Told(NamedTuple):
    """One attempt at publishing, as it is seen."""

    number: int
    revision: str
    has_ended: bool
    succeeded: bool = False
    ended: float | None = None
    exit_code: int | None = None
    is_forbidden: bool = False
    """Whether what was asked for is not allowed, which another attempt cannot mend."""
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


def done_tasks(graph: CompiledGraph, plan: Plan) -> list[int]:
    """The tasks that can be told of: those of the levels that are done, or all at the end."""
    last = len(graph.levels) if plan.completed else plan.level
    return [i for i, state in enumerate(plan.states) if graph.level[i] < last and state in _TERMINAL]


def stage(plan: Plan) -> tuple[int, bool, int]:
    """What changes when ``revision_of`` may, apart from the spec; itself quick to tell."""
    standing = plan.ledger.standing
    # A task of a level that is done may succeed late, after it was given up.
    return plan.level, plan.completed, sum(standing.unfinished[: plan.level]) if standing else 0


def revision_of(graph: CompiledGraph, spec: Spec, plan: Plan) -> str:
    """What is to be published, as a short word; empty where no work of a level that is done has succeeded."""
    done = done_tasks(graph, plan)
    if spec.git is None or not any(plan.states[i] is TaskState.SUCCEEDED for i in done):
        return ""
    records = plan.ledger.records
    rows = [
        (graph.ids[i], plan.states[i].value, record.attempts if (record := records.get(graph.ids[i])) else 0)
        for i in done
    ]
    text = json.dumps([spec.git.model_dump(mode="json"), plan.completed, rows], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def task_rows(graph: CompiledGraph, plan: Plan, title: int) -> list[Json]:
    """What is told of each task that can be told of.

    Args:
        graph: The compiled spec.
        plan: Where the tasks stand.
        title: Most characters of a task's title.
    """
    rows = []
    for i in done_tasks(graph, plan):
        state, record = plan.states[i], plan.ledger.records.get(graph.ids[i], NEW)
        if state is TaskState.SKIPPED:
            continue
        row: Json = {"id": graph.ids[i]}
        if text := graph.tasks[i].title[:title]:
            row["title"] = text
        if record.attempts > 1:
            row["attempts"] = record.attempts
        if graph.role[i]:
            row["role"] = graph.role[i]
        if state is TaskState.FAILED:
            code = f" {record.exit_code}" if record.exit_code is not None else ""
            row |= {"failed": True, "reason": f"{record.reason}{code}"}
        elif record.conflicts:
            row["reason"] = "conflicts" if record.conflicts > 1 else "a conflict"
        rows.append(row)
    return rows


def publishing(revision: str, last: Mapping[str, Any], seen: Sequence[Told], now: float) -> Publishing:
    """Decides.

    Args:
        revision: What is to be published (``revision_of``).
        last: The status written before.
        seen: All attempts at publishing that are seen, of any revision.
        now: Seconds since the epoch.
    """
    written = last.get("publication")
    record: Json | None = written if isinstance(written, dict) else None
    if not revision:
        return Publishing(None, ("Unknown", "Waiting", "nothing has landed yet"), record, None, True)
    mine = [told for told in seen if told.revision == revision]
    ended = [told for told in mine if told.has_ended]
    newest = max(ended, key=_by_number) if ended else None
    final: Publishing | None = None
    # Where Jobs or pods are gone, and with them what they said, what was written down counts.
    is_told = newest is not None and (newest.message or newest.number != _count(record))
    if record is not None and record.get("revision") == revision and not (is_told or (mine and newest is None)):
        final = Publishing(None, _said(record), record, None, _said(record)[0] != "Unknown")
    elif newest:
        final = _result(revision, newest, len(ended))
        record = final.record
    if final is not None and final.is_settled:
        return final
    waiting = ("Unknown", "Publishing", "" if final is None else final.condition[2])
    if any(not told.has_ended for told in seen):
        return Publishing(None, waiting, record)
    # One that is gone without an end is not waited after.
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (len(ended) - 1)) if ended else 0.0
    start = newest.ended + wait if newest and newest.ended is not None else -1.0
    if start > now:
        return Publishing(None, final.condition if final else waiting, record, start)
    numbers = [told.number for told in seen] + [_count(record)]
    return Publishing(max(numbers) + 1, waiting, record)


def _result(revision: str, told: Told, tries: int) -> Publishing:
    """What an attempt that has ended means."""
    said = _json(told.message)
    found = said.get("branches")
    branches: list[Json] = [b for b in found if isinstance(b, dict)] if isinstance(found, list) else []
    pulls = [
        {"branch": str(b.get("branch", ""))[:255], "number": int(b["number"]), "url": str(b.get("url", ""))[:2048],
         "state": str(b.get("state", ""))[:16]}
        for b in branches
        if isinstance(b.get("number"), int) and b["number"] > 0
    ]  # fmt: skip
    ends = [str(b.get("end", "")) for b in branches]
    if not told.succeeded:
        reason = str(said.get("reason") or "PublishingFailed")[:64]
        message = str(said.get("message") or f"the publishing Job failed with exit code {told.exit_code}")
        is_final = told.is_forbidden or tries >= TRIES
    elif not ends and told.message:
        reason, message, is_final = "PublishingFailed", "what the publishing Job said cannot be read", tries >= TRIES
    elif not ends:  # what it said is gone with its pod
        reason, message, is_final = "Published", "", True
    else:
        bad = next((end for end in ends if end not in _WELL), None)
        is_final = bad is None or bad in _BADLY or tries >= TRIES
        reason = _WELL[ends[-1]] if bad is None else bad
        words = [str(b.get("message") or "") for b in branches if b.get("message")]
        message = "; ".join([*(str(pull["url"]) for pull in pulls if pull["url"]), *words])
    good = told.succeeded and all(end in _WELL for end in ends) and (bool(ends) or not told.message)
    status = "True" if good else "False" if is_final else "Unknown"
    record: Json = {
        "revision": revision, "attempts": told.number, "published": status, "reason": reason,
        "message": message[:_MESSAGE_MAX], "pullRequests": pulls[:100],
    }  # fmt: skip
    return Publishing(None, _said(record), record, None, is_final)


def _said(record: Mapping[str, Any]) -> tuple[str, str, str]:
    """The condition that a record was written with."""
    status = record.get("published")
    known = status if status in ("True", "False", "Unknown") else "Unknown"
    return str(known), str(record.get("reason") or "Publishing"), str(record.get("message") or "")


def _count(record: Mapping[str, Any] | None) -> int:
    """The number of the last attempt that is written down."""
    count = record.get("attempts") if record else 0
    return count if isinstance(count, int) and count > 0 else 0


def _json(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _by_number(told: Told) -> int:
    return told.number
