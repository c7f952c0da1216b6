"""What is known of one attempt of an agent: read from its output, the same for all agents."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class AgentOutcome(StrEnum):
    """How an attempt of an agent ended."""

    SUCCEEDED = "Succeeded"
    NO_CHANGE = "NoChange"
    """It ended well and changed nothing. A success only where it declared that nothing was to be done."""
    RATE_LIMITED = "RateLimited"
    """Too many requests, or a limit of time (five hours, a week): it resets by itself."""
    QUOTA_EXHAUSTED = "QuotaExhausted"
    """Credit or quota is used up: a person has to pay or raise it, or a period has to end."""
    TRANSIENT = "Transient"
    """The provider or the network had trouble: the same request may succeed later."""
    AUTH = "Auth"
    """The key or the login is missing or refused."""
    DENIED = "Denied"
    """The agent was not allowed to use a tool that it needed, as one that edits."""
    TURN_LIMIT = "TurnLimit"
    """Its own limit of turns was reached."""
    BUDGET_HIT = "BudgetHit"
    """Its own limit of money was reached."""
    NEEDS_INPUT = "NeedsInput"
    """It asks a person."""
    AGENT_ERROR = "AgentError"
    """The agent did not come to an end, whatever its exit code says: the final event is missing, or is an error."""
    FAILED = "Failed"
    """It says or its exit code says that it failed."""


LATER = frozenset({AgentOutcome.RATE_LIMITED, AgentOutcome.QUOTA_EXHAUSTED, AgentOutcome.TRANSIENT})
"""Not the task's fault: no attempt is spent, and it runs again later."""


_TOKENS = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")
"""What the parts of a ``TokenUsage`` are called where it is recorded."""


class TokenUsage(NamedTuple):
    """Tokens. None: the agent does not say."""

    input: int | None = None
    """Without what the cache gave."""
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None

    @property
    def taken(self) -> int | None:
        """All that was charged for as input, also from a cache."""
        parts = [part for part in (self.input, self.cache_read, self.cache_write) if part is not None]
        return sum(parts) if parts else None

    def plus(self, other: "TokenUsage") -> "TokenUsage":
        """The sum; what one of the two does not know counts as nothing there."""
        pairs = zip(self, other, strict=True)
        return TokenUsage(*(None if a is None and b is None else (a or 0) + (b or 0) for a, b in pairs))

    def minus(self, other: "TokenUsage") -> "TokenUsage":
        """The difference; this one itself where the other is more, since then it does not contain the other."""
        left = TokenUsage(*(None if a is None else a - (b or 0) for a, b in zip(self, other, strict=True)))
        return self if any(n is not None and n < 0 for n in left) else left


class AgentFinding(NamedTuple):
    """That something went wrong, and what."""

    outcome: AgentOutcome
    message: str
    """What the agent says, in one line."""
    reset_at: float | None = None
    """When a limit ends, in seconds since the epoch."""


@dataclass(slots=True)
class Facts:
    """What the output of an agent says, as far as it has been read."""

    session: str | None = None
    """By which the agent can resume this conversation."""
    model: str | None = None
    """The one that it said it uses."""
    turns: int | None = None
    last_message: str | None = None
    usage: dict[str, TokenUsage] = field(default_factory=dict)
    """By model; the empty name where the agent does not say which."""
    cost_usd: float | None = None
    """As the agent says."""
    has_ended: bool = False
    """Whether the final event came."""
    error: AgentFinding | None = None
    """Of the end: an error that the agent got over is none."""
    limit: AgentFinding | None = None
    """A limit that the provider reported on the way: it says when a later error of that kind is over."""
    denied: list[str] = field(default_factory=list)
    """Names of tools that it was not allowed to use."""
    denied_edits: list[str] = field(default_factory=list)
    """Those of them that edit files."""
    noise: str = ""
    """The last lines that were no events: messages for people. Known at the end."""

    def add_usage(self, model: str, used: TokenUsage) -> None:
        """Adds tokens to those of a model."""
        before = self.usage.get(model)
        self.usage[model] = before.plus(used) if before else used


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """One attempt of an agent."""

    agent: str
    """Type of the preset."""
    outcome: AgentOutcome
    message: str
    """Why, in one line for people; empty for a plain success."""
    is_success: bool
    reset_at: float | None = None
    """When to try again, in seconds since the epoch; None: the agent does not say."""
    usage: Mapping[str, TokenUsage] = field(default_factory=dict)
    """Tokens by model."""
    cost_usd: float | None = None
    """None: unknown."""
    cost_source: str | None = None
    """``agent``, or the price table with its date."""
    session: str | None = None
    turns: int | None = None
    last_message: str | None = None
    denied: tuple[str, ...] = ()
    """Tools that it was not allowed to use."""

    @property
    def used(self) -> TokenUsage:
        """The tokens of all models together."""
        return total(self.usage.values())

    def as_json(self) -> dict[str, Any]:
        """As it is recorded; camelCase, as everywhere."""
        usage = {model: dict(zip(_TOKENS, used, strict=True)) for model, used in self.usage.items()}
        return {
            "agent": self.agent, "outcome": self.outcome.value, "message": self.message, "success": self.is_success,
            "resetAt": self.reset_at, "usage": usage, "costUsd": self.cost_usd, "costSource": self.cost_source,
            "session": self.session, "turns": self.turns, "lastMessage": self.last_message,
            "denied": list(self.denied),
        }  # fmt: skip


def total(parts: Iterable[TokenUsage]) -> TokenUsage:
    """All of them together."""
    found = TokenUsage()
    for part in parts:
        found = found.plus(part)
    return found


def used_by(document: Mapping[str, Any]) -> TokenUsage:
    """The tokens in a record, of all models together."""
    models = [each for each in (document.get("usage") or {}).values() if isinstance(each, dict)]
    return total(TokenUsage(*(each.get(name) for name in _TOKENS)) for each in models)


def one_line(text: str, most: int = 300) -> str:
    """A text on one line, cut to so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
