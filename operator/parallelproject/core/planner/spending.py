"""What the attempts of each role have spent so far, and what the next one is expected to spend. Pure.

Each attempt is added once, when its end is recorded. What is kept does not depend on the order in which ends are
observed, and fits into a status: a sum, and how many attempts spent which amount.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Context, Decimal
from typing import NamedTuple

from parallelproject.core.planner.agent_usage import AgentUsage
from parallelproject.core.planner.attempt import NOT_CREATED, Attempt, Phase, Record, asks_for_later
from parallelproject.model.spec import Reserve
from parallelproject.model.status import TaskState

_FEW = 10
"""With fewer finished attempts than this, the largest amount counts in place of a percentile."""
_DIGITS = Context(prec=3, rounding=ROUND_CEILING)
"""Amounts are rounded up to three digits, so that there are few different ones."""
_OWN_ENDS = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.HELD, Phase.PASSED, Phase.REJECTED})

Histogram = Mapping[Decimal, int]
"""By amount, how many attempts spent it."""


class RoleSpending(NamedTuple):
    """The attempts of one role that have ended and said what they used."""

    usage: AgentUsage = AgentUsage()
    """The sum."""
    amounts: Mapping[str, Histogram] = {}
    """By unit. Without attempts that were stopped or are to be run later: they did only a part of the work."""

    def plus(self, ended: Iterable[tuple[AgentUsage, bool]]) -> "RoleSpending":
        """With further attempts: what each used, and whether it came to its own end."""
        usage = self.usage
        amounts = {unit: dict(histogram) for unit, histogram in self.amounts.items()}
        for used, is_whole in ended:
            usage = used.plus(usage)
            for unit, amount in used.amounts.items() if is_whole else ():
                histogram = amounts.setdefault(unit, {})
                rounded = _DIGITS.plus(amount)
                histogram[rounded] = histogram.get(rounded, 0) + 1
        return RoleSpending(usage, amounts)

    def expected(self, unit: str, reserve: Reserve) -> Decimal | None:
        """What the next attempt is expected to spend; None before one has finished that says what it spent.

        Args:
            unit: The unit.
            reserve: P90: the nearest-rank percentile, from ten attempts on. Max, or fewer: the largest amount.
        """
        histogram = self.amounts.get(unit)
        if not histogram:
            return None
        total = sum(histogram.values())
        rank = total if reserve is Reserve.MAX or total < _FEW else -(-9 * total // 10)
        seen = 0
        for amount in sorted(histogram):
            seen += histogram[amount]
            if seen >= rank:
                return amount
        raise AssertionError("the rank is at most the total")


Spending = Mapping[str | None, RoleSpending]
"""By role; None: attempts without a role, or of tasks that are no longer in the spec."""


def ends(before: Record, attempts: Sequence[Attempt], floor: int = 0) -> list[Attempt]:
    """The attempts that ``settle`` and ``settle_after`` count the usage of.

    Args:
        before: The record before.
        attempts: The observed attempts of the task.
        floor: Attempts up to this number do not count as results, but they have spent all the same.
    """
    if before.state is TaskState.SUCCEEDED and before.attempts > floor:
        late = None if before.commit else next((seen for seen in attempts if seen.commit), None)
        return [late] if late is not None and late.usage else []
    is_open = before.state is TaskState.RUNNING
    found = []
    for seen in sorted(attempts, key=lambda attempt: attempt.number):
        is_result = seen.phase is Phase.SUCCEEDED and seen.number > floor
        is_new = seen.number > before.attempts or (seen.number == before.attempts and is_open)
        if seen.phase not in NOT_CREATED and seen.phase is not Phase.ACTIVE and (is_new or is_result):
            found.append(seen)
        if is_result:
            break
    return [seen for seen in found if seen.usage]


def role_at_end(attempt: Attempt, now: str | None = None) -> str | None:
    """The role whose budget an ended attempt has spent: the one that it was started with.

    Args:
        attempt: The attempt.
        now: The role that its task has now, for an attempt whose claim is not known.
    """
    return attempt.fallback or (attempt.claim.role if attempt.claim else now)


def is_whole(attempt: Attempt) -> bool:
    """Whether an attempt came to its own end, so that others may be expected to spend as much."""
    return attempt.phase in _OWN_ENDS and not asks_for_later(attempt.reason, attempt.exit_code)
