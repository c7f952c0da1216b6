"""``--budget UNIT=LIMIT``: the most that all attempts of a run may spend."""

from collections.abc import Sequence

from parallelproject.cli.output.failure import Failure
from parallelproject.model.problem import quoted
from parallelproject.model.spec import Budget


def budgets_of(texts: Sequence[str]) -> list[Budget]:
    """The budgets that options name; of several of one unit the last one counts.

    Raises:
        Failure: one is none.
    """
    return list({budget.unit: budget for budget in map(_budget, texts)}.values())


def _budget(text: str) -> Budget:
    unit, _, limit = (part.strip() for part in text.partition("="))
    try:
        return Budget(unit=unit, limit=limit.removeprefix("$"))
    except ValueError:
        hint = "give UNIT=LIMIT with a decimal number, as in --budget usd=5 or --budget tokens=2000000"
        raise Failure(f"--budget: {quoted(text)} is not a budget", hint=hint, code=2) from None
