"""When a project's work is published, and what became of it. Pure.

Where each level has a pull request that is merged when its checks pass, the next level waits for that.

What is to be published is known by its ``revision``, a function of the levels that are done: it is published when a
level ends and when the project does. An attempt of a publishing belongs to one revision. Publishing twice does no harm
(it looks before it opens anything), so nothing is written down but how the last one ended.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from parallelproject.core.attempt import NEW
from parallelproject.core.graph import CompiledGraph
from parallelproject.core.plan import Plan, succeeded_below
from parallelproject.core.times import epoch, iso
from parallelproject.model.branches import landing_branch, offered_branch
from parallelproject.model.spec import FailurePolicy, LandingStrategy, MergeMode, PullRequest, Spec
from parallelproject.model.status import TaskState

Json = dict[str, Any]

TRIES = 10
"""Most attempts for one revision."""
FIRST_WAIT, LONGEST_WAIT = 10.0, 1800.0
"""Seconds between two attempts, doubled with each: somebody may have to mend a token, or a check takes its time."""
LONGEST_AWAITED = 600.0
"""The same while tasks wait for the merge, which may be done by hand: it is looked at for as long as they wait."""
_WELL = {"Open": "Opened", "Draft": "Opened", "Merged": "Merged", "Nothing": "NothingToPublish"}
"""How a publishing ends that did what was asked, and the condition's reason then; of several the first counts."""
_BADLY = frozenset({"ChecksFailed", "Conflict", "Closed", "Refused"})
"""How it ends where a person has to do something. After anything else it is tried again."""
_STUCK = frozenset({"Waiting"})
"""How one ends that waits for such a one."""
_MESSAGE_MAX = 1000
_PULLS_MAX, _PULLS_NAMED = 100, 3
_WHERE = 6
"""Characters of a revision that stand for the repository and the kind of branches: with others, nothing of what was
found before counts."""
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
    git = spec.git
    where = [git.url, git.base_ref, git.branch, git.strategy.value, git.is_by_level]
    return f"{_digest(where)[:_WHERE]}-{_digest([git.model_dump(mode='json'), plan.completed, rows])[:12]}"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()


def instruction(graph: CompiledGraph, spec: Spec, plan: Plan, project: str, title: int) -> Json:
    """What a publishing is told, besides where the repository is and how it is reached: fields of ``pproj-publish``.

    Args:
        graph: The compiled spec.
        spec: The spec.
        plan: Where the tasks stand.
        project: The project's name.
        title: Most characters of a task's title.
    """
    git, wanted = spec.git, (spec.git.pull_request if spec.git else None) or PullRequest()
    told: Json = {
        "project": project,
        "branch": offered_branch(git, project),
        "line": landing_branch(git, project),
        "strategy": (git.strategy if git else LandingStrategy.SHARED_BRANCH).value,
        "scope": wanted.scope.value,
        "labels": wanted.labels,
        "draft": wanted.draft,
        "merge": wanted.merge.value,
        "tasks": task_rows(graph, plan, title),
    }
    if wanted.title:
        told["title"] = wanted.title
    if wanted.body:
        told["body"] = wanted.body
    is_whole = plan.completed and all(state is TaskState.SUCCEEDED for state in plan.states)
    if is_whole:
        told["isWhole"] = True
    if git and git.is_by_task:
        for row in told["tasks"]:
            if needs := [graph.ids[parent] for parent in graph.parents[graph.index[row["id"]]]]:
                row["after"] = needs
    elif git and git.is_by_level:
        done = _done_levels(graph, plan)
        told |= {"levels": done, "wholeLevels": _whole_levels(graph, spec, plan)}
        # What has landed is not always known to have: of an attempt that was cut off after that, it shows later.
        begun = (graph.index.get(task) for task, record in plan.ledger.records.items() if record.attempts)
        if above := [graph.ids[i] for i in begun if i is not None and graph.level[i] >= done]:
            told["above"] = above
        for row in told["tasks"]:
            if level := graph.level[graph.index[row["id"]]]:
                row["level"] = level
    elif not is_whole:  # only then is it merged
        told["merge"] = MergeMode.MANUAL.value
    return told


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


def _done_levels(graph: CompiledGraph, plan: Plan) -> int:
    return len(graph.levels) if plan.completed else plan.level


