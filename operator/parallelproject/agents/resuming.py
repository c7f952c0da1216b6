"""When the next attempt of a task continues the session of the one before. Pure.

A session that was stuck is stuck again: after a deadline, a limit of turns or of money, an error, or two attempts
without a change the next attempt starts from the beginning.
"""

import re
from collections.abc import Sequence

from parallelproject.agents.record import LATER, AgentOutcome

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_RESUMED = LATER | {AgentOutcome.SUCCEEDED, AgentOutcome.NO_CHANGE, AgentOutcome.NEEDS_INPUT}
_STUCK = (AgentOutcome.NO_CHANGE, AgentOutcome.NO_CHANGE)


_OWNER_MAX = 64


def owner_of(type: str, model: str | None) -> str:
    """The agent and the model that a session belongs to, in a few bytes: another one starts its own."""
    return f"{type}/{model or ''}"[:_OWNER_MAX]


def continues(outcomes: Sequence[str], session: str) -> bool:
    """Whether the next attempt resumes a session.

    Args:
        outcomes: How the agent's latest attempts ended, the last one last. One that succeeded did not land, or a check
            has failed.
        session: The id of the session of the last one, as the agent prints it; empty: it prints none.
    """
    is_stuck = not outcomes or outcomes[-1] not in _RESUMED or tuple(outcomes[-2:]) == _STUCK
    return not is_stuck and _ID.fullmatch(session) is not None
