"""What earlier sessions of a run have left: their attempts, as the planner wants to see them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.outputs import Outputs
from parallelproject.core.steps.step import StepVerdict
from parallelproject.local.engine.asked import AskedQuestions
from parallelproject.local.errors import RunError
from parallelproject.local.state.record import AttemptLog
from parallelproject.local.state.spill import Spill
from parallelproject.local.state.store import (
    FAILED,
    RUNNING,
    STOPPED,
    SUCCEEDED,
    AttemptRow,
    SessionRow,
    Store,
)
from parallelproject.local.state.usage_files import UsageFiles
from parallelproject.local.supervisor.orphans import INTERRUPTED, clean_up

if TYPE_CHECKING:
    from parallelproject.local.agents.ends import AgentEnds
    from parallelproject.local.delivery.attempts import Deliveries

PHASES = {
    SUCCEEDED: Phase.SUCCEEDED,
    FAILED: Phase.FAILED,
    STOPPED: Phase.STOPPED,
    RUNNING: Phase.ACTIVE,
    StepVerdict.HELD.value: Phase.HELD,
    StepVerdict.PASSED.value: Phase.PASSED,
    StepVerdict.REJECTED.value: Phase.REJECTED,
}


@dataclass(frozen=True, slots=True)
class History:
    """The past of a run. Times are seconds."""

    attempts: Mapping[str, Sequence[Attempt]]
    """By task, every attempt; all have ended."""
    failed: Mapping[str, int]
    """By task, the number of its last attempt where that failed, or rejected the work."""
    peak: int
    """Most attempts at once."""
    elapsed: float
    """Time that all sessions took."""
    elapsed_since_end: float
    """Time that the sessions took since the run was last at its end."""
    last_end: float
    """When the last session ended."""
    completed: bool
    """Whether the run had come to its end with that."""


def recover(
    store: Store,
    spill: Spill,
    now: float,
    deliveries: "Deliveries | None" = None,
    agents: "AgentEnds | None" = None,
    asked: AskedQuestions | None = None,
    usages: UsageFiles | None = None,
    outputs: Callable[[str], Outputs] = lambda task: (),
) -> History:
    """Brings the state to rest after whatever happened to the last session, and reads it.

    Ends that could not be written are recorded, processes that were left behind are killed, and their attempts
    count as stopped. Only to be called with the lock held. Of ``deliveries``, ``agents`` and ``asked``
    it counts what they report of their ends, of ``usages`` what attempts have used.

    Raises:
        RunError: a process that was left behind cannot be killed, or there is no room for what was spilled.
    """
    record = AttemptLog(store, spill)
    if record.spilled and not record.write():
        raise RunError(f"what is in {spill.path} cannot be written to the state: {record.trouble}")
    rows = store.attempts()
    running = [row for row in rows if row.phase == RUNNING]
    if rows:
        left = clean_up(store.run_id, running)
        if left:
            raise RunError(f"processes of an earlier run cannot be stopped: {', '.join(map(str, left))}")
    if running:
        store.write([row._replace(phase=STOPPED, ended=now, reason=INTERRUPTED) for row in running])
        rows = store.attempts()
    if deliveries:
        rows = [deliveries.reported(row) for row in rows]
    if agents:
        rows = [agents.reported(row) for row in rows]
    if asked:
        last = {row.key.task: row.key for row in in_order(rows) if row.key.is_task}
        rows = [asked.reported(row, is_last=last.get(row.key.task) == row.key) for row in rows]
    commit = deliveries.commit if deliveries else None
    if usages:
        usages.take_last(rows)
    return _read(rows, store.sessions(), now, commit, agents, asked, usages, outputs)


def attempt_of(
    row: AttemptRow,
    now: float,
    commit: str | None = None,
    agents: "AgentEnds | None" = None,
    question: str = "",
    usages: UsageFiles | None = None,
    outputs: Callable[[str], Outputs] = lambda task: (),
) -> Attempt:
    """A row as the planner sees it, with the commit that its work landed as, what ``agents`` and ``usages`` know of it,
    and what it asks.

    One that has succeeded has the outputs of its task.

    What lies in the future, after the clock was put back, counts as now.
    """
    running = row.phase == RUNNING
    used = agents.usage(row.key) if agents else None
    reported = usages.usage(row.key) if usages else None
    usage = used.completed_by(reported) if used else reported
    ended = None if row.ended is None else min(row.ended, now)
    started = min(row.started, now) if ended is None else min(row.started, ended)
    return Attempt(
        row.key.attempt,
        PHASES[row.phase],
        running,
        False,
        started,
        ended,
        row.reason,
        row.exit_code,
        commit=commit,
        retry_at=agents.retry_at(row) if agents else None,
        fallback=agents.fallback(row) if agents else None,
        claim=usages.claim(row.key) if usages and usage and not running else None,
        usage=usage,
        question=question,
        step=row.key.step,
        outputs=outputs(row.key.task) if row.phase == SUCCEEDED and row.key.is_task else (),
    )


def _read(
    rows: Sequence[AttemptRow],
    sessions: Sequence[SessionRow],
    now: float,
    commit: Callable[[AttemptRow], str | None] | None,
    agents: "AgentEnds | None",
    asked: AskedQuestions | None,
    usages: UsageFiles | None,
    outputs: Callable[[str], Outputs],
) -> History:
    attempts: dict[str, list[Attempt]] = {}
    failed: dict[str, int] = {}
    for row in in_order(rows):
        if not row.key.is_task:
            continue
        task = row.key.task
        landed, question = commit(row) if commit else None, asked.text(row) if asked else ""
        attempts.setdefault(task, []).append(attempt_of(row, now, landed, agents, question, usages, outputs))
        failed.pop(task, None)
        if row.phase in (FAILED, StepVerdict.REJECTED):
            failed[task] = row.key.attempt
    lengths = [max(0.0, session.ended - session.started) for session in sessions]
    open_since = 1 + max((i for i, session in enumerate(sessions) if session.completed), default=-1)
    last = sessions[-1] if sessions else SessionRow(now, now, False)
    peak = _peak([row for row in rows if row.key.is_task])
    return History(attempts, failed, peak, sum(lengths), sum(lengths[open_since:]), last.ended, last.completed)


def in_order(rows: Iterable[AttemptRow]) -> list[AttemptRow]:
    """The attempts of each task by their numbers, which count all its steps."""
    return sorted(rows, key=lambda row: (row.key.task, row.key.attempt))


def _peak(rows: Sequence[AttemptRow]) -> int:
    changes = [(row.started, 1) for row in rows] + [(row.ended, -1) for row in rows if row.ended]
    peak = level = 0
    for _, change in sorted(changes):
        level += change
        peak = max(peak, level)
    return peak
