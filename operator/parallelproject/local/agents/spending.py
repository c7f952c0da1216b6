"""What the attempts of agents have used, for people: the sums, and what is missing in them."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

from parallelproject.agents.record import used_by
from parallelproject.core.planner.agent_usage import AgentUsage, amount_of, sum_of


class Spending(NamedTuple):
    """The sum of some attempts. Attempts whose agent does not say what they used are not in it."""

    usage: AgentUsage = AgentUsage()
    attempts: int = 0
    without_tokens: int = 0
    """Attempts whose tokens are not known."""
    without_cost: int = 0
    """Attempts whose cost is not known."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """That of one attempt, by its record."""
        used, usd = used_by(record), amount_of(record.get("costUsd"))
        usage = AgentUsage(used.taken, used.output, usd)
        return cls(usage, 1, int(used.input is None), int(usage.usd is None))

    @classmethod
    def sum_of(cls, parts: Iterable[Self]) -> Self:
        """All of them together."""
        each = list(parts)
        counts = [sum(column) for column in zip(*(part[1:] for part in each), strict=True)]
        return cls(sum_of(part.usage for part in each) or AgentUsage(), *counts)

    @property
    def text(self) -> str:
        """For people: ``12,300 tokens in, 450 out, $0.41``; empty where nothing is known."""
        used, parts = self.usage, []
        if used.input_tokens is not None:
            parts.append(f"{used.input_tokens:,} tokens in, {used.output_tokens or 0:,} out")
        if used.usd is not None:
            parts.append(f"${used.usd:.2f}" if used.usd >= 0.01 else f"${used.usd:.4f}")
        return ", ".join(parts)

    @property
    def gap(self) -> str:
        """What the sums do not include, for people; empty where they include all."""
        if self.without_cost and self.attempts > self.without_cost:
            return f"the cost of {self.without_cost} of {self.attempts} attempts is not known"
        if self.without_tokens and self.attempts > self.without_tokens:
            return f"the tokens of {self.without_tokens} of {self.attempts} attempts are not known"
        return ""
