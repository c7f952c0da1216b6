"""Judging an attempt of an agent by its log, when its command has ended. Standard library only, to start fast."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parallelproject.agents.catalog import PRESETS
from parallelproject.agents.judge import EX_TEMPFAIL, Ending, nothing_changed, record_of
from parallelproject.agents.record import LATER, AgentOutcome, AgentRecord, Facts, TokenUsage
from parallelproject.local.agents.call import AgentCall
from parallelproject.model.agents import AgentType

_CHUNK = 2**20
_DECLARED_MAX = 4096
"""Bytes that are read of what an agent declares."""
NO_CHANGE, NEEDS_INPUT = "no-change", "needs-input.md"
"""Files among the outputs by which an agent says something to us."""
_REASONS = {
    AgentOutcome.RATE_LIMITED: "RateLimited",
    AgentOutcome.QUOTA_EXHAUSTED: "QuotaExhausted",
    AgentOutcome.TRANSIENT: "Transient",
    AgentOutcome.AUTH: "AgentAuth",
    AgentOutcome.DENIED: "AgentDenied",
    AgentOutcome.TURN_LIMIT: "TurnLimit",
    AgentOutcome.BUDGET_HIT: "BudgetHit",
    AgentOutcome.NO_CHANGE: "NoChange",
    AgentOutcome.NEEDS_INPUT: "NeedsInput",
    AgentOutcome.AGENT_ERROR: "AgentError",
    AgentOutcome.FAILED: "AgentError",
}
"""By outcome, the ``Reason`` of an attempt that failed."""


def judge_log(call: AgentCall, log: str, offset: int, outputs: str, exit_code: int, now: float) -> AgentRecord:
    """The record of an attempt whose command has ended.

    Args:
        call: Who made it.
        log: The file with its output.
        offset: Where that begins in the file.
        outputs: The folder of its outputs.
        exit_code: Of its command.
        now: When it ended, in seconds since the epoch.
    """
    preset = PRESETS[AgentType(call.type)]
    facts, before = _read(call, log, offset, now), None
    if call.session and call.session == facts.session:
        before = TokenUsage(*call.used_before)
    return record_of(preset, facts, ending(call, outputs, exit_code, now), call.model, before)


def ending(call: AgentCall, outputs: str, exit_code: int, now: float, changed: bool | None = None) -> Ending:
    """What is known of an end beyond the output. Outputs are a result, too: with one, something has changed."""
    folder = Path(outputs)
    declared, question = _declared(folder / NO_CHANGE), _declared(folder / NEEDS_INPUT)
    if changed is False and _has_outputs(folder):
        changed = True
    return Ending(exit_code, now, changed, declared, question, call.may_change_nothing)


def end_of(record: AgentRecord, exit_code: int) -> tuple[str, int]:
    """The reason and the exit code of an attempt: 75 where it is to be run later."""
    if record.is_success:
        return "", 0
    if record.outcome is AgentOutcome.FAILED and exit_code and exit_code != EX_TEMPFAIL:
        return "ExitCode", exit_code
    if record.outcome in LATER:
        return _REASONS[record.outcome], EX_TEMPFAIL
    return _REASONS[record.outcome], exit_code if exit_code and exit_code != EX_TEMPFAIL else 1


def document(record: AgentRecord, end: tuple[str, int]) -> dict[str, Any]:
    """A record as it is written down, with the reason and the exit code of its attempt."""
    return record.as_json() | {"reason": end[0], "exitCode": end[1]}


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a ``document``: it all, or nothing.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(content, ensure_ascii=False), errors="replace")
    os.replace(new, path)  # noqa: PTH105 - as the others that are to be there wholly


def note_no_change(path: Path, end: Ending) -> tuple[str, int, str]:
    """Notes that an attempt that ended well has changed nothing.

    Returns:
        Its reason and its exit code from now on, 0 where that is a success, and a line for people.
    """
    found, is_success = nothing_changed(end, (read_record(path) or {}).get("denied") or ())
    reason, code = ("", 0) if is_success else (_REASONS[found.outcome], 1)
    said = {"outcome": found.outcome.value, "message": found.message, "success": is_success}
    write_record(path, {**(read_record(path) or {}), **said, "reason": reason, "exitCode": code})
    return reason, code, f"{found.outcome}: {found.message}"


def read_record(path: Path) -> Mapping[str, Any] | None:
    """What was written; None where nothing is, or nothing that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _read(call: AgentCall, log: str, offset: int, now: float) -> Facts:
    reader = PRESETS[AgentType(call.type)].reader(now)
    try:
        with Path(log).open("rb") as file:
            left = os.fstat(file.fileno()).st_size - offset  # what it left running may print on and on
            file.seek(offset)
            while left > 0 and (data := file.read(_CHUNK)):
                reader.feed(data)
                left -= len(data)
    except OSError:
        pass  # without its output there is no final event: that is an error of its own
    return reader.close()


def _declared(file: Path) -> str | None:
    """What a file says; None without such a file. Whatever it is, it is the task's own."""
    try:
        if not file.is_file():
            return None
        with file.open("rb") as opened:
            return opened.read(_DECLARED_MAX).decode(errors="replace").strip()
    except OSError:
        return None


def _has_outputs(folder: Path) -> bool:
    try:
        return any(entry.name not in (NO_CHANGE, NEEDS_INPUT) for entry in folder.iterdir())
    except OSError:
        return False
