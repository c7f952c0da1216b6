"""A project may spend at most its budgets: an attempt starts only if what it is expected to spend fits."""

from collections import Counter
from collections.abc import Sequence
from typing import Self

from parallelproject.core.planner.budget import (
    Reservations,
    Shortage,
    amount_text,
    fix_text,
    max_cost,
    shortage_text,
)
from parallelproject.core.planner.constraints.constraint import Block, Constraint, Situation
from parallelproject.core.planner.constraints.fallbacks import role_now
from parallelproject.core.planner.explanation import Explanation, View
from parallelproject.core.planner.snapshot import ran_by
from parallelproject.core.planner.spending import Spending
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason


class Budgets(Constraint):
    """Blocks the tasks whose next attempt does not fit into a budget. A prediction only has reservations, which end: it
    assumes that a person raises a limit that is used up."""

    reasons = (Reason.WAITING_FOR_BUDGET,)

    def __init__(self, situation: Situation) -> None:
        self._role_of, self._is_prediction = situation.role_of, situation.is_prediction
        self._reservations = Reservations(situation.spec, situation.snapshot.spending)
        self._lines = self._reservations.lines(situation.snapshot.usage.roles)

    @classmethod
    def of(cls, situation: Situation) -> Self | None:
        """If there are budgets."""
        return cls(situation) if situation.spec.budgets else None

    def blocks(self, task: int) -> Block | None:
        """Whether its next attempt does not fit."""
        role = self._role_of(task)
        found = self._reservations.shortage(self._lines, role)
        if found is None or (self._is_prediction and not found.line.reserved):
            return None
        return Block(Reason.WAITING_FOR_BUDGET, line=("budget", role))

    def is_closed(self) -> bool:
        """Whether a budget of the whole project is used up."""
        return not self._is_prediction and any(line.is_used_up for line in self._lines if line.role is None)

    def take(self, task: int) -> None:
        """One more reserves."""
        self._reserve(task, 1)

    def release(self, task: int) -> None:
        """One less."""
        self._reserve(task, -1)

    def _reserve(self, task: int, sign: int) -> None:
        role = self._role_of(task)
        self._lines = [
            line.with_reserved(sign * self._reservations.of(line.budget, role)) if line.concerns(role) else line
            for line in self._lines
        ]

    @classmethod
    def holders(cls, view: View, task: int) -> Sequence[int]:
        """The active tasks that reserve a part of the budget that is short."""
        found = _shortage_of(view, task)
        if found is None:
            return []
        line, known = found.line, Reservations(view.spec, view.spending)

        def reserves(i: int) -> bool:
            role = _role_of(view, i)
            return line.concerns(role) and known.of(line.budget, role) > 0

        return view.active(reserves)

    @classmethod
    def explain(cls, view: View, task: int, reason: str) -> Explanation:
        """The figures, and who reserves what."""
        found = _shortage_of(view, task)
        if found is None:
            return Explanation("what it needs of the budget has just become free: it starts in the next round")
        holders, role = cls.holders(view, task), role_now(view, task)
        more = [] if found.line.is_used_up else [_source(view.spec, view.spending, found, role)]
        if holders:
            more.append(f"running, each with its own reservation until its end: {view.named(holders)}")
        more.append(fix_text(found))
        return Explanation(shortage_text(found), more, holders)


def _source(spec: Spec, spending: Spending, found: Shortage, role: str | None) -> str:
    """Where the reservation of an attempt comes from."""
    line, of_role = found.line, f"role {role}" if role else "tasks without a role"
    histogram = spending[role].amounts.get(line.unit) if role in spending else None
    if histogram and found.own in histogram:
        count = sum(histogram.values())
        attempts = f"{count} finished attempt{'' if count == 1 else 's'} of {of_role}"
        is_most = found.own == max(histogram)
        how = "the largest amount of" if is_most else "the 90th percentile of"
        return f"{amount_text(line.unit, found.own)} is {how} {attempts}"
    if found.own and max_cost(spec, role) == found.own:
        why = "" if histogram else ": no attempt of it has finished"
        return f"{amount_text(line.unit, found.own)} is maxCost of {of_role}{why}"
    return f"no attempt of {of_role} has said what it spends: it reserves nothing"


def _shortage_of(view: View, task: int) -> Shortage | None:
    queued = [i for i, row in view.rows.items() if row.is_queued]
    active = Counter(_role_of(view, i) for i in {*view.active(), *queued})
    known = Reservations(view.spec, view.spending)
    return known.shortage(known.lines(active), role_now(view, task))


def _role_of(view: View, task: int) -> str | None:
    """The role that runs the last attempt of a task."""
    return ran_by(view.graph, task, view.record(task))
