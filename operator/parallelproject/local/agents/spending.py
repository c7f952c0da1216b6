"""What the attempts of agents have used: tokens and money, as their records say."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

from parallelproject.core.planner.agent_usage import AgentUsage


class Spending(NamedTuple):
    """The sum of some attempts. Attempts whose agent does not say what they used are not in it."""

    attempts: int = 0
    input_tokens: int = 0
    """Also those that a cache was read or written for."""
    output_tokens: int = 0
    usd: float = 0.0
    without_tokens: int = 0
    """Attempts whose tokens are not known."""
    without_cost: int = 0
    """Attempts whose cost is not known."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """That of one attempt, by its record."""
        models = [used for used in (record.get("usage") or {}).values() if isinstance(used, dict)]
        taken = _sum(models, "inputTokens", "cacheReadTokens", "cacheWriteTokens")
        given = _sum(models, "outputTokens")
        is_known = any(used.get("inputTokens") is not None for used in models)
        usd = record.get("costUsd")
        has_cost = isinstance(usd, int | float)
        return cls(1, taken, given, float(usd or 0.0) if has_cost else 0.0, int(not is_known), int(not has_cost))

    @classmethod
    def sum_of(cls, parts: Iterable[Self]) -> Self:
        """All of them together."""
        return cls(*(sum(column) for column in zip(*parts, strict=True)))

    @property
    def text(self) -> str:
        """For people: ``12,300 tokens in, 450 out, $0.41``; empty where nothing is known."""
        parts = []
        if self.attempts > self.without_tokens:
            parts.append(f"{self.input_tokens:,} tokens in, {self.output_tokens:,} out")
        if self.attempts > self.without_cost:
            parts.append(f"${self.usd:.2f}" if self.usd >= 0.01 else f"${self.usd:.4f}")
        return ", ".join(parts)

    @property
    def gap(self) -> str:
        """What the sums do not include, for people; empty where they include all."""
        if self.without_cost and self.attempts > self.without_cost:
            return f"the cost of {self.without_cost} of {self.attempts} attempts is not known"
        if self.without_tokens and self.attempts > self.without_tokens:
            return f"the tokens of {self.without_tokens} of {self.attempts} attempts are not known"
        return ""

    @property
    def usage(self) -> AgentUsage:
        """As the records of tasks have it."""
        has_tokens, has_cost = self.attempts > self.without_tokens, self.attempts > self.without_cost
        return AgentUsage(
            self.input_tokens if has_tokens else None,
            self.output_tokens if has_tokens else None,
            self.usd if has_cost else None,
        )


def _sum(models: Iterable[Mapping[str, Any]], *keys: str) -> int:
    return sum(int(used.get(key) or 0) for used in models for key in keys)
