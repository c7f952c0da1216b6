"""The loop of a local run: see what has happened, ask the planner, carry out what it says.

It decides nothing by itself. It is done when the planner says so, when nothing can move any more, or when it
was interrupted and all that ran has ended.
"""

import selectors
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.hooks.hook_runs import rows_by_occasion
from parallelproject.core.hooks.phases import phases
from parallelproject.core.planner.attempt import NEW, Attempt, Phase
from parallelproject.core.planner.claim import claim_of
from parallelproject.core.planner.constraints.waits import backoff_ends
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.core.planner.step_at import step_at
from parallelproject.core.report.changes import Event, What, changes, need_event
from parallelproject.core.report.readings import PlanReading
from parallelproject.core.steps.step import StepVerdict
from parallelproject.local.engine.board import Board, BoardView, Running
from parallelproject.local.engine.command import Command
from parallelproject.local.engine.earlier_sessions import History
from parallelproject.local.engine.executor import ProcessExecutor
from parallelproject.local.engine.inbox import Inbox
from parallelproject.local.engine.resume import Basis
from parallelproject.local.engine.signals import Interrupts
from parallelproject.local.engine.state_outage import Trouble
from parallelproject.local.errors import RunError
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.store import FAILED, AttemptRow
from parallelproject.local.state.usage_files import UsageFiles
from parallelproject.local.supervisor.handle import Processes, Report
from parallelproject.local.workspace.sandbox import Bubblewrap
from parallelproject.model.spec import FailurePolicy, Spec
from parallelproject.model.status import TaskState
from parallelproject.model.work import WorkKey, WorkKind

if TYPE_CHECKING:
    from parallelproject.local.agents.ends import AgentEnds
    from parallelproject.local.delivery.attempts import Deliveries
    from parallelproject.local.hooks.local_hooks import LocalHooks
    from parallelproject.local.review.record import LocalFeedback
    from parallelproject.local.verification.checks import LocalVerification


_ATTEMPT_ENDS = frozenset({What.SUCCEEDED, What.FAILED, What.STOPPED, What.STEP_PASSED, What.STEP_REJECTED})
_ENDS = frozenset({What.SKIPPED, What.LEVEL_COMPLETED, What.COMPLETED})


class RunEnd(Enum):
    """Why the loop ended."""

    COMPLETED = auto()
    INTERRUPTED = auto()
    SUSPENDED = auto()
    EXHAUSTED = auto()
    """All that is left waits for a larger budget."""
    TROUBLE = auto()
    """The state cannot be written."""