def _whole_levels(graph: CompiledGraph, spec: Spec, plan: Plan) -> int:
    """How many levels from the first on may be merged: those that are done, up to one in which something failed."""
    done = _done_levels(graph, plan)
    if spec.failure_policy is FailurePolicy.CONTINUE and plan.stopped is None:
        return done
    broken = (
        level for level in range(done) if any(plan.states[i] is not TaskState.SUCCEEDED for i in graph.levels[level])
    )
    return next(broken, done)


def publishing(
    revision: str, last: Mapping[str, Any], seen: Sequence[Told], now: float, awaited_levels: int = 0
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
    record = known if known is not None and str(known.get("revision"))[:_WHERE] == revision[:_WHERE] else None
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
        at = ended[-1].ended if ended and ended[-1].ended is not None else epoch(record.get("completionTime"))
        longest = LONGEST_AWAITED if is_awaited else LONGEST_WAIT
        if at is not None:
            start = at + min(longest, FIRST_WAIT * 2.0 ** min(max(_number(record, "tries") - 1, 0), 64))
    if start > now:
        return Publishing(None, final.condition if final else waiting, record, start)
    return Publishing(max([told.number for told in seen] + [count]) + 1, meanwhile, record)


def _tries(ended: Sequence[Told], record: Mapping[str, Any] | None) -> int:
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
    standing = plan.ledger.standing
    if record is None or not revision or record.get("revision") != revision or standing is None:
        return 0, 0
    levels = min(merged_levels(record), len(standing.graph.levels))
    return levels, succeeded_below(standing, levels)


def merged_levels(record: object) -> int:
    """How many levels from the first on are merged, by what is written down."""
    found = record.get("mergedLevels") if isinstance(record, Mapping) else None
    return found if isinstance(found, int) and found > 0 else 0


def _number(record: Mapping[str, Any] | None, key: str) -> int:
    found = record.get(key) if record else None
    return found if isinstance(found, int) and found > 0 else 0


def _result(revision: str, told: Told, tries: int, before: Mapping[str, Any] | None, now: float) -> Publishing:
    """What an attempt that has ended means."""
    said = _json(told.message)
    found = said.get("branches")
    branches: list[Json] = [b for b in found if isinstance(b, dict)] if isinstance(found, list) else []
    counted = said.get("ends")
    ends = counted if isinstance(counted, dict) else Counter(str(b.get("end", "")) for b in branches)
    is_read = isinstance(counted, dict) or bool(branches)
    pulls = _pulls(branches)
    merged: int | None = None
    if not told.succeeded:
        reason = str(said.get("reason") or "PublishingFailed")[:64]
        message = str(said.get("message") or f"the publishing Job failed with exit code {told.exit_code}")
        is_final = told.is_forbidden or tries >= TRIES
    elif not is_read and told.message:
        reason, message, is_final = "PublishingFailed", "what the publishing Job said cannot be read", tries >= TRIES
    elif not is_read:  # what it said is gone with its pod
        reason, message, is_final = "Published", "", True
    else:
        bad = [end for end in ends if end not in _WELL]
        # Where others may still get further, what is in somebody's way alone does not end it.
        is_stuck = any(end in _BADLY for end in bad) and all(end in _BADLY or end in _STUCK for end in bad)
        is_final = not bad or is_stuck or tries >= TRIES
        well = next((word for end, word in _WELL.items() if end in ends), "NothingToPublish")
        reason = (next((end for end in bad if end in _BADLY), bad[0]) if bad else well) or "PublishingFailed"
        message = _message(branches, ends)
        merged = merged_levels(said) if "mergedLevels" in said else None
    good = told.succeeded and all(end in _WELL for end in ends) and (is_read or not told.message)
    status = "True" if good else "False" if is_final else "Unknown"
    # Of very many only some are told each time; how the others were left stays as it was told last.
    latest = {pull["branch"]: pull for pull in [*_pulls((before or {}).get("pullRequests")), *pulls]}
    record: Json = {
        "revision": revision, "attempts": told.number, "tries": tries, "published": status, "reason": reason[:64],
        "completionTime": iso(int(now if told.ended is None else told.ended)),
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


def _by_number(told: Told) -> int:
    return told.number
