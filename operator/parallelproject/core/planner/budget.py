"""Budgets: what is spent and reserved of each, and whether another attempt fits. Pure.

An attempt starts only if what is spent, what running attempts reserve and what it reserves itself fit into the limit of
the project and into that of its role. When a limit is used up, nothing starts, whatever it would reserve.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from parallelproject.core.planner.agent_usage import USD, decimal_text
from parallelproject.core.planner.spending import RoleSpending, Spending
from parallelproject.model.spec import Budget, Reserve, Spec

_NOTHING = RoleSpending()
_ZERO = Decimal(0)


class BudgetLine(NamedTuple):
    """One limit, and what is used of it."""

    place: str
    """Of its limit in the spec: ``spec.budgets[0].limit``."""
    budget: Budget
    role: str | None
    """The role that it is of; None: the whole project."""
    limit: Decimal
    spent: Decimal
    """By attempts that have ended."""
    reserved: Decimal
    """By running attempts."""

    @property
    def unit(self) -> str:
        """Its unit."""
        return self.budget.unit

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left of it, whatever runs."""
        return self.spent >= self.limit

    def fits(self, own: Decimal) -> bool:
        """Whether an attempt that reserves this may start."""
        used = self.spent + self.reserved
        return used + own <= self.limit and used < self.limit

    def with_reserved(self, more: Decimal) -> "BudgetLine":
        """The same with another reservation."""
        return self._replace(reserved=self.reserved + more)

    def concerns(self, role: str | None) -> bool:
        """Whether the attempts of a role count for it."""
        return self.role is None or self.role == role


class Shortage(NamedTuple):
    """A limit that the next attempt of a role does not fit into."""

    line: BudgetLine
    own: Decimal
    """What the attempt would reserve."""


class Reservations:
    """What attempts reserve until their end, by what earlier ones have spent."""

    def __init__(self, spec: Spec, spending: Spending) -> None:
        """Prepares it.

        Args:
            spec: The spec.
            spending: What attempts that have ended have spent.
        """
        self.spec = spec
        self.spending = spending
        self._known: dict[tuple[str, str | None], Decimal] = {}  # all tasks of a role are asked for

    def of(self, budget: Budget, role: str | None) -> Decimal:
        """What an attempt of a role reserves of a budget."""
        key = budget.unit, role
        if key not in self._known:
            found = self.spending.get(role, _NOTHING).expected(budget.unit, budget.reserve)
            most = max_cost(self.spec, role) if budget.unit == USD else None
            if most is not None and (found is None or budget.reserve is Reserve.MAX):
                found = max(most, found or _ZERO)
            self._known[key] = found if found is not None else _ZERO
        return self._known[key]

    def lines(self, active: Mapping[str | None, int]) -> list[BudgetLine]:
        """The limits of all budgets.

        Args:
            active: By role, its attempts that are running or requested.
        """
        return list(self._lines(active))

    def _lines(self, active: Mapping[str | None, int]) -> Iterator[BudgetLine]:
        for i, budget in enumerate(self.spec.budgets):
            spent = {role: found.usage.amount(budget.unit) or _ZERO for role, found in self.spending.items()}
            reserved = {role: count * self.of(budget, role) for role, count in active.items()}
            place = f"spec.budgets[{i}]"
            whole = sum(spent.values(), _ZERO), sum(reserved.values(), _ZERO)
            yield BudgetLine(f"{place}.limit", budget, None, Decimal(budget.limit), *whole)
            for role, limit in budget.per_role.items():
                own = spent.get(role, _ZERO), reserved.get(role, _ZERO)
                yield BudgetLine(f"{place}.perRole.{role}", budget, role, Decimal(limit), *own)

    def shortage(self, lines: Sequence[BudgetLine], role: str | None) -> Shortage | None:
        """The first limit that the next attempt of a role does not fit into; None: it fits."""
        for line in lines:
            if line.concerns(role) and not line.fits(own := self.of(line.budget, role)):
                return Shortage(line, own)
        return None


def max_cost(spec: Spec, role: str | None) -> Decimal | None:
    """``maxCost`` of the agent of a role; None without one."""
    found = spec.role(role)
    return Decimal(found.agent.max_cost.usd) if found and found.agent and found.agent.max_cost else None


def amount_text(unit: str, amount: Decimal) -> str:
    """An amount for people: ``$1.20``, ``12,000 tokens``, ``1.5 gpu-hours``."""
    whole, dot, places = decimal_text(amount).partition(".")
    if unit == USD:
        return f"${int(whole):,}.{places.ljust(2, '0')}"
    return f"{int(whole):,}{dot}{places} {unit}"


def spent_text(line: BudgetLine) -> str:
    """``spent $1.20 of $5.00``, with the role that it is the limit of."""
    return used_text(line.unit, line.spent, line.limit) + (f" (role {line.role})" if line.role else "")


def used_text(unit: str, spent: Decimal, limit: Decimal) -> str:
    """``spent $1.20 of $5.00``, ``spent 900 of 1,500 tokens``."""
    shown = amount_text(unit, spent)
    if unit != USD:
        shown = shown.removesuffix(f" {unit}")
    return f"spent {shown} of {amount_text(unit, limit)}"


def shortage_text(found: Shortage) -> str:
    """The figures of a limit that is too small, in a sentence."""
    line, unit = found.line, found.line.unit
    what = f"the budget of {amount_text(unit, line.limit)}" + (f" of role {line.role}" if line.role else "")
    if line.is_used_up:
        return f"{what} is used up: {amount_text(unit, line.spent)} spent"
    used = f"{amount_text(unit, line.spent)} spent"
    if line.reserved:
        used += f", {amount_text(unit, line.reserved)} reserved by running attempts"
    if not found.own:
        return f"{what} is reserved: {used}"
    return f"{what} is too small for a further attempt: {used}, and it would reserve {amount_text(unit, found.own)}"


def fix_text(found: Shortage) -> str:
    """What lets it continue."""
    unit, place = found.line.unit, found.line.place
    locally = "" if found.line.role else f" (in a local run: pproj run --budget {unit}=LIMIT)"
    return f"a larger {place} lets it continue{locally}"
