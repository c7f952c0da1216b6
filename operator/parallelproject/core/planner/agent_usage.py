"""What attempts have used: tokens, money and other units, as far as they say so. Exact sums of decimals. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from parallelproject.model.names import UNIT_PATTERN, USAGE
from parallelproject.model.problem import listed, quoted

USD, TOKENS = "usd", "tokens"
"""The units that agents report by themselves."""
UNITS_MAX = 16
"""Maximum number of units that a status has of a sum."""
_NAMES_MAX = 1000
"""Maximum number of units of a sum: more than a project uses, and few enough to add up."""
_UNIT = re.compile(UNIT_PATTERN.removesuffix("$"))
_TOKENS_MAX, _AMOUNT_MAX = 2**53 - 1, Decimal(10**12)
"""Others may write anything into a status. A sum that its schema does not allow would keep it from being written."""
_STEP = Decimal("0.000001")
"""What amounts are rounded to when they are read: agents report binary fractions. After that, sums are exact."""
_ZERO = Decimal(0)
_SHOWN = 5

Amounts = tuple[tuple[str, Decimal], ...]
"""Units and their amounts, in order of the units."""


class AgentUsage(NamedTuple):
    """Of one attempt, or the sum of several. None: none of them says."""

    input_tokens: int | None = None
    """Also those that a cache was read or written for."""
    output_tokens: int | None = None
    usd: Decimal | None = None
    units: Amounts = ()
    """What tasks reported themselves, in ``usage.json``: other units, and tokens that nobody else has counted."""

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> "AgentUsage | None":
        """That of a row or of a verdict; None without any field.

        Args:
            fields: Tokens are integers, amounts are numbers or decimal texts; anything else counts as absent.
        """
        taken, given, usd = (fields.get(key) for key in ("inputTokens", "outputTokens", "costUsd"))
        found = cls(_count(taken), _count(given), amount_of(usd))
        reported = dict(_units(fields.get("usage")))
        in_usd = reported.pop(USD, None)
        found = found._replace(usd=in_usd if found.usd is None else found.usd, units=tuple(reported.items()))
        return None if found == cls() else found

    @classmethod
    def reported(cls, fields: object) -> "AgentUsage | None":
        """That of a ``usage.json``, as in ``{"usd": 0.4, "tokens": 12000}``; None where it names no amount.

        Args:
            fields: The content of the file, whose numbers may be decimals.
        """
        return cls.read({"usage": fields})

    def plus(self, other: "AgentUsage | None") -> "AgentUsage":
        """Both together."""
        if other is None:
            return self
        units = self.units or other.units
        if self.units and other.units:
            names = sorted(dict(self.units).keys() | dict(other.units).keys())[:_NAMES_MAX]
            mine, theirs = dict(self.units), dict(other.units)
            units = tuple((n, min(mine.get(n, _ZERO) + theirs.get(n, _ZERO), _AMOUNT_MAX)) for n in names)
        return AgentUsage(
            _sum(self.input_tokens, other.input_tokens),
            _sum(self.output_tokens, other.output_tokens),
            other.usd if self.usd is None else self.usd if other.usd is None else _most(self.usd + other.usd),
            units,
        )

    def completed_by(self, other: "AgentUsage | None") -> "AgentUsage":
        """This one, with the units of another one of the same attempt that it does not have itself."""
        if other is None:
            return self
        counts_tokens = self.input_tokens is not None or self.output_tokens is not None
        units = tuple(each for each in other.units if each[0] != TOKENS or not counts_tokens)
        return self._replace(usd=other.usd if self.usd is None else self.usd, units=self.units or units)

    def amount(self, unit: str) -> Decimal | None:
        """How much of a unit; None: not known. Tokens are those in and those out."""
        if unit == USD:
            return self.usd
        found = next((amount for name, amount in self.units if name == unit), None)
        if unit != TOKENS or (self.input_tokens is None and self.output_tokens is None):
            return found
        return (found or _ZERO) + (self.input_tokens or 0) + (self.output_tokens or 0)

    @property
    def amounts(self) -> dict[str, Decimal]:
        """By unit, what is known."""
        names = (USD, TOKENS, *(name for name, _ in self.units if name != TOKENS))
        return {name: amount for name in names if (amount := self.amount(name)) is not None}

    def shown(self, *, exact: bool = False, budgeted: Collection[str] = ()) -> dict[str, Any]:
        """The fields of a row and of ``status.metrics``; what is not known is absent.

        Args:
            exact: Whether the cost has all its decimal places, not four.
            budgeted: The units of budgets, which are kept before others.
        """
        found: dict[str, Any] = {}
        if self.input_tokens is not None:
            found["inputTokens"] = self.input_tokens
        if self.output_tokens is not None:
            found["outputTokens"] = self.output_tokens
        if self.usd is not None:
            found["costUsd"] = decimal_text(self.usd) if exact else f"{self.usd:.4f}"
        if self.units:
            kept = set(kept_units([name for name, _ in self.units], budgeted))
            found["usage"] = {name: decimal_text(amount) for name, amount in self.units if name in kept}
        return found


def report_trouble(unusable: str, amounts: Mapping[str, Any], ignored: Sequence[str] = ()) -> str:
    """What of a ``usage.json`` does not count, and the fix, in a sentence; empty if all of it counts.

    Args:
        unusable: Why all of it does not count, as the end of a sentence about the file.
        amounts: By unit, the amounts that it names.
        ignored: Its units without an amount.
    """
    fix = f'write a JSON object of units and amounts to PPROJ_OUTPUTS/{USAGE}, such as {{"usd": 0.4}}'
    if unusable:
        return f"{USAGE} {unusable}, so it does not count ({fix})"
    counted = dict(_units(amounts))
    names = [quoted(name) for name in (*ignored, *(name for name in amounts if name not in counted))]
    found = "is not an amount of a unit" if len(names) == 1 else "are not amounts of units"
    return f"{USAGE}: {listed(names, _SHOWN)} {found}, so it does not count ({fix})" if names else ""


def kept_units(names: Iterable[str], budgeted: Collection[str], most: int = UNITS_MAX) -> list[str]:
    """Which units are kept where only some of them fit: dollars and tokens, those of budgets, then by name.

    Args:
        names: The units.
        budgeted: The units of budgets.
        most: The number of units that fit.
    """
    return sorted(names, key=lambda name: (name not in (USD, TOKENS), name not in budgeted, name))[:most]


def sum_of(parts: Iterable[AgentUsage | None]) -> AgentUsage | None:
    """All of them together; None where none says anything."""
    total: AgentUsage | None = None
    for part in parts:
        if part is not None:
            total = part.plus(total)
    return total


def amount_of(value: object) -> Decimal | None:
    """A number or a decimal text as an exact amount, rounded to a millionth; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        found = Decimal(str(value) if isinstance(value, float) else value)
    except (InvalidOperation, ValueError):
        return None
    if not found.is_finite() or not 0 <= found <= _AMOUNT_MAX:
        return None
    return abs(found.quantize(_STEP))  # not -0


def decimal_text(amount: Decimal) -> str:
    """An amount without needless zeros: ``0.4``, ``12000``."""
    return f"{amount.quantize(_STEP):f}".rstrip("0").removesuffix(".")


def _units(found: object) -> Amounts:
    """The amounts of a map; others may have written it."""
    if not isinstance(found, Mapping):
        return ()
    named = [name for name in found if isinstance(name, str) and len(name) <= 32 and _UNIT.fullmatch(name)]
    amounts = [(name, amount) for name in sorted(named) if (amount := amount_of(found[name])) is not None]
    return tuple(amounts[:_NAMES_MAX])


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _TOKENS_MAX:
        return value
    return None


def _most(amount: Decimal) -> Decimal:
    return min(amount, _AMOUNT_MAX)


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one + other, _TOKENS_MAX)
