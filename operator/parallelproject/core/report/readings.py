"""The states that events are derived from: a ledger, a plan of a local run, a status document. Pure.

They have different facts. A ledger has every attempt and is exact, but has no levels and no end. A plan has both. A
document is what users see, up to a second later, and all that another process can read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from operator import is_not
from typing import Any, Self

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.hooks.hook_runs import rows_by_occasion
from parallelproject.core.planner.attempt import NEW, Attempt
from parallelproject.core.planner.hooks import HookOccasion
from parallelproject.core.planner.plan import Ledger, Plan
from parallelproject.core.report.changes import Level, StatusRow, Whole
from parallelproject.core.report.status import condition, read_row, result_of
from parallelproject.model.status import ENDED_STATES, ConditionType, TaskState, task_state

_NOTHING = StatusRow()
_UNKNOWN = Whole()


@dataclass(frozen=True, slots=True)
class LedgerReading:
    """What is recorded, after a plan or before the first one: attempts and landings."""

    ledger: Ledger

    @property
    def whole(self) -> Whole:
        """Nothing: a ledger does not have it."""
        return _UNKNOWN

    def changed_since(self, before: Self) -> Iterator[str]:
        """The tasks whose observed attempts or record changed."""
        now, then = self.ledger.snapshot, before.ledger.snapshot
        if now is None or now is then:
            return
        known = then.seen if then is not None else {}
        records, earlier = self.ledger.records, before.ledger.records
        for task, attempts in now.seen.items():
            if attempts is not known.get(task) and records.get(task, NEW) is not earlier.get(task, NEW):
                yield task

    def row(self, task: str) -> StatusRow:
        """The record."""
        record = self.ledger.records.get(task)
        return _NOTHING if record is None else StatusRow(record.state, record)

    def attempts(self, task: str) -> Sequence[Attempt]:
        """Those that the plan was made with."""
        return self.ledger.snapshot.seen.get(task, ()) if self.ledger.snapshot is not None else ()

    def levels_since(self, before: Self, tasks: Sequence[str]) -> Iterable[Level]:
        """None: a ledger does not have them."""
        return ()


@dataclass(frozen=True, eq=False)
class PlanReading:
    """A plan of a local run, and the attempts that it has requested."""

    graph: CompiledGraph
    plan: Plan
    asked: Mapping[str, int] = field(default_factory=dict)
    """By task, the number of its attempt that is running or requested: both count as started."""
    reported: Sequence[str] = ()
    """The tasks with news since the previous state, in order."""
    hooks: Mapping[HookOccasion, Mapping[str, Any]] = field(default_factory=dict)
    """The rows of the hooks that have run."""
    phases: Mapping[str, str] = field(default_factory=dict)
    """By group, its phase."""
    verified: tuple[str, str, str] | None = None
    """Status, reason and message of the condition Verified; None: nothing is verified."""

    @cached_property
    def whole(self) -> Whole:
        """Whether it has ended, and how."""
        if not self.plan.completed:
            return Whole(accepted=True, hooks=self.hooks, phases=self.phases)
        reason, message, succeeded = result_of(self.graph, self.plan, self.verified)
        return Whole(
            True,
            completed=self.plan.ledger.completion_time,
            succeeded=succeeded,
            result=(reason, message),
            hooks=self.hooks,
            phases=self.phases,
        )

    def changed_since(self, before: Self) -> list[str]:
        """First the tasks with news, then those with a changed state, then those that are requested now."""
        found = dict.fromkeys(self.reported)
        if before._has_failures or self._has_failures:
            moved = compress(self.graph.ids, map(is_not, before.plan.states, self.plan.states))
            found |= dict.fromkeys(moved)
        asking = self.plan.people.items() - before.plan.people.items()
        found |= dict.fromkeys(self.graph.ids[i] for i in sorted(i for i, _ in asking))
        found |= dict.fromkeys([task for task, number in self.asked.items() if before.asked.get(task) != number])
        return list(found)

    def row(self, task: str) -> StatusRow:
        """State and record; a requested attempt counts as running."""
        i = self.graph.index[task]
        record, state = self.plan.ledger.records.get(task, NEW), self.plan.states[i]
        number = self.asked.get(task, 0)
        if number >= max(1, record.attempts):
            record, state = record._replace(state=TaskState.RUNNING, attempts=number), TaskState.RUNNING
        reason = self.plan.reasons[i] if state in (TaskState.SKIPPED, TaskState.FAILED) else None
        if state is TaskState.PENDING:
            reason = self.plan.people.get(i)
        return StatusRow(state, record, reason or "")

    def attempts(self, task: str) -> Sequence[Attempt]:
        """Those that the plan was made with."""
        snapshot = self.plan.ledger.snapshot
        return snapshot.seen.get(task, ()) if snapshot is not None else ()

    def levels_since(self, before: Self, tasks: Sequence[str]) -> Iterator[Level]:
        """The levels of these tasks that have ended since."""
        graph, states, earlier = self.graph, self.plan.states, before.plan.states
        places = [graph.index[task] for task in tasks]
        ended = {graph.level[i] for i in places if states[i] in ENDED_STATES and earlier[i] not in ENDED_STATES}
        snapshot = self.plan.ledger.snapshot
        for level in sorted(ended):
            unfinished = snapshot.unfinished[level] if snapshot is not None else 1
            tasks_of = graph.levels[level]
            if not unfinished or (self._has_failures and all(states[i] in ENDED_STATES for i in tasks_of)):
                yield Level(level, len(tasks_of) - unfinished, len(tasks_of))

    @cached_property
    def _has_failures(self) -> bool:
        """Whether tasks may be failed or skipped; else each change is reported or requested."""
        snapshot = self.plan.ledger.snapshot
        return snapshot is None or bool(
            snapshot.failing or self.graph.skipped or self.graph.conditions.order or self.plan.stopped
        )


@dataclass(frozen=True, eq=False)
class StatusReading:
    """A status document, as it is written or read; parts that are not in our format are ignored."""

    status: Mapping[str, Any]

    @cached_property
    def rows(self) -> dict[str, Mapping[str, Any]]:
        """By task, its row."""
        found = self.status.get("tasks")
        rows = found if isinstance(found, list) else ()
        return {row["id"]: row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)}

    @cached_property
    def whole(self) -> Whole:
        """What the conditions say."""
        accepted = condition(self.status, ConditionType.ACCEPTED)
        is_completed = condition(self.status, ConditionType.COMPLETED).get("status") == "True"
        suspended = condition(self.status, ConditionType.SUSPENDED)
        result = condition(self.status, ConditionType.SUCCEEDED)
        return Whole(
            accepted={"True": True, "False": False}.get(str(accepted.get("status"))),
            generation=accepted.get("observedGeneration"),
            verdict=_words(accepted),
            suspended=suspended.get("status") == "True",
            suspension=_words(suspended),
            completed=(str(self.status.get("completionTime")) if is_completed else None),
            succeeded=result.get("status") == "True",
            result=_words(result),
            hooks=rows_by_occasion(self.status.get("hooks")),
            phases=_phases(self.status.get("groups")),
        )

    def changed_since(self, before: Self) -> list[str]:
        """The tasks whose row changed, in the order of the spec."""
        earlier = before.rows
        return [task for task, row in self.rows.items() if row != earlier.get(task)]

    def row(self, task: str) -> StatusRow:
        """The row."""
        row = self.rows.get(task)
        if row is None:
            return _NOTHING
        state = task_state(row.get("state"))
        return StatusRow(state, read_row(row), str(row.get("reason") or ""))

    def attempts(self, task: str) -> None:
        """A row has only the last attempt."""
        return

    def levels_since(self, before: Self, tasks: Sequence[str]) -> Iterator[Level]:
        """The levels that had not ended before."""
        known = {level.number for level in before._ended()}
        return (level for level in self._ended() if level.number not in known)

    def _ended(self) -> Iterator[Level]:
        levels = self.status.get("levels")
        for level in levels if isinstance(levels, list) else ():
            succeeded, failed, skipped, total, index = (
                level.get(key, 0) for key in ("succeeded", "failed", "skipped", "total", "index")
            )
            if succeeded + failed + skipped == total:
                yield Level(index, succeeded, total)


def _phases(found: object) -> dict[str, str]:
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    return {str(row.get("name")): str(row.get("phase")) for row in rows}


def _words(found: Mapping[str, Any]) -> tuple[str, str]:
    return str(found.get("reason") or ""), str(found.get("message") or "")
