"""The sessions of agents: which one an attempt continues. The agents keep the conversations, we keep the ids."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from parallelproject.agents.catalog import PRESETS
from parallelproject.agents.preset import SessionFiles
from parallelproject.agents.record import TokenUsage, used_by
from parallelproject.agents.resuming import continues
from parallelproject.local.agents.call import AgentCall
from parallelproject.model.agents import AgentType
from parallelproject.model.status import Reason


class SessionToResume(NamedTuple):
    """A session that an attempt continues."""

    argument: str
    """By which the agent finds it."""
    call: AgentCall
    """The call of the attempt."""


def session_to_resume(
    now: AgentCall, then: AgentCall | None, records: Sequence[Mapping[str, Any]], *, same_folder: bool
) -> SessionToResume | None:
    """The session that the next attempt of a task continues; None: it starts one.

    Args:
        now: Who makes the attempt.
        then: Who has made the attempt before.
        records: Of the agent's latest attempts, the last one last.
        same_folder: Whether all attempts of a task work in the same folder.
    """
    preset = PRESETS[AgentType(now.type)]
    if then is None or (then.type, then.model) != (now.type, now.model) or not records:
        return None
    last = records[-1]
    session = str(last.get("session") or "")
    if not continues([str(record.get("outcome")) for record in records], session) or _was_overdue(last):
        return None
    if not (same_folder or preset.resumes_elsewhere):
        return None
    argument = _file_of(preset.session_files, session) if preset.session_files else session
    used = used_by(last)
    if then.session == session:
        used = used.plus(TokenUsage(*then.used_before))
    return SessionToResume(argument, now._replace(session=session, used_before=used)) if argument else None


def _was_overdue(record: Mapping[str, Any]) -> bool:
    return bool(record.get("reason") == Reason.DEADLINE_EXCEEDED)


def _file_of(files: SessionFiles, session: str) -> str | None:
    """The file with the conversation of a session, if it is still there."""
    folder = Path(os.environ.get(files.variable) or Path.home() / files.default)
    try:
        found = sorted(folder.glob(files.pattern.format(session)), key=lambda file: file.stat().st_mtime)
    except (OSError, RuntimeError):
        return None
    return str(found[-1]) if found else None
