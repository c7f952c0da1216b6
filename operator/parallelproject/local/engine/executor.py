"""Attempts as processes of this machine: what one is started as, and what its end means. It starts nothing itself.

The counterpart of what an executor of a cluster is (``executors.base.executor``): there an attempt is an object of an
API server, here it is an order to the supervisor and a row in the state. The supervisor starts and stops it.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from parallelproject.core.planner.attempt import NEW, Attempt, Record
from parallelproject.core.planner.step_at import StepAt, step_at
from parallelproject.executors.base.task_file import described_by, environment, task_document
from parallelproject.local.agents.call import AgentCall, note_call
from parallelproject.local.agents.prompts import write_prompt
from parallelproject.local.delivery.step_order import StepOrder
from parallelproject.local.engine.asked import AskedQuestions
from parallelproject.local.engine.board import Board
from parallelproject.local.engine.command import Command, step_command
from parallelproject.local.engine.earlier_sessions import attempt_of
from parallelproject.local.state import workspaces
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.store import AttemptRow
from parallelproject.local.state.usage_files import UsageFiles
from parallelproject.local.supervisor.handle import Order
from parallelproject.local.workspace.ports import PortLeases
from parallelproject.local.workspace.sandbox import Bubblewrap
from parallelproject.model import names
from parallelproject.model.agents import AgentType
from parallelproject.model.trace_context import attempt_context
from parallelproject.model.work import WorkKey

if TYPE_CHECKING:
    from parallelproject.local.agents.ends import AgentEnds
    from parallelproject.local.delivery.attempts import Deliveries
    from parallelproject.local.review.current import CurrentRepair
    from parallelproject.local.review.record import LocalFeedback
    from parallelproject.local.verification.checks import LocalVerification


class ProcessExecutor:
    """Runs attempts as processes."""

    def __init__(
        self,
        board: Board,
        commands: Mapping[str | None, Command],
        directory: StateDirectory,
        grace: float,
        deliveries: "Deliveries | None" = None,
        agents: "AgentEnds | None" = None,
        verification: "LocalVerification | None" = None,
        sandbox: Bubblewrap | None = None,
        usages: UsageFiles | None = None,
        review: "LocalFeedback | None" = None,
    ) -> None:
        """Prepares it.

        Args:
            board: The run.
            commands: By role, what runs a task.
            directory: Where attempts work, and their logs are.
            grace: Seconds that an attempt has after it was asked to end.
            deliveries: Lands the work of attempts, where there is a repository.
            agents: Says how attempts of agents ended, where there are any.
            verification: Knows which tasks repair what they have landed.
            sandbox: What commands run in, if anything.
            usages: Keeps what attempts report that they have used.
            review: Knows which tasks act on feedback on what they have landed.
        """
        self._board = board
        self._commands = commands
        self._directory = directory
        self._grace = grace
        self._deliveries = deliveries
        self._agents = agents
        self._verification = verification
        self._sandbox = sandbox
        self._ports = PortLeases(board.spec.workspace.ports, str(directory.path))
        self._asked = AskedQuestions(directory, are_taken_before=deliveries is not None)
        self._usages = usages
        self._review = review

    def task(
        self,
        task: int,
        number: int,
        records: Mapping[str, Record],
        failed: Mapping[str, int],
        fallback: str | None = None,
    ) -> Order:
        """Writes what an attempt is to find, and says how it is started.

        Args:
            task: The task, as its number in the graph.
            number: Of the attempt.
            records: By task id; at least those of the task's dependencies.
            failed: By task id, the number of its last attempt that failed.
            fallback: The role that runs it in place of the role of the task.

        Raises:
            OSError: it cannot be written.
        """
        graph, directory = self._board.graph, self._directory
        task_id = graph.ids[task]
        record = records.get(task_id, NEW)
        at = step_at(graph, self._board.spec, task, record)
        key = WorkKey.of_task(task_id, number, at.name)
        own_role = graph.role_at(task, at.name)
        outputs = {graph.ids[p]: directory.output_files(graph.ids[p]) for p in graph.parents[task]}
        role = fallback or own_role
        described = described_by(self._board.spec, own_role, fallback)
        document = task_document(self._board.name, graph, task, number, records, outputs, described, fallback)
        document |= {"role": role} | at.described()
        ports = self._ports.take(key)
        if ports:
            document["ports"] = ports
        directory.prepare(task_id, number, document, folders=self._deliveries is None)
        workspace = self._deliveries.workspace(task_id, number) if self._deliveries else directory.workspace(task_id)
        own = environment(self._board.name, graph, task, number, records, fallback) | workspaces.environment(
            workspace, str(directory.path), os.environ
        )
        own |= {
            names.ENV_TASK_FILE: directory.task_file(task_id, number),
            names.ENV_WORKSPACE: workspace,
            names.ENV_OUTPUTS: directory.outputs(task_id, at.name),
            names.ENV_ROLE: role or "",
            names.ENV_STEP: at.name,
            names.ENV_ROUND: str(at.standing.round),
        }
        repair = self._repair(task_id)
        floor = repair.floor if repair else 0
        before = max(failed.get(task_id, 0), floor)  # the attempt that this one follows
        if names.ENV_TRACEPARENT not in os.environ:  # else spans belong to the trace of who called us
            own[names.ENV_TRACEPARENT] = attempt_context(self._board.run_id, task_id, number).traceparent
        own |= {names.port_variable(i): str(port) for i, port in enumerate(ports)}
        command = self._command(at, role)
        call, session = command.agent, None
        if call:
            call = call._replace(fallback=fallback, step=at.name)
        if repair and call:  # whether it is repaired is what the checks say: somebody else may have corrected it
            call = call._replace(may_change_nothing=True)
        resumed = before if before and not self._is_rejection(record, before) else at.resumed(record)
        if self._agents and call and command.resuming and resumed:
            session = self._agents.session(task_id, resumed, call, has_steps=at.has_steps)
        found = self._feedback(task_id, before, repair, at, record)
        known = resumed - 1 if session else 0  # a session knows the answers to the questions before
        kept = self._deliveries.kept(task_id, before) if self._deliveries and before else ""
        if feedback := self._asked.feedback(self._board.spec, task_id, number, found, known, kept):
            own[names.ENV_FEEDBACK] = feedback
        if session:
            call, own[names.ENV_SESSION] = session.call, session.argument
        if self._agents:
            note_call(directory.path, task_id, number, call)
        if call:
            prompt = own[names.ENV_PROMPT_FILE] = directory.prompt_file(task_id, number)
            resumed_in = workspace if session else None
            write_prompt(prompt, document, self._board.spec.prompt, own[names.ENV_OUTPUTS], feedback, resumed_in)
        argv, env = command.resolve(own, resumes=session is not None)
        deadline = graph.tasks[task].active_deadline_seconds or self._board.spec.defaults.active_deadline_seconds
        deadline = (at.step.deadline_seconds if at.step else None) or deadline
        sandbox = self._in_sandbox(own, call)
        order = Order(
            key=key,
            argv=argv if self._deliveries else [*sandbox, *argv],
            env=env,
            cwd=workspace,
            log=directory.log(task_id, number),
            deadline=deadline,
            grace=self._grace,
        )
        if self._deliveries is None:
            return order
        step = StepOrder(at.name, at.is_gate, at.standing.is_last) if at.has_steps else None
        if at.only_lands:
            order = order._replace(argv=[])
        return self._deliveries.order(
            graph, task, order, call, sandbox, repair.number if repair else 0, step, at.standing.work
        )

    def _repair(self, task: str) -> "CurrentRepair | None":
        if self._verification is None and self._review is None:
            return None
        from parallelproject.local.review.current import current_repair  # here, because few runs need it

        return current_repair(task, self._verification, self._review)

    def _command(self, at: StepAt, role: str | None) -> Command:
        """What runs a step."""
        if at.step and at.command:
            return step_command(self._board.spec, at.step, role)
        return self._commands[role]

    @staticmethod
    def _is_rejection(record: Record, number: int) -> bool:
        """Whether an attempt was that of a gate that rejected the work."""
        return bool(record.steps) and record.steps[-1].attempt == number

    def _in_sandbox(self, own: Mapping[str, str], call: AgentCall | None) -> list[str]:
        """The words before a command by which it runs in the sandbox, if there is one."""
        if self._sandbox is None:
            return []
        agent = AgentType(call.type) if call else None
        return self._sandbox.prefix(own, str(self._directory.path), agent, os.environ)

    def refused(self, key: WorkKey) -> None:
        """Takes note that an attempt was not started."""
        self._ports.release(key)

    def ended(self, row: AttemptRow) -> AttemptRow:
        """How an attempt ended that the supervisor has seen end: by its own account where its work was to land."""
        self._ports.release(row.key)
        row = self._deliveries.reported(row) if self._deliveries else row
        row = self._asked.reported(self._agents.reported(row) if self._agents else row)
        if self._usages:
            self._usages.take(row)
        return row

    def attempt(self, row: AttemptRow, now: float) -> Attempt:
        """The state of an attempt that has ``ended``.

        Args:
            row: The attempt.
            now: Seconds since the epoch.
        """
        question, outputs = self._asked.text(row), self._directory.output_values
        return attempt_of(row, now, self.commit(row), self._agents, question, self._usages, outputs)

    def commit(self, row: AttemptRow) -> str | None:
        """The commit that an attempt's work landed as."""
        return self._deliveries.commit(row) if self._deliveries else None

    def _feedback(
        self, task: str, number: int, repair: "CurrentRepair | None", at: StepAt, record: Record
    ) -> str | None:
        """The file that says why the attempt before failed, what its landed work breaks or lacks, or why a gate has
        rejected it; None: there was none.
        """
        report = at.reported(record)
        failed = self._failure(task, number) if number > max(report, repair.floor if repair else 0) else None
        broken = None
        if repair and self._deliveries and not at.is_gate:
            broken = repair.feedback(number, self._deliveries.shows(task, repair.floor), None if report else failed)
        if report and self._deliveries:
            return self._deliveries.report_of_gate(task, report, failed, by_itself=at.is_gate, broken=broken)
        return broken or failed

    def _failure(self, task: str, number: int) -> str:
        """The file that says why an attempt failed."""
        if self._agents and not (self._deliveries and self._deliveries.has_feedback(task, number)):
            kept = self._deliveries.kept(task, number) if self._deliveries else ""
            found = self._agents.feedback(task, number, kept)
            if found:
                return found
        return self._deliveries.feedback(task, number) if self._deliveries else self._directory.log(task, number)
