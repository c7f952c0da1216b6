"""Which agent makes an attempt, as plain values that travel as JSON. Imports nothing, since every run loads it."""

from typing import NamedTuple


class AgentCall(NamedTuple):
    """An agent and what is asked of it."""

    type: str
    """An ``AgentType``."""
    model: str | None = None
    may_change_nothing: bool = False
    """``onNoChange: Succeed``."""
