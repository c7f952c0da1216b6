"""Attempts as processes of this machine: what one is started as, and what its end means. It starts nothing itself.

The counterpart of what an executor of a cluster is (``executors.base.executor``): there an attempt is an object of an
API server, here it is an order to the supervisor and a row in the state. The supervisor starts and stops it.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from parallelproject.core.planner.attempt import Attempt, Record
from parallelproject.executors.base.task_file import environment, task_document
from parallelproject.local.agents.call import AgentCall, note_call
from parallelproject.local.agents.prompts import write_prompt
from parallelproject.local.engine.board import Board
from parallelproject.local.engine.command import Command
from parallelproject.local.engine.earlier_sessions import attempt_of
from parallelproject.local.state import workspaces
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.store import AttemptRow
from parallelproject.local.supervisor.handle import Order
from parallelproject.local.workspace.ports import PortLeases
from parallelproject.local.workspace.sandbox import Bubblewrap
from parallelproject.model import names
from parallelproject.model.agents import AgentType
from parallelproject.model.work import WorkKey

if TYPE_CHECKING:
    from parallelproject.local.agents.ends import AgentEnds
    from parallelproject.local.delivery.attempts import Deliveries


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
        sandbox: Bubblewrap | None = None,
    ) -> None:
        """Prepares it.

        Args:
            board: The run.
            commands: By role, what runs a task.
            directory: Where attempts work, and their logs are.
            grace: Seconds that an attempt has after it was asked to end.
            deliveries: Lands the work of attempts, where there is a repository.
            agents: Says how attempts of agents ended, where there are any.
            sandbox: What commands run in, if anything.
        """
        self._board = board
        self._commands = commands
        self._directory = directory
        self._grace = grace
        self._deliveries = deliveries
        self._agents = agents
        self._sandbox = sandbox
        self._ports = PortLeases(board.spec.workspace.ports, str(directory.path))

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
        outputs = {graph.ids[p]: directory.output_files(graph.ids[p]) for p in graph.parents[task]}
        role = fallback or graph.role[task]
        described = self._board.spec.role(role)
        if fallback and described and not (described.instructions or described.skills):
            described = self._board.spec.role(graph.role[task])  # the work is the same
        document = task_document(self._board.name, graph, task, number, records, outputs, described)
        document["role"] = role
        ports = self._ports.take(WorkKey.of_task(task_id, number))
        if ports:
            document["ports"] = ports
        directory.prepare(task_id, number, document, folders=self._deliveries is None)
        workspace = self._deliveries.workspace(task_id, number) if self._deliveries else directory.workspace(task_id)
        own = environment(self._board.name, graph, task, number) | workspaces.environment(
            workspace, str(directory.path), os.environ
        )
        own |= {
            names.ENV_TASK_FILE: directory.task_file(task_id, number),
            names.ENV_WORKSPACE: workspace,
            names.ENV_OUTPUTS: directory.outputs(task_id),
            names.ENV_ROLE: role or "",
        }
        own |= {names.port_variable(i): str(port) for i, port in enumerate(ports)}
        if task_id in failed:
            own[names.ENV_FEEDBACK] = self._feedback(task_id, failed[task_id])
        command = self._commands[role]
        call, session = command.agent, None
        if fallback and call:
            call = call._replace(fallback=fallback)
        if self._agents and call and command.resuming and task_id in failed:
            session = self._agents.session(task_id, failed[task_id], call)
        if session:
            call, own[names.ENV_SESSION] = session.call, session.argument
        if self._agents:
            note_call(directory.path, task_id, number, call)
        if call:
            prompt = own[names.ENV_PROMPT_FILE] = directory.prompt_file(task_id, number)
            feedback, resumed_in = own.get(names.ENV_FEEDBACK), workspace if session else None
            write_prompt(prompt, document, self._board.spec.prompt, own[names.ENV_OUTPUTS], feedback, resumed_in)
        argv, env = command.resolve(own, resumes=session is not None)
        deadline = graph.tasks[task].active_deadline_seconds or self._board.spec.defaults.active_deadline_seconds
        sandbox = self._in_sandbox(own, call)
        order = Order(
            key=WorkKey.of_task(task_id, number),
            argv=argv if self._deliveries else [*sandbox, *argv],
            env=env,
            cwd=workspace,
            log=directory.log(task_id, number),
            deadline=deadline,
            grace=self._grace,
        )
        return self._deliveries.order(graph, task, order, call, sandbox) if self._deliveries else order

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
        return self._agents.reported(row) if self._agents else row

    def attempt(self, row: AttemptRow, now: float) -> Attempt:
        """Where an attempt stands that has ``ended``.

        Args:
            row: The attempt.
            now: Seconds since the epoch.
        """
        return attempt_of(row, now, self.commit(row), self._agents)

    def commit(self, row: AttemptRow) -> str | None:
        """The commit that an attempt's work landed as."""
        return self._deliveries.commit(row) if self._deliveries else None

    def _feedback(self, task: str, number: int) -> str:
        """What says why an attempt failed."""
        if self._agents and not (self._deliveries and self._deliveries.has_feedback(task, number)):
            kept = self._deliveries.kept(task, number) if self._deliveries else ""
            found = self._agents.feedback(task, number, kept)
            if found:
                return found
        return self._deliveries.feedback(task, number) if self._deliveries else self._directory.log(task, number)
