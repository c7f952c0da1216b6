"""The record of a verification in a status, as it is written and read. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from parallelproject.core.verification.check_message import packed_work, read_work, work_head
from parallelproject.core.verification.packed_lines import pack, unpack
from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.core.verification.record import EndedRun, VerificationRecord
from parallelproject.core.verification.state import VerificationState
from parallelproject.model.verification_status import COUNT_MAX, TEXT_MAX, WORK_BYTES

Json = dict[str, Any]


def render_verification(record: VerificationRecord) -> Json:
    """The field ``verification`` of a status."""
    state = record.state
    status, reason, message = state.condition
    found: Json = {
        "observedGeneration": record.generation,
        "levels": state.levels,
        "succeeded": state.succeeded,
        "result": {"status": status, "reason": reason, "message": message},
        "checks": [{"name": name, "runs": number} for name, number in record.numbers.items()],
    }
    if record.runs:
        text = pack("".join(f"{json.dumps(row)}\n" for row in _rows(record)))
        found["runs"] = [text[at : at + TEXT_MAX] for at in range(0, len(text), TEXT_MAX)]
    if state.commit:
        found["commit"] = state.commit
    if state.settled:
        found["revision"] = state.settled
    if state.is_stopped:
        found["stopped"] = True
    if state.repairs:
        found["repairs"] = [_repair(state, task) for task in state.repairs]
    if state.condemned:
        found["failed"] = list(state.condemned)
    if state.flaky:
        found["flaky"] = list(state.flaky)
    return found


def read_verification(status: Mapping[str, Any]) -> VerificationRecord:
    """The record in a status. One that is not in our format is none: then what has landed is verified again."""
    found = status.get("verification")
    if not isinstance(found, Mapping):
        return VerificationRecord()
    try:
        return _read(found)
    except (KeyError, TypeError, ValueError, AttributeError):
        return VerificationRecord()


def _repair(state: VerificationState, task: str) -> Json:
    repairs = state.repairs[task]
    last = repairs[-1]
    row: Json = {
        "task": task,
        "repairs": len(repairs),
        "afterAttempt": last.floor,
        "check": last.check,
        "run": last.run,
    }
    row |= {"commit": last.commit} if last.commit else {}
    row |= {"other": last.other} if last.other else {}
    return row | ({"forgiven": state.forgiven[task]} if state.forgiven.get(task) else {})


def _rows(record: VerificationRecord) -> list[Json]:
    """The runs; a work that several have found is written once."""
    rows, known = [], set[tuple[str, str]]()
    for run in record.runs:
        row: Json = {"check": run.check, "number": run.number, "revision": run.revision, "outcome": run.outcome.value}
        if run.probe is not None:
            row["probe"] = run.probe.name
        if run.work is not None:
            row |= work_head(run.work)
            if (run.work.base, run.work.tip) not in known:
                known.add((run.work.base, run.work.tip))
                row["work"] = packed_work(run.work, WORK_BYTES) or ""
        if run.printed:
            row["printed"] = run.printed
        rows.append(row)
    return rows


def _read(found: Mapping[str, Any]) -> VerificationRecord:
    result, rows = found["result"], list(found.get("repairs") or ())
    state = {
        "levels": found["levels"],
        "succeeded": found["succeeded"],
        "commit": found.get("commit") or "",
        "stopped": found.get("stopped") is True,
        "settled": found.get("revision") or "",
        "condition": [result["status"], result["reason"], result.get("message") or ""],
        "repairs": {str(row["task"]): [_read_repair(row)] * _count(row["repairs"]) for row in rows},
        "condemned": found.get("failed") or (),
        "forgiven": {str(row["task"]): row["forgiven"] for row in rows if row.get("forgiven")},
        "flaky": found.get("flaky") or (),
    }
    numbers = {str(row["name"]): _count(row["runs"]) for row in found.get("checks") or ()}
    written = [json.loads(line) for line in unpack("".join(found.get("runs") or ())).split("\n") if line]
    packed = {(row["base"], row["tip"]): str(row["work"]) for row in written if row.get("work") is not None}
    runs = tuple(_read_run(row, packed) for row in written)
    return VerificationRecord(VerificationState.from_json(state), _count(found["observedGeneration"]), numbers, runs)


def _read_repair(row: Mapping[str, Any]) -> Json:
    return {
        "floor": _count(row["afterAttempt"]),
        "check": str(row["check"]),
        "run": _count(row["run"]),
        "commit": str(row.get("commit") or ""),
        "other": str(row.get("other") or ""),
    }


def _read_run(row: Mapping[str, Any], packed: Mapping[tuple[str, str], str]) -> EndedRun:
    work = read_work(row, packed.get((row["base"], row["tip"]), "")) if "base" in row else None
    return EndedRun(
        str(row["check"]),
        _count(row["number"]),
        str(row["revision"]),
        Probe.parse(row["probe"]) if row.get("probe") else None,
        ProbeOutcome(row["outcome"]),
        work,
        str(row.get("printed") or ""),
    )


def _count(value: object) -> int:
    if isinstance(value, int) and 0 <= value <= COUNT_MAX:
        return value
    raise ValueError(f"not a number of attempts, runs or repairs: {value!r}")
