"""Budgets and spending in a status: as they are written and read, and the condition BudgetExhausted. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.agent_usage import AgentUsage, amount_of, decimal_text, kept_units, sum_of
from parallelproject.core.planner.budget import (
    BudgetLine,
    Reservations,
    Shortage,
    amount_text,
    fix_text,
    shortage_text,
    spent_text,
    used_text,
)
from parallelproject.core.planner.plan import Plan
from parallelproject.core.planner.spending import Histogram, RoleSpending, Spending
from parallelproject.model.spec import Spec
from parallelproject.model.status import ConditionType, Reason, TaskState

Json = dict[str, Any]
_COUNT_MAX = 10**6
_ZERO = Decimal(0)


def budgets_now(graph: CompiledGraph, spec: Spec, plan: Plan) -> list[BudgetLine]:
    """The limits of all budgets after a plan, with what it starts."""
    snapshot = plan.ledger.snapshot
    active = Counter(snapshot.usage.roles if snapshot is not None else {})
    starting = [snapshot.role(i) if snapshot is not None else graph.role[i] for i, _ in plan.launches]
    active.update(plan.acting.get(role, role) for role in starting)
    return Reservations(spec, plan.ledger.spending).lines(active)


def shortage_now(graph: CompiledGraph, spec: Spec, plan: Plan) -> Shortage | None:
    """What the first task that waits for a budget is short of; None where none does."""
    waiting = (
        i for i in graph.order if plan.states[i] is TaskState.PENDING and plan.reasons[i] == Reason.WAITING_FOR_BUDGET
    )
    first = next(waiting, None) if spec.budgets else None
    if first is None:
        return None
    role = snapshot.role(first) if (snapshot := plan.ledger.snapshot) else graph.role[first]
    known = Reservations(spec, plan.ledger.spending)
    return known.shortage(budgets_now(graph, spec, plan), plan.acting.get(role, role))


def exhausted_text(graph: CompiledGraph, spec: Spec, plan: Plan) -> str:
    """Why a project continues only with a larger budget, and the fix."""
    found = shortage_now(graph, spec, plan)
    return f"{shortage_text(found)}; {fix_text(found)}" if found else ""


def budget_condition(graph: CompiledGraph, spec: Spec, plan: Plan) -> tuple[str, str, str, str] | None:
    """The condition: type, status, reason and message; None without budgets."""
    if not spec.budgets:
        return None
    if plan.is_exhausted:
        return ConditionType.BUDGET_EXHAUSTED, "True", Reason.WAITING_FOR_BUDGET, exhausted_text(graph, spec, plan)
    message = ", ".join(map(spent_text, budgets_now(graph, spec, plan)))
    return ConditionType.BUDGET_EXHAUSTED, "False", "WithinBudget", message


def render_budgets(graph: CompiledGraph, spec: Spec, plan: Plan) -> Json:
    """The fields ``budgets`` and ``spending`` of a status."""
    found: Json = {}
    if spec.budgets:
        found["budgets"] = [
            {"unit": line.unit}
            | ({"role": line.role} if line.role else {})
            | {key: decimal_text(getattr(line, key)) for key in ("limit", "spent", "reserved")}
            for line in budgets_now(graph, spec, plan)
        ]
    if plan.ledger.spending:
        found["spending"] = render_spending(plan.ledger.spending, [budget.unit for budget in spec.budgets])
    return found


def render_spending(spending: Spending, budgeted: Collection[str]) -> list[Json]:
    """The field ``spending`` of a status.

    Args:
        spending: What attempts have spent.
        budgeted: The units of budgets, which are kept before others where a status has no place for all.
    """
    return [
        ({"role": role} if role is not None else {})
        | spent.usage.shown(exact=True, budgeted=budgeted)
        | _amounts(spent, budgeted)
        for role, spent in sorted(spending.items(), key=lambda each: each[0] or "")
    ]


def spent_of_budgets(status: Mapping[str, Any], spending: Spending) -> list[Json]:
    """The field ``budgets`` of a status whose spec is not known any more: its limits, with what is spent by now."""

    def spent(unit: str, role: object) -> Decimal:
        amounts = (found.usage.amount(unit) for of, found in spending.items() if role is None or of == role)
        return sum((amount for amount in amounts if amount is not None), _ZERO)

    rows = _mappings(status.get("budgets"))
    return [{**row, "spent": decimal_text(spent(str(row.get("unit")), row.get("role")))} for row in rows]


def budgets_shown(status: Mapping[str, Any]) -> list[str]:
    """The budgets of a status for people, each as in ``spent $1.20 of $5.00, $0.80 reserved``."""
    found = []
    for row in _mappings(status.get("budgets")):
        unit, role = str(row.get("unit")), row.get("role")
        limit, spent, reserved = (amount_of(row.get(key)) or _ZERO for key in ("limit", "spent", "reserved"))
        text = used_text(unit, spent, limit) + (f", {amount_text(unit, reserved)} reserved" if reserved else "")
        found.append(text + (f" (role {role})" if role else ""))
    return found


def read_spending(status: Mapping[str, Any]) -> dict[str | None, RoleSpending]:
    """What is recorded of spending; parts that are not in our format are ignored.

    In a status of an operator without this field only the rows have it: it counts for the project, and for no role.
    """
    found = {
        role if isinstance(role := row.get("role"), str) else None: RoleSpending(
            AgentUsage.read(row) or AgentUsage(), _histograms(row.get("amounts"))
        )
        for row in _mappings(status.get("spending"))
    }
    if "spending" not in status:
        in_rows = sum_of(AgentUsage.read(row) for row in _mappings(status.get("tasks")))
        if in_rows is not None:
            found[None] = RoleSpending(in_rows)
    return found


def _amounts(spent: RoleSpending, budgeted: Collection[str]) -> Json:
    texts = {
        unit: " ".join(f"{decimal_text(amount)}:{count}" for amount, count in sorted(spent.amounts[unit].items()))
        for unit in kept_units(spent.amounts, budgeted)
    }
    return {"amounts": texts} if texts else {}


def _histograms(found: object) -> dict[str, Histogram]:
    texts = found if isinstance(found, Mapping) else {}
    read = {str(unit): _histogram(text) for unit, text in texts.items() if isinstance(text, str)}
    return {unit: histogram for unit, histogram in read.items() if histogram}


def _histogram(text: str) -> dict[Decimal, int]:
    found: dict[Decimal, int] = {}
    for word in text.split():
        shown, _, count = word.partition(":")
        amount = amount_of(shown)
        if amount is not None and count.isascii() and count.isdigit() and 0 < int(count[:9]) <= _COUNT_MAX:
            found[amount] = int(count[:9])
    return found


def _mappings(found: object) -> list[Mapping[str, Any]]:
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
