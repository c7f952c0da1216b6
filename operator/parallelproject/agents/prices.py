"""What models cost, where an agent does not say: list prices with the date on which they were noted.

US dollars for a million tokens: input, output, what is read from the cache, what is written to it. They are an
estimate: discounts, long contexts and batches have other prices. A model that is not here has no cost: none is better
than a wrong one.
"""

import re
from collections.abc import Mapping

from parallelproject.agents.record import TokenUsage

NOTED = "2025-11-01"
"""The date of the table."""
PRICES: dict[str, tuple[float, float, float, float]] = {
    "claude-opus-4-1": (15.0, 75.0, 1.5, 18.75),
    "claude-sonnet-4-5": (3.0, 15.0, 0.3, 3.75),
    "claude-sonnet-4": (3.0, 15.0, 0.3, 3.75),
    "claude-haiku-4-5": (1.0, 5.0, 0.1, 1.25),
    "gpt-5": (1.25, 10.0, 0.125, 1.25),
    "gpt-5-codex": (1.25, 10.0, 0.125, 1.25),
    "gpt-5-mini": (0.25, 2.0, 0.025, 0.25),
    "gpt-5-nano": (0.05, 0.4, 0.005, 0.05),
    "gemini-2.5-pro": (1.25, 10.0, 0.125, 1.25),
    "gemini-2.5-flash": (0.3, 2.5, 0.03, 0.3),
    "gemini-2.5-flash-lite": (0.1, 0.4, 0.01, 0.1),
}
_EXTRA = re.compile(r"(\[\w+\]|-20\d{6}|-20\d\d-\d\d-\d\d|-latest)+$")
"""What follows the name of a model: a context, a date."""


def cost_of(usage: Mapping[str, TokenUsage]) -> float | None:
    """The cost of an attempt in US dollars; None where a model or its tokens are not known."""
    total = 0.0
    for model, used in usage.items():
        price = PRICES.get(_EXTRA.sub("", model.rpartition("/")[2]))
        if price is None or used.input is None or used.output is None:
            return None
        total += sum(tokens * each for tokens, each in zip((n or 0 for n in used), price, strict=True)) / 1e6
    return total if usage else None
