"""Why a task waits, as text: the parts of an answer, and the facts that it is derived from.

The facts are those of a status, of any origin. The sentences are in the constraints.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.graph.walk import needs
from parallelproject.core.planner.attempt import NEW, Record
from parallelproject.core.planner.spending import Spending
from parallelproject.core.times import duration, iso
from parallelproject.model.names import EX_TEMPFAIL
from parallelproject.model.spec import Spec
from parallelproject.model.status import AGENT_REASONS, PASSED, REFUSALS, Reason, TaskState

NAMED = 8
"""Maximum number of tasks named in one sentence."""


class Explanation(NamedTuple):
    """Why one task waits."""

    answer: str
    """A sentence."""
    more: Sequence[str] = ()
    """Further sentences."""
    tasks: Sequence[int] = ()
    """The tasks that it waits because of."""
    job: str | None = None
    """The Job to look at."""
    fix: str = ""
    """What a user could do about it: ``resume``, ``graph`` or nothing."""


class Row(NamedTuple):
    """What a status says of a task."""

    state: str
    """Pending, Running, Succeeded, Failed or Skipped."""
    reason: str
    """Empty if there is no reason."""
    record: Record
    is_queued: bool = False
    """Whether its attempt waits in a queue."""


class ConditionText(NamedTuple):
    """The text of a condition."""

    reason: str
    message: str


_NO_ROW, _NO_CONDITION = Row(TaskState.PENDING.value, "", NEW), ConditionText("", "")


class Parked(NamedTuple):
    """Until when a limit is not over."""

    until: float
    """Seconds since the epoch."""
    task: int
    """Who met it."""
    is_known: bool
    """Whether its provider said until when."""


@dataclass(frozen=True, slots=True)
class View:
    """The state of a project by its status; read only."""

    graph: CompiledGraph
    spec: Spec
    now: float
    """Seconds since the epoch."""
    rows: Mapping[int, Row] = field(default_factory=dict)
    """By task."""
    conditions: Mapping[str, ConditionText] = field(default_factory=dict)
    """By type."""
    merged_levels: int = 0
    """Number of merged levels, from the first on."""
    pull_requests: Mapping[int, str] = field(default_factory=dict)
    """By level, the address of its pull request."""
    limits: Mapping[str, Parked] = field(default_factory=dict)
    """By pool, the limit that is not over, where fallbacks run its tasks."""
    spending: Spending = field(default_factory=dict)
    """By role, what its attempts have spent that have ended."""
    hooks: Mapping[str, str] = field(default_factory=dict)
    """By name of its step, the state of each hook that has run."""

    def row(self, i: int) -> Row:
        """The row of a task."""
        return self.rows.get(i, _NO_ROW)

    def condition(self, condition: str) -> ConditionText:
        """The text of a condition; empty if it is absent."""
        return self.conditions.get(condition, _NO_CONDITION)

    def state(self, i: int) -> str:
        """The state of a task."""
        return self.row(i).state

    def record(self, i: int) -> Record:
        """What is recorded of a task."""
        return self.row(i).record

    def is_done(self, i: int) -> bool:
        """Whether nothing of a task is missing: it has succeeded, or is skipped by request or by a condition."""
        state, reason, *_ = self.row(i)
        return state == TaskState.SUCCEEDED or (state == TaskState.SKIPPED and reason in PASSED)

    def waits_for(self, i: int) -> list[int]:
        """The dependencies that a task still waits for; in the place of a skipped one those of that."""

        def is_skipped(other: int) -> bool:
            return self.state(other) == TaskState.SKIPPED and self.is_done(other)

        expected = self.graph.conditions.expected.get(i, {})
        return [
            parent
            for parent in needs(self.graph.parents, i, is_skipped)
            if not self.is_done(parent) and (parent not in expected or self.is_open(parent))
        ]

    def is_open(self, i: int) -> bool:
        """Whether a task has not ended."""
        return self.state(i) in (TaskState.PENDING, TaskState.RUNNING)

    def active(self, counts: Callable[[int], bool] | None = None, expected: int = 0) -> list[int]:
        """Of the tasks that count, those that hold a slot: running, or being started.

        If they are fewer than expected, also those whose refused creation may be retried at this moment: their rows do
        not show that.
        """
        counted = [i for i in range(len(self.graph.ids)) if counts is None or counts(i)]
        found = [i for i in counted if self.state(i) == TaskState.RUNNING or self.row(i).reason == Reason.STARTING]
        tried = [i for i in counted if self.row(i).reason in REFUSALS]
        return found + tried[: max(0, expected - len(found))]

    def named(self, tasks: Sequence[int], states: bool = True) -> str:
        """``a (running for 12 s), b (pending: Backoff) and 3 others``."""
        shown = [self.described(i) if states else self.graph.ids[i] for i in tasks[:NAMED]]
        if len(tasks) > NAMED:
            shown.append(f"{len(tasks) - NAMED} others")
        return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)

    def described(self, i: int) -> str:
        """A task with its state: ``a (running for 12 s)``."""
        state, reason, record, _ = self.row(i)
        if state == TaskState.RUNNING:
            what = f"running{self.since(record, short=True)}"
        elif state == TaskState.FAILED:
            what = f"failed: {failure(record)}"
        else:
            what = f"{state.lower()}: {reason}" if reason else state.lower()
        return f"{self.graph.ids[i]} ({what})"

    def since(self, record: Record, short: bool = False) -> str:
        """Since when an attempt runs, as the end of a sentence; empty if that is not known."""
        if record.started is None:
            return ""
        long = duration(max(0.0, self.now - record.started))
        return f" for {long}" if short else f" since {iso(int(record.started))}, for {long}"


def failure(record: Record) -> str:
    """Why the last failed attempt failed: ``exit code 3``, ``DeadlineExceeded``."""
    if record.reason == Reason.EXIT_CODE and record.exit_code is not None:
        return f"exit code {record.exit_code}"
    if record.reason == Reason.GATE_FAILED and record.steps and record.steps[-1].attempt == record.attempts:
        return f"step {record.steps[-1].step}, which rejected the work"
    if record.reason == Reason.GATE_FAILED:
        return f"a failed check (exit code {record.exit_code})"
    says_it_all = record.reason in AGENT_REASONS or record.exit_code in (None, EX_TEMPFAIL)
    code = "" if says_it_all else f" {record.exit_code}"
    return f"{record.reason or 'unknown reason'}{code}"


def holding(view: View, holders: Sequence[int], before: str) -> str:
    """The tasks that hold something. If none does any more, the status is slightly out of date."""
    if not holders:
        return "a slot has just become free: it starts in the operator's next round"
    return f"{before} {view.named(holders)}"
