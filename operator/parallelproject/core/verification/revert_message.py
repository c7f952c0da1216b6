"""What a run that takes work off the branch is given, and what it reports, where both must be small. Pure.

In a cluster the request is an annotation of its pod, and the report a termination message of at most 4 KiB, which the
status records. So a report has no ids: it says of each task of the graph by one bit whether its work was taken out. A
graph of 2,000 tasks needs 250 bytes. The report names the graph that it is about by a fingerprint.
"""

import base64
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from parallelproject.core.verification.check_message import CheckEnd
from parallelproject.core.verification.packed_lines import pack, unpack_whole
from parallelproject.core.verification.probe import ProbeOutcome
from parallelproject.core.verification.revert_request import RevertRequest

Json = dict[str, Any]

_GRAPH_MAX = 20_000_000
"""Maximum bytes of a graph that is read."""
_SAID_BYTES = 2_000
"""Maximum bytes of a sentence in a report."""
_OUTCOME = "revert"
"""The field of a report that no other report has."""
_ENDS = frozenset({ProbeOutcome.PASSED, ProbeOutcome.CONFLICT, ProbeOutcome.BROKEN})


class ReportedRevert(NamedTuple):
    """What was taken out."""

    commit: str
    """The commit that did; empty: nothing of the work was on the branch."""
    tasks: tuple[str, ...]


def request_fields(request: RevertRequest) -> Json:
    """A request as the instruction of a pod has it."""
    return {
        "number": request.number,
        "tasks": list(request.tasks),
        "graph": packed_graph(request.dependents, request.landed),
        "since": request.since,
        "why": request.why,
    }


def packed_graph(dependents: Mapping[str, Sequence[str]], landed: Collection[str]) -> str:
    """A graph: by task its id, whether its work has landed, and the numbers of those that depend on it."""
    place = {task: i for i, task in enumerate(dependents)}
    there = frozenset(landed)
    rows = (
        " ".join([task, str(int(task in there)), *(str(place[each]) for each in below)])
        for task, below in dependents.items()
    )
    return pack("\n".join(rows))


def read_request(number: int, tasks: Sequence[str], graph: str, since: str, why: str) -> RevertRequest:
    """The request in the fields of ``request_fields``.

    Raises:
        ValueError: it is not in our format.
    """
    rows = [line.split(" ") for line in unpack_whole(graph, _GRAPH_MAX).split("\n")]
    try:
        dependents = {task: [rows[int(each)][0] for each in below] for task, _, *below in rows}
    except IndexError:
        raise ValueError("a task depends on one that is not in the graph") from None
    landed = tuple(row[0] for row in rows if row[1] == "1")
    return RevertRequest(number, tuple(tasks), dependents, landed, since, why)


def taken_out_message(commit: str, tasks: Collection[str], ids: Sequence[str]) -> str:
    """The report of a run that has taken out the work of tasks.

    Args:
        commit: See ``ReportedRevert``.
        tasks: The tasks.
        ids: All tasks of the graph, in its order.
    """
    bits = sum(1 << i for i, task in enumerate(ids) if task in tasks)
    packed = base64.b85encode(bits.to_bytes((len(ids) + 7) // 8, "little")).decode()
    return json.dumps({_OUTCOME: ProbeOutcome.PASSED, "commit": commit, "tasks": packed, "of": _fingerprint(ids)})


def not_taken_out_message(outcome: ProbeOutcome, why: str) -> str:
    """The report of a run that has taken nothing out.

    Args:
        outcome: Conflict if it never will, Broken if another run may.
        why: A sentence for people.
    """
    cut = why
    while len(json.dumps(cut)) > _SAID_BYTES:
        cut = cut[: len(cut) * 9 // 10]
    return json.dumps({_OUTCOME: outcome, "message": cut if cut == why else f"{cut}…"})


def read_revert_end(message: str) -> CheckEnd | None:
    """How a run has ended, by its report; None: it is no report of such a run."""
    found = _object(message)
    outcome = found.get(_OUTCOME)
    if outcome not in _ENDS:
        return None
    is_done = outcome == ProbeOutcome.PASSED
    return CheckEnd(ProbeOutcome(outcome), printed=message if is_done else str(found.get("message") or ""))


def read_taken_out(printed: str, ids: Sequence[str]) -> ReportedRevert | None:
    """What a report says was taken out; None: it is about another graph.

    Args:
        printed: The report, or what a local run writes: the ids of the tasks.
        ids: All tasks of the graph, in its order.

    Raises:
        ValueError: it is no report.
    """
    found = _object(printed)
    commit, tasks, of = found.get("commit"), found.get("tasks"), found.get("of")
    if isinstance(commit, str) and isinstance(tasks, list):
        return ReportedRevert(commit, tuple(map(str, tasks)))
    if not (isinstance(commit, str) and isinstance(tasks, str) and isinstance(of, str)):
        raise ValueError("not the report of a revert")
    if of != _fingerprint(ids):
        return None
    bits = int.from_bytes(base64.b85decode(tasks), "little")
    return ReportedRevert(commit, tuple(task for i, task in enumerate(ids) if bits >> i & 1))


def _fingerprint(ids: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:12]


def _object(text: str) -> Json:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
