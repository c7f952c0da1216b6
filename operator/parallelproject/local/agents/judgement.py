"""Judging an attempt of an agent by its log, when its command has ended. Standard library only, to start fast."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parallelproject.agents.attempt_files import ending_of, facts_of
from parallelproject.agents.catalog import PRESETS
from parallelproject.agents.judge import REASONS, Ending, nothing_changed, record_of
from parallelproject.agents.record import AgentRecord, TokenUsage
from parallelproject.local.agents.call import AgentCall
from parallelproject.model.agents import AgentType
from parallelproject.whole_file import write_whole


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
    facts, before = facts_of(preset, Path(log), offset, now), None
    if call.session and call.session == facts.session:
        before = TokenUsage(*call.used_before)
    return record_of(preset, facts, ending(call, outputs, exit_code, now), call.model, before)


def ending(call: AgentCall, outputs: str, exit_code: int, now: float, changed: bool | None = None) -> Ending:
    """What is known of an end beyond the output."""
    may_change_nothing = call.may_change_nothing
    return ending_of(Path(outputs), exit_code, now, changed=changed, may_change_nothing=may_change_nothing)


def document(record: AgentRecord, end: tuple[str, int]) -> dict[str, Any]:
    """A record as it is stored, with the reason and the exit code of its attempt."""
    return record.as_json() | {"reason": end[0], "exitCode": end[1]}


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a ``document``: it all, or nothing.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(path, json.dumps(content, ensure_ascii=False))


def note_no_change(path: Path, end: Ending) -> tuple[str, int, str]:
    """Notes that an attempt that ended well has changed nothing.

    Returns:
        Its reason and its exit code from now on, 0 where that is a success, and a line for people.
    """
    found, is_success = nothing_changed(end, (read_record(path) or {}).get("denied") or ())
    reason, code = ("", 0) if is_success else (REASONS[found.outcome], 1)
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
