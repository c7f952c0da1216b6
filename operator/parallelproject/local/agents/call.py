"""Which agent makes an attempt, as plain values that travel as JSON. Imports little, since every run loads it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_RESULTS = "results"
"""In the state directory: the folder with what is known of attempts."""
_CALL = ".call.json"
"""What the name of the note ends with, after the task and the number of the attempt."""


class AgentCall(NamedTuple):
    """An agent and what is asked of it."""

    type: str
    """An ``AgentType``."""
    model: str | None = None
    may_change_nothing: bool = False
    """``onNoChange: Succeed``."""
    session: str | None = None
    """The session that it continues; None: it starts one."""
    fallback: str | None = None
    """The role that makes the attempt in place of the role of its task."""
    used_before: Sequence[int | None] = ()
    """A ``TokenUsage``: what the attempts before have used in that session."""
    step: str = ""
    """The step of the task that the attempt is at; empty: its own work."""


def note_call(state: Path, task: str, number: int, call: AgentCall | None) -> None:
    """Notes which agent makes an attempt, before it starts: another session may have another agent, or a command.

    What is there of this number belongs to an attempt that never started, or that a loss of power has undone.

    Raises:
        OSError: it cannot be written.
    """
    file = _file(state, task, number)
    record_file(state, task, number).unlink(missing_ok=True)
    if call is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(call), encoding="utf-8")


def noted_call(state: Path, task: str, number: int) -> AgentCall | None:
    """The agent that has made an attempt; None: a command that is no agent."""
    try:
        return AgentCall(*json.loads(_file(state, task, number).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def record_file(state: Path, task: str, number: int) -> Path:
    """Where the record of an attempt is."""
    return state / _RESULTS / f"{task}.{number}.agent.json"


def has_calls(state: Path) -> bool:
    """Whether any attempt below a state directory was one of an agent."""
    return any((state / _RESULTS).glob(f"*{_CALL}"))


def _file(state: Path, task: str, number: int) -> Path:
    return state / _RESULTS / f"{task}.{number}{_CALL}"