class Engine:
    """One session of a run."""

    def __init__(
        self,
        board: Board,
        ledger: Ledger,
        history: History,
        commands: Mapping[str | None, Command],
        directory: StateDirectory,
        processes: Processes,
        interrupts: Interrupts,
        view: BoardView,
        grace: float,
        basis: Basis,
        inbox: Inbox,
        deliveries: "Deliveries | None" = None,
        agents: "AgentEnds | None" = None,
        verification: "LocalVerification | None" = None,
        sandbox: Bubblewrap | None = None,
        usages: UsageFiles | None = None,
        hooks: "LocalHooks | None" = None,
        review: "LocalFeedback | None" = None,
    ) -> None:
        self._board = board
        self._basis = basis
        self._inbox = inbox
        self._is_held = False  # suspended by request: it waits for resume
        self._graph: CompiledGraph = board.graph
        self._interrupted = False
        self._clock = board.clock
        self.ledger = ledger
        """What is known of the tasks."""
        self._observed: dict[str, list[Attempt]] = {}
        self.failed = dict(history.failed)
        """By task, the number of its last attempt, if that failed or rejected the work."""
        self._executor = ProcessExecutor(
            board, commands, directory, grace, deliveries, agents, verification, sandbox, usages, review
        )
        self._directory = directory
        self._processes = processes
        self._interrupts = interrupts
        self._view = view
        self._grace = grace
        self._deliveries = deliveries
        self._agents = agents
        self._usages = usages
        self._verification = verification
        self._hooks = hooks
        self._spec = self._with_stop(board.spec)
        self._ended: list[AttemptRow] = []
        self._stopping: set[WorkKey] = set()  # runs of checks and hooks that were asked to end
        self._reading = self._reading_of(board.plan) if board.plan else None
        self._trouble = Trouble()
        self._again = True  # whether to plan
        self._selector = selectors.DefaultSelector()
        self._selector.register(processes.channel, selectors.EVENT_READ)
        self._selector.register(interrupts, selectors.EVENT_READ)

    def run(self) -> RunEnd:
        """Runs to the end.

        Raises:
            SupervisorLostError: the supervisor died.
        """
        wake_at: float | None = None
        self._inbox.mark()
        self._say_requests()
        if self._reading:
            found = self._reading.plan
            self._view.take(self._board, [*changes(None, self._reading), *self._skipped(found), *self._waiting(found)])
        while True:
            if self._again or (wake_at is not None and self._clock.now() >= wake_at):
                wake_at = self._plan().wake_at
            end = self._end()
            if end:
                return end
            self._wait(wake_at)
            self._hear()

    @property
    def in_trouble(self) -> bool:
        """Whether the state cannot be written."""
        return self._trouble.what is not None

    def catch_up(self, history: History) -> None:
        """Takes note of what is written down, once the supervisor is gone and all is at rest."""
        self.failed = dict(history.failed)
        self._board.running.clear()
        decided = plan(self._graph, self._spec, self.ledger, history.attempts, self._clock.now())
        self.ledger = decided.ledger
        self._board.update(decided)

    def _plan(self) -> Plan:
        self._again = False
        now = self._clock.now()
        decided = plan(self._graph, self._with_checks_counted(self._spec), self.ledger, self._observed, now)
        self.ledger = decided.ledger
        self._board.update(decided)
        for row in self._ended:
            self._observed.pop(row.key.task, None)
        if decided.stops:
            stopped = [(WorkKey.of_task(s.id, s.attempt.number, s.attempt.step), s.why) for s in decided.stops]
            self._processes.stop(stopped, self._grace)
            for stop in decided.stops:
                self._observed[stop.id] = [stop.attempt._replace(stopping=True)]
        if not self._trouble.what:
            self._launch(decided, decided.acting)
            if not decided.launches:
                self._all_well()
        if self._hooks:
            self._run_hooks(self._hooks, decided)
        self._tell(decided, now)
        if self._verification:
            self._verify(self._verification, decided)
        return decided

    def _run_hooks(self, hooks: "LocalHooks", decided: Plan) -> None:
        """Starts the hooks that are due; stops all of a run that is stopped."""
        if decided.stopped:
            self._stop_runs(hooks.running, str(decided.stopped))
        elif decided.hooks and not self._trouble.what:
            now = self._clock.now()
            try:
                orders = hooks.launch(decided)
            except OSError as error:
                self._cannot_write(f"cannot write {error.filename or self._directory.path}: {error.strerror}")
                return
            for order in orders:
                self._board.hooks_running[hooks.words(order.key)] = Running(order.key.attempt, now, order.log)
            self._processes.start(orders)
        self._note_hooks(hooks)

    def _note_hooks(self, hooks: "LocalHooks") -> None:
        """Takes note of where the hooks stand."""
        self.ledger = replace(self.ledger, hooks=hooks.progress)
        self._board.hooks = hooks.report

    def _stop_runs(self, keys: Sequence[WorkKey], why: str) -> None:
        """Stops runs of checks or hooks, each once."""
        stopping = [(key, why) for key in keys if key not in self._stopping]
        self._processes.stop(stopping, self._grace)
        self._stopping.update(key for key, _ in stopping)

    def _verify(self, verification: "LocalVerification", decided: Plan) -> None:
        """Does what follows for the verification of what has landed."""
        try:
            if verification.heed(self._spec.retries):
                self._take_record(verification)
                return
            slots = 0 if self._spec.suspend else self._spec.parallelism - decided.running - decided.hook_slots
            found = verification.round(self._graph, decided, slots)
        except OSError as error:
            self._cannot_write(f"cannot write {error.filename or self._directory.path}: {error.strerror}")
            return
        stopping = [key for key in found.stops if key not in self._stopping]
        if stopping:
            self._processes.stop([(key, str(decided.stopped or "Removed")) for key in stopping], self._grace)
            self._stopping.update(stopping)
        self._board.verified = verification.condition
        if found.orders:
            self._processes.start(found.orders)
        if found.notice:
            self._view.say(found.notice)
            self._view.take(self._board, [])
        if found.has_changed:
            self._take_record(verification)

    def _take_record(self, verification: "LocalVerification") -> None:
        """Goes by the new record of the verification."""
        self._graph = self._board.graph = verification.graph(self._graph)
        self._basis = replace(self._basis, graph=verification.graph(self._basis.graph))
        self.ledger = replace(self.ledger, verified=verification.verified)
        self._spec = self._with_stop(self._spec)
        self._again = True

    def _with_checks_counted(self, spec: Spec) -> Spec:
        """The spec with the slots that runs of checks leave to tasks."""
        held = len(self._verification.running) if self._verification else 0
        return spec.model_copy(update={"parallelism": max(0, spec.parallelism - held)}) if held else spec

    def _tell(self, decided: Plan, now: float) -> None:
        """Gives the views what has happened since the plan before."""
        reading = self._reading_of(decided)
        rows = {(row.key.task, row.key.attempt): row for row in self._ended}
        self._ended = []
        before, self._reading = self._reading, reading
        found = [self._known_here(event, rows, now) for event in changes(before, reading)]
        if self._interrupted:  # what is stopped by that is not over
            found = [event for event in found if event.what not in _ENDS]
        if found:
            self._view.take(self._board, found)

    def _reading_of(self, decided: Plan) -> PlanReading:
        """The state after a plan, as events are derived from it."""
        asked = {task: running.number for task, running in self._board.running.items()}
        found = self._board.hooks
        return PlanReading(
            self._graph,
            decided,
            asked,
            [row.key.task for row in self._ended],
            rows_by_occasion(list(found.rows)) if found else {},
            phases(self._graph, self._board.spec, decided, asked),
            self._board.verified,
        )

    def _skipped(self, decided: Plan) -> list[Event]:
        """The tasks that do not run in this session from its beginning on, as reported in each session."""
        tasks = zip(self._graph.ids, decided.states, decided.reasons, strict=True)
        return [Event(What.SKIPPED, id, reason=why or "") for id, state, why in tasks if state is TaskState.SKIPPED]

    def _waiting(self, decided: Plan) -> list[Event]:
        """The tasks that wait for a person from its beginning on."""
        records, ids = decided.ledger.records, self._graph.ids
        return [need_event(ids[i], reason, records.get(ids[i], NEW)) for i, reason in decided.people.items()]

    def _launch(self, decided: Plan, acting: Mapping[str | None, str]) -> None:
        orders = []
        now = self._clock.now()
        for task, number in decided.launches:
            at = step_at(self._graph, self._spec, task, self.ledger.records.get(self._graph.ids[task], NEW))
            fallback = at.fallback(self._graph.role_at(task, at.name), acting)
            claim = claim_of(self._graph, task, fallback)._replace(slots=1) if fallback else None
            try:
                order = self._executor.task(task, number, self.ledger.records, self.failed, fallback)
            except OSError as error:
                self._cannot_write(f"cannot write {error.filename or self._directory.path}: {error.strerror}")
                break
            orders.append(order)
            self._observed[order.key.task] = [
                Attempt(
                    number, Phase.LAUNCHING, running=True, started=now, claim=claim, fallback=fallback,
                    step=order.key.step,
                )
            ]  # fmt: skip
            self._board.running[order.key.task] = Running(number, now, order.log, order.key.step)
        if orders:
            self._processes.start(orders)

    def _end(self) -> RunEnd | None:
        """Whether it is over."""
        if self._observed or self._again or self._others:
            return None
        if self._interrupted:
            return RunEnd.INTERRUPTED
        if self._trouble.hopeless:
            return RunEnd.TROUBLE
        if self._trouble.what:
            return None
        if self._heed(at_once=True):
            return None
        if self._board.plan and self._board.plan.completed:
            return RunEnd.COMPLETED
        if self._board.plan and self._board.plan.is_exhausted:
            return RunEnd.EXHAUSTED
        return RunEnd.SUSPENDED if self._spec.suspend and not self._is_held else None

    @property
    def _others(self) -> list[WorkKey]:
        """The runs of checks and hooks that have not ended."""
        of_checks = self._verification.running if self._verification else []
        return [*of_checks, *(self._hooks.running if self._hooks else [])]

    def _wait(self, wake_at: float | None) -> None:
        """Sleeps until something happens, is due, or wants to be drawn."""
        times = [self._view.draw(), self._trouble.next_time, self._inbox.wait()]
        if wake_at is not None:
            times.append(wake_at - self._clock.now())
        if self._again:  # the last look at the end has found a request
            times.append(0.0)
        timeout = min((t for t in times if t is not None), default=None)
        if self._processes.channel.waiting:
            self._selector.modify(self._processes.channel, selectors.EVENT_READ | selectors.EVENT_WRITE)
        else:
            self._selector.modify(self._processes.channel, selectors.EVENT_READ)
        self._selector.select(None if timeout is None else max(0.0, timeout))
        self._processes.channel.flush()

    def _hear(self) -> None:
        """Takes in what the supervisor, the terminal and other commands say."""
        self._heed()
        report = self._processes.receive()
        if report:
            self._take(report)
        for _ in range(self._interrupts.new()):
            self._again = True
            if not self._interrupted:
                self._interrupted = self._board.interrupted = True
                self._spec = self._with_stop(self._spec)
                if running := self._running_words():
                    self._say(f"stopping {running}, at most {self._grace:g} s; Ctrl-C again kills at once")
            else:
                self._processes.kill("Stopped")
        if self._trouble.probe():
            self._processes.probe()

    def _running_words(self) -> str:
        """What runs, in words: ``2 running tasks``; empty if nothing does."""
        counts = {"task": len(self._observed), "hook": len(self._hooks.running) if self._hooks else 0}
        parts = [f"{count} running {what}{'' if count == 1 else 's'}" for what, count in counts.items() if count]
        return " and ".join(parts)

    def _heed(self, *, at_once: bool = False) -> bool:
        """Takes in what was asked of the run; whether that is something new."""
        asked = self._inbox.news(at_once=at_once)
        if self._inbox.trouble:
            self._say(self._inbox.trouble)
            self._inbox.trouble = None
        if asked is None:
            self._inbox.mark()
            return False
        self._inbox.mark()  # first: a run that is killed now has stopped as well
        try:
            self._graph, self._spec = self._basis.with_requests(asked)
        except RunError as error:
            self._say(str(error))
            return False
        self._board.heed(asked, self._graph, self._spec)
        self._spec = self._with_stop(self._spec)
        self._again = True
        self._view.take(self._board, [])
        self._say_requests()
        return True

    def _with_stop(self, spec: Spec) -> Spec:
        """The spec of a run that is stopped, if this one is: by a person, or since what has landed is broken."""
        is_broken = self._board.is_broken = self._verification is not None and self._verification.is_stopped
        return spec.model_copy(update={"stop": True}) if self._interrupted or is_broken else spec

    def _say_requests(self) -> None:
        """Says what holds the run back because somebody has asked for it, and when nothing does any more."""
        was_held, self._is_held = self._is_held, self._board.suspend_requested
        if self._board.stop_requested:
            self._say("stopping, as requested: running tasks are stopped, and the run ends")
        elif self._is_held and not was_held:
            self._say("suspended, as requested: running tasks finish, no new ones start until pproj resume")
        elif was_held and not self._is_held:
            self._view.say("resumed, as requested")
            self._board.notice = None

    def _take(self, report: Report) -> None:
        for row in report.started:
            if not row.key.is_task:
                continue
            task, number = row.key.task, row.key.attempt
            running = self._observed.get(task)
            if running and running[0].number == number:
                self._observed[task] = [running[0]._replace(phase=Phase.ACTIVE, started=row.started)]
                # A start changes nothing, unless it was to be stopped and could not be yet.
                stopped = self._board.plan is not None and self._board.plan.stopped is not None
                self._again |= stopped or self._spec.failure_policy is FailurePolicy.FAIL_FAST
        for ended in report.ended:
            if not ended.key.is_task:
                self._other_ended(ended)
                continue
            row = self._executor.ended(ended)
            self._observed[row.key.task] = [self._executor.attempt(row, self._clock.now())]
            self._board.running.pop(row.key.task, None)
            self._ended.append(row)
            if row.phase in (FAILED, StepVerdict.REJECTED):
                self.failed[row.key.task] = row.key.attempt
            elif row.phase in (StepVerdict.HELD, StepVerdict.PASSED):
                self.failed.pop(row.key.task, None)
            self._again = True
        for key in report.refused:
            if self._verification and key.kind is WorkKind.VERIFY:
                self._verification.refused(key)
            if self._hooks and key.kind is WorkKind.HOOK:
                self._hooks.refused(key)
                self._board.hooks_running.pop(self._hooks.words(key), None)
                self._note_hooks(self._hooks)
            self._executor.refused(key)
            self._observed.pop(key.task, None)
            self._board.running.pop(key.task, None)
            self._again = True
        if report.trouble:
            self._cannot_write(report.trouble)
        elif self._trouble.what:
            self._trouble.try_again()
            self._again = True
        elif report.started:
            self._all_well()

    def _other_ended(self, row: AttemptRow) -> None:
        """A run of a check or of a hook has ended."""
        self._stopping.discard(row.key)
        if self._verification and row.key.kind is WorkKind.VERIFY:
            self._verification.take(row)
        if self._hooks and row.key.kind is WorkKind.HOOK:
            self._hooks.take(row)
            self._board.hooks_running.pop(self._hooks.words(row.key), None)
            self._note_hooks(self._hooks)
        self._again = True

    def _cannot_write(self, what: str) -> None:
        if self._trouble.found(what):
            self._say(f"{what}; running tasks continue; nothing new starts until that is fixed")

    def _all_well(self) -> None:
        if self._trouble.over():
            self._board.notice = None
            self._view.say("the state can be written again: tasks start")

    def _say(self, notice: str) -> None:
        self._board.notice = notice
        self._view.say(notice)

    def _known_here(self, event: Event, rows: Mapping[tuple[str, int], AttemptRow], now: float) -> Event:
        """An event with what only this machine knows of it."""
        if event.hook and self._hooks:
            return self._hooks.known(event)
        if not event.number:
            return event
        log = self._directory.log(event.task, event.number)
        row = rows.get((event.task, event.number))
        if row is None or event.what not in _ATTEMPT_ENDS:
            running = self._board.running.get(event.task)
            step = running.step if running and running.number == event.number else event.step
            return event._replace(log=log, step=step)
        took, reason = (row.ended or now) - row.started, row.reason or event.reason
        event = event._replace(took=took, log=log, reason=reason, step=row.key.step)
        deliveries = self._deliveries
        if event.what is What.SUCCEEDED:
            nothing = bool(deliveries and deliveries.changed_nothing(row))
            return event._replace(reason="", exit_code=None, changed_nothing=nothing, notes=self._notes(row))
        if event.what in (What.STEP_PASSED, What.STEP_REJECTED):
            return event._replace(exit_code=row.exit_code, notes=self._notes(row))
        if event.what is What.STOPPED:
            return event
        if deliveries and deliveries.is_reported_by_another(row):
            return event._replace(what=What.STOPPED)
        i = self._graph.index[event.task]
        again = None
        is_open = self._board.plan and self._board.plan.states[i] in (TaskState.PENDING, TaskState.RUNNING)
        if is_open and not self.ledger.records[event.task].inquiry.attempt:
            again = max(0.0, backoff_ends(self._graph, self._spec, i, self.ledger.records[event.task]) - now)
        return event._replace(exit_code=row.exit_code, again_in=again, notes=self._notes(row))

    def _notes(self, row: AttemptRow) -> tuple[str, ...]:
        """What an attempt left that did not land, what its agent says of its end, and what of its usage does not
        count."""
        left = self._deliveries.notes(row) if self._deliveries else ()
        uncounted = self._usages.trouble(row.key) if self._usages else ""
        said = self._agents.notes(row) if self._agents else ()
        return (*left, *said, *([uncounted] if uncounted else []))
