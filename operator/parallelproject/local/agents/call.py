"""Which agent makes an attempt, as plain values that travel as JSON. Imports little, since every run loads it."""

from pathlib import Path
from typing import NamedTuple

RECORDS = "results"
"""In the state directory: the folder with the records of attempts."""
RECORD = ".agent.json"
"""What the name of an agent's record ends with, after the task and the number of the attempt."""


class AgentCall(NamedTuple):
    """An agent and what is asked of it."""

    type: str
    """An ``AgentType``."""
    model: str | None = None
    may_change_nothing: bool = False
    """``onNoChange: Succeed``."""


def has_records(state: Path) -> bool:
    """Whether any attempt below a state directory was one of an agent."""
    return any((state / RECORDS).glob(f"*{RECORD}"))
