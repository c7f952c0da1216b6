"""The session of an agent that an attempt has had in a cluster, and whether the next one continues it. Pure.

The agent keeps the conversation, on a volume that the user names; the result of the attempt has its id.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from parallelproject.agents.catalog import PRESETS
from parallelproject.agents.record import TokenUsage
from parallelproject.agents.resuming import continues, owner_of
from parallelproject.model.spec import Agent


class AgentSession(NamedTuple):
    """The session of one attempt, by the verdict on it."""

    id: str
    agent: str
    """Whose it is, as ``owner_of`` says."""
    outcomes: tuple[str, ...]
    """How the last attempts in it ended, the latest one last."""
    tokens: TokenUsage = TokenUsage()
    """What the session has used so far, where the agent reports that of all of it."""

    @classmethod
    def read(cls, verdict: Mapping[str, Any]) -> Self | None:
        """That of an attempt; None: it has none.

        Args:
            verdict: The fields of the verdict. Those of another shape count as absent.
        """
        found, agent = verdict.get("session"), verdict.get("sessionOf")
        if not isinstance(found, str) or not isinstance(agent, str):
            return None
        outcomes = (verdict.get("before"), verdict.get("outcome"))
        tokens = verdict.get("sessionTokens")
        counts: list[int | None] = []
        if isinstance(tokens, list) and len(tokens) == len(TokenUsage._fields):
            counts = [each if isinstance(each, int) and each >= 0 else None for each in tokens]
        return cls(found, agent, tuple(str(each) for each in outcomes if each), TokenUsage(*counts))

    def continued_by(self, agent: Agent) -> bool:
        """Whether the next attempt continues it.

        Args:
            agent: Who makes that.
        """
        can_resume = agent.resume and bool(PRESETS[agent.type].resume_arguments)
        return (
            can_resume and self.agent == owner_of(agent.type.value, agent.model) and continues(self.outcomes, self.id)
        )
