"""What the containers of a check's pod report: a line of JSON, and below it packed lines. Pure.

The container that checks out reports what it has found on the branch, the one that waits for the command how that has
ended and the end of what it printed. Each has at most 4 KiB, so long lists of paths and the middle of an output are
dropped first.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

from parallelproject.core.verification.failure_report import read_failure
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.packed_lines import most_that_fit, pack, pack_lines, unpack
from parallelproject.core.verification.printed_end import PRINTED_MAX, last_lines
from parallelproject.core.verification.probe import LandedChange, ProbeOutcome
from parallelproject.model.names import EX_TEMPFAIL

Json = dict[str, Any]

_HEAD_BYTES = 400
"""Maximum size of the first line."""
_SAID_BYTES = 200
"""Maximum size of a sentence in it."""
_END_LINES = 15
"""So many lines at the end of an output are kept before others: tools print their summary there."""
_GAP = "[…]"
SKIPPED, CHECKED_OUT = "Skipped", "CheckedOut"
"""Outcomes next to those of ``ProbeOutcome``: nothing had to run, the workspace is ready."""
NOT_REPORTED = 125
"""Exit code of a command whose end is not known."""
_SIGNALLED = 128
"""Exit codes above it are of commands that were killed by a signal."""


class CheckEnd(NamedTuple):
    """How a run of a check has ended."""

    outcome: ProbeOutcome
    work: LandedWork | None = None
    """What was on the branch, without the commits of the changes."""
    printed: str = ""
    """Lines of what it printed, if it failed."""
    is_stopped: bool = False
    """Whether its pod was asked to end before."""


def checkout_message(outcome: str, work: LandedWork | None, most: int, said: str = "") -> str | None:
    """What the container reports that checks out; None if the changes of the work do not fit.

    Args:
        outcome: ``CHECKED_OUT``, ``SKIPPED`` if the check does not have to run, or that of a probe.
        work: What it has found.
        most: Maximum bytes.
        said: A sentence for people.
    """
    head: Json = {"outcome": outcome, **_said(said)}
    if work is None:
        return json.dumps(head)
    packed = packed_work(work, most - _HEAD_BYTES)
    if packed is None:
        return None
    return json.dumps(head | work_head(work)) + "\n" + packed


def end_message(outcome: str, printed: str, most: int, said: str = "") -> str:
    """What the container reports that waits for the command; arguments as of ``checkout_message``."""
    head: Json = {"outcome": outcome, **_said(said)}
    body = packed_print(printed, most - _HEAD_BYTES) if printed else ""
    return json.dumps(head) + (f"\n{body}" if body else "")


def read_end(checked_out: str, ended: str) -> CheckEnd | None:
    """How a run has ended, by both messages; None: they say nothing about it."""
    first, packed = _parts(checked_out)
    last, packed_end = _parts(ended)
    work = read_work(first, packed)
    if first.get("outcome") == SKIPPED:
        return CheckEnd(ProbeOutcome.PASSED, work) if work else None
    if first.get("outcome") in (ProbeOutcome.CONFLICT, ProbeOutcome.STALE):
        return CheckEnd(ProbeOutcome(first["outcome"]), work)
    if first.get("outcome") != CHECKED_OUT:
        return None
    printed = unpack(packed_end, PRINTED_MAX)
    if last.get("outcome") == ProbeOutcome.STOPPED:
        return CheckEnd(ProbeOutcome.BROKEN, work, printed, is_stopped=True)
    if last.get("outcome") in (ProbeOutcome.PASSED, ProbeOutcome.FAILED):
        return CheckEnd(ProbeOutcome(last["outcome"]), work, printed)
    return None


def setup_end(checked_out: str, code: int) -> CheckEnd | None:
    """How a run has ended whose setup has failed on what was checked out; None: that says nothing about it, as where
    setup asks to run later or was killed.

    Args:
        checked_out: The message of the container that checks out.
        code: The exit code of setup.
    """
    head, packed = _parts(checked_out)
    if head.get("outcome") != CHECKED_OUT or code in (EX_TEMPFAIL, NOT_REPORTED) or code > _SIGNALLED:
        return None
    said = f"spec.workspace.setup failed with exit code {code}, before the command of the check.\n"
    return CheckEnd(ProbeOutcome.FAILED, read_work(head, packed), said)


def said_in(message: str) -> str:
    """The sentence in a message; empty if it has none."""
    return str(_parts(message)[0].get("message") or "")


def work_head(work: LandedWork) -> Json:
    """The fields that stand next to a packed work."""
    head: Json = {"base": work.base, "tip": work.tip, "changes": len(work.changes)}
    return head | ({"leftOut": work.left_out} if work.left_out else {})


def packed_work(work: LandedWork, most: int) -> str | None:
    """The changes of a work, and as many of their paths as fit; None if not even the changes do."""
    own = [json.dumps([change.task, change.lines, change.retries]) for change in work.changes]
    listed = [[json.dumps([i, path]) for path in change.paths] for i, change in enumerate(work.changes)]
    # One path of each, then the next one: where space ends, the longest lists are cut.
    paths = [path for round in zip_longest(*listed) for path in round if path is not None]
    packed = pack_lines([*own, *paths], most)
    return packed if unpack(packed).count("\n") >= len(own) else None


def read_work(head: Mapping[str, Any], packed: str) -> LandedWork | None:
    """The work that was packed; None if a change is missing."""
    base, tip, count, left_out = (head.get(name) for name in ("base", "tip", "changes", "leftOut"))
    if not (isinstance(base, str) and isinstance(tip, str) and isinstance(count, int)):
        return None
    changes: list[tuple[str, int, int]] = []
    paths: dict[int, list[str]] = {}
    for row in _rows(unpack(packed)):
        match row:
            case [str(task), int(lines), int(retries)]:
                changes.append((task, lines, retries))
            case [int(i), str(path)]:
                paths.setdefault(i, []).append(path)
    if len(changes) != count:
        return None
    return LandedWork(
        base,
        tip,
        tuple(
            LandedChange(task, "", tuple(paths.get(i, ())), lines, retries)
            for i, (task, lines, retries) in enumerate(changes)
        ),
        left_out if isinstance(left_out, int) and left_out > 0 else 0,
    )


def packed_print(printed: str, most: int) -> str:
    """An output in which lines are dropped until it fits: last those at its end and those that name what failed."""
    lines = last_lines(printed.rstrip("\n"))
    order = sorted(range(len(lines)), key=lambda i: (_dispensable(lines, i), -i))

    def packed(count: int) -> str:
        return pack("\n".join(_with_gaps(lines, sorted(order[:count]))) + "\n")

    return most_that_fit(len(lines), most, packed)


def _said(said: str) -> Json:
    """A sentence, short as JSON."""
    cut = said
    while len(json.dumps(cut)) > _SAID_BYTES:
        cut = cut[:-10]
    return {"message": cut if cut == said else f"{cut}…"} if said else {}


def _dispensable(lines: list[str], i: int) -> int:
    """How well an output can be understood without a line: 0 is worst."""
    if i >= len(lines) - _END_LINES:
        return 0
    found = read_failure(lines[i])
    if found.tests:
        return 1
    return 2 if found.paths or not found.is_built else 3


def _with_gaps(lines: list[str], kept: list[int]) -> Iterator[str]:
    before = -1
    for i in kept:
        if i != before + 1:
            yield _GAP
        yield lines[i]
        before = i


def _parts(message: str) -> tuple[Json, str]:
    """The first line of a message, and the rest."""
    head, _, body = message.partition("\n")
    try:
        found = json.loads(head or "{}")
    except (ValueError, RecursionError):
        return {}, ""
    return (found if isinstance(found, dict) else {}), body.strip()


def _rows(text: str) -> Iterator[list[Any]]:
    for line in text.split("\n"):
        try:
            row = json.loads(line or "null")
        except (ValueError, RecursionError):
            continue
        if isinstance(row, list):
            yield row
