"""What the attempts of coding agents have used: tokens and money, as far as their agents say. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

N = TypeVar("N", int, float)
_TOKENS_MAX, _USD_MAX = 2**53 - 1, 1e12
"""Others may write anything into a status. A sum that its schema does not allow would keep it from being written."""


class AgentUsage(NamedTuple):
    """Of one attempt, or the sum of several. None: none of them says."""

    input_tokens: int | None = None
    """Also those that a cache was read or written for."""
    output_tokens: int | None = None
    usd: float | None = None

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> "AgentUsage | None":
        """That of a row or of a verdict; None without any field.

        Args:
            fields: Tokens are integers, and the cost is a number or a decimal text; anything else counts as absent.
        """
        taken, given, usd = (fields.get(key) for key in ("inputTokens", "outputTokens", "costUsd"))
        try:
            cost = float(usd) if isinstance(usd, int | float | str) else None
        except (ValueError, OverflowError):
            cost = None
        found = cls(_count(taken), _count(given), cost if cost is not None and 0 <= cost <= _USD_MAX else None)
        return None if found == cls() else found

    def plus(self, other: "AgentUsage | None") -> "AgentUsage":
        """Both together."""
        if other is None:
            return self
        return AgentUsage(
            _sum(self.input_tokens, other.input_tokens, _TOKENS_MAX),
            _sum(self.output_tokens, other.output_tokens, _TOKENS_MAX),
            _sum(self.usd, other.usd, _USD_MAX),
        )

    def shown(self) -> dict[str, int | str]:
        """The fields of a row and of ``status.metrics``; what is not known is absent."""
        found: dict[str, int | str] = {}
        if self.input_tokens is not None:
            found["inputTokens"] = self.input_tokens
        if self.output_tokens is not None:
            found["outputTokens"] = self.output_tokens
        if self.usd is not None:
            found["costUsd"] = f"{self.usd:.4f}"
        return found


def sum_of(parts: Iterable[AgentUsage | None]) -> AgentUsage | None:
    """All of them together; None where none says anything."""
    total: AgentUsage | None = None
    for part in parts:
        if part is not None:
            total = part.plus(total)
    return total


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _TOKENS_MAX:
        return value
    return None


def _sum(one: N | None, other: N | None, most: N) -> N | None:
    return other if one is None else one if other is None else min(one + other, most)
