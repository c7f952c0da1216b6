"""The record of a verification in a status, as it is written and read. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from parallelproject.core.verification.check_message import packed_work, read_work, work_head
from parallelproject.core.verification.packed_lines import pack, unpack_whole
from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.core.verification.record import EndedRun, VerificationRecord
from parallelproject.core.verification.state import VerificationState
from parallelproject.model.verification_status import COUNT_MAX, TEXT_MAX, WORK_BYTES

Json = dict[str, Any]

_RECORD_MAX = 16_000_000
"""Maximum bytes of a record that is read. The largest one that is written has a quarter of that."""


def render_verification(record: VerificationRecord) -> Json:
    """The field ``verification`` of a status."""
    state = record.state
    whole = {"state": state.to_json(), "generation": record.generation, "numbers": dict(record.numbers)}
    text = pack("".join(f"{json.dumps(row)}\n" for row in (whole, *_rows(record))))
    found: Json = {
        "observedGeneration": record.generation,
        "levels": state.verified.levels,
        "record": [text[at : at + TEXT_MAX] for at in range(0, len(text), TEXT_MAX)],
    }
    if state.is_stopped:
        found["stopped"] = True
    if state.repairs:
        found["repairs"] = [
            {"task": task, "repairs": len(each), "check": each[-1].check} for task, each in state.repairs.items()
        ]
    if state.condemned:
        found["failed"] = list(state.condemned)
    if reverted := [task for task in state.condemned if task in state.taken_out]:
        found["reverted"] = reverted
    if state.flaky:
        found["flaky"] = list(state.flaky)
    return found


def read_verification(status: Mapping[str, Any]) -> VerificationRecord:
    """The record in a status. One that is not in our format is none: then what has landed is verified again."""
    found = status.get("verification")
    if not isinstance(found, Mapping):
        return VerificationRecord()
    try:
        return _read(unpack_whole("".join(found["record"]), _RECORD_MAX))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return VerificationRecord()


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


def _read(text: str) -> VerificationRecord:
    whole, *rows = (json.loads(line) for line in text.split("\n") if line)
    packed = {(row["base"], row["tip"]): str(row["work"]) for row in rows if row.get("work") is not None}
    runs = tuple(_read_run(row, packed) for row in rows)
    numbers = {str(name): _count(number) for name, number in whole["numbers"].items()}
    return VerificationRecord(VerificationState.from_json(whole["state"]), _count(whole["generation"]), numbers, runs)


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
