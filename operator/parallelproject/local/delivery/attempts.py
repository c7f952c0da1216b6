"""Attempts whose work lands in a repository: how they are started, and what became of them."""

import glob
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import Record
from parallelproject.core.steps.step import StepVerdict
from parallelproject.executors.base.task_file import check_feedback, conflict_feedback, gate_feedback
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.outcome import Outcome, PolicyError
from parallelproject.git.plumbing.refs import TaskRefs
from parallelproject.local.agents.call import AgentCall
from parallelproject.local.delivery import result as delivery_result
from parallelproject.local.delivery.place import Places
from parallelproject.local.delivery.program import delivery_of, instruction
from parallelproject.local.delivery.result import DeliveryResult
from parallelproject.local.delivery.setup import FOLDER
from parallelproject.local.delivery.step_order import StepOrder
from parallelproject.local.delivery.target import LandingTarget, extras
from parallelproject.local.errors import RunError
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.store import FAILED, STOPPED, SUCCEEDED, AttemptRow
from parallelproject.local.supervisor.handle import Order
from parallelproject.local.supervisor.own_program import boot, command_line
from parallelproject.local.workspace.setup_failure import in_words, last_failure
from parallelproject.model.names import EX_TEMPFAIL
from parallelproject.model.problem import Problem, ProblemsError, listed
from parallelproject.model.spec import Sandbox, Spec, WorkspaceHistory
from parallelproject.model.status import Reason, TaskState
from parallelproject.model.trackers import TRACKERS

_SHOWN = 10
"""Most paths that are named in one list."""
_END_MAX = 16 * 1024
"""Bytes of a text of which the end is read."""
SHORT = 10
"""Characters of a commit's name where people read it."""
_BOOT = boot("parallelproject.local.delivery.program", "sys.exit(main(sys.argv.pop()))")


class Deliveries:
    """The deliveries of one run."""

    def __init__(
        self,
        target: LandingTarget,
        spec: Spec,
        directory: StateDirectory,
        source: Path | None = None,
        check: str | None = None,
    ) -> None:
        """Describe them.

        Args:
            target: Where they land.
            spec: What is to be done.
            directory: The state.
            source: The file that the tasks come from: no task's work.
            check: For the shell: what must succeed in a workspace before its work lands.

        Raises:
            ProblemsError: the spec asks for what cannot be delivered.
        """
        self.target = target
        self._directory = directory
        self._check = check
        settings = target.repository.settings
        self._policy: dict[str, Any] = {
            "enforce_files": spec.conflicts.enforce_files,
            "ignore": settings.ignore,
            "not_landed": [
                *(spec.git.not_landed if spec.git else TRACKERS),
                *map(glob.escape, target.repository.paths_of(source)),  # a path, whatever characters it has
            ],
        }
        author = spec.git.author if spec.git else None
        self._common: dict[str, Any] = {
            "url": target.repository.address.url,
            "branch": target.branch,
            "base_ref": target.base.name,
            "run": target.run,
            # Of a partial clone no more than what was fetched for it.
            "depth": 1 if settings.promisor or spec.workspace.history is WorkspaceHistory.SHALLOW else 0,
            **extras(spec),
        }
        if author:
            self._common["author"] = {"name": author.name, "email": author.email}
        _check(self._common | {"task": "x"})
        self._is_hidden = spec.workspace.sandbox is not Sandbox.NONE
        self._workspace = _extras(target, spec, directory)
        self._setup_failure = last_failure(directory.path / FOLDER)
        """The last one that an attempt has reported, or would have reported: it has ended."""

    @property
    def common(self) -> dict[str, Any]:
        """The fields of ``Delivery`` that are the same for all tasks."""
        return dict(self._common)

    @property
    def workspace_settings(self) -> dict[str, Any]:
        """What workspaces have beyond the files of the branch, for ``program.instruction``."""
        known = self._setup_failure
        return self._workspace | {"known_failure": known.id if known else None, "reports_failure": True}

    @property
    def given(self) -> list[str]:
        """Paths of the user's checkout that are copied or linked into workspaces."""
        return [*self._workspace.get("copied", ()), *self._workspace.get("linked", ())]

    @property
    def out_of_sight(self) -> list[Path]:
        """Folders of the user that a sandbox hides: the checkout, and the repository."""
        repository = self.target.repository
        return [repository.top, Path(repository.address.url)]

    @property
    def linked(self) -> list[Path]:
        """Files and folders of the user that workspaces have links to."""
        top = self.target.repository.top
        return [top / path for path in self._workspace.get("linked", ())]

    def order(
        self,
        graph: CompiledGraph,
        task: int,
        order: Order,
        agent: AgentCall | None = None,
        sandbox: Sequence[str] = (),
        repair: int = 0,
        step: StepOrder | None = None,
        work: int = 0,
    ) -> Order:
        """The same attempt, with a workspace made from the branch before, and a landing after its command.

        Args:
            graph: The compiled spec.
            task: The task, as its number in the graph.
            order: The attempt.
            agent: The coding agent that the command starts.
            sandbox: The words before each command that runs in the workspace.
            repair: Number of the repair of what the task has landed; 0: its own work.
            step: The step of the task that it is at, where the task has steps.
            work: Number of the attempt whose held work it follows on; 0: none is held.

        Raises:
            OSError: its instruction cannot be written.
        """
        described = graph.tasks[task]
        files = list(graph.files[task])
        delivery = self._common | {
            "task": order.key.task,
            "attempt": order.key.attempt,
            "repair": repair,
            "continues": self._held(order.key.task, work) if work else "",
            "title": f"Repair: {described.title or order.key.task}" if repair else described.title,
            "body": described.description,
            "policy": self._policy | {"files": files},
        }
        instructions = instruction(
            state=self._directory.path,
            argv=list(order.argv),
            deadline=order.deadline,
            grace=order.grace,
            delivery=delivery,
            agent=agent,
            check=self._check,
            log=order.log,
            workspace=self.workspace_settings,
            sandbox=sandbox,
            step=step,
        )
        file = self._directory.path / "tasks" / f"{order.key.task}.{order.key.attempt}.git.json"
        file.write_text(json.dumps(instructions), encoding="utf-8")
        argv = command_line(_BOOT, str(file))
        # The deadline is that of the command: once its work is done, it lands. The workspace is not there yet.
        return order._replace(argv=argv, cwd=str(self._directory.path), deadline=None)

    def _held(self, task: str, work: int) -> str:
        """The ref that holds the work of an attempt."""
        result = self.result(task, work)
        return result.ref if result and result.ref else TaskRefs(self.target.run, task).held(work)

    def workspace(self, task: str, number: int) -> str:
        """Where an attempt works."""
        return str(Places(self._directory.path, task).of(number).workspace)

    def reported(self, row: AttemptRow) -> AttemptRow:
        """How an attempt ended, by its own account rather than by how its process did."""
        if row.ended is not None:
            self._note_setup(row)
        result = self.result(row.key.task, row.key.attempt)
        if result is None or row.ended is None:
            return row
        if result.is_good:
            return row._replace(phase=SUCCEEDED, reason=None, exit_code=0)
        if result.moves_on:
            rejected = result.outcome == StepVerdict.REJECTED
            code = result.exit_code if rejected else 0
            return row._replace(phase=result.outcome, reason=result.reason if rejected else None, exit_code=code)
        if result.is_delivery:
            return row._replace(phase=FAILED, reason=result.outcome, exit_code=None)
        if row.phase == STOPPED and result.reason == Reason.NEEDS_INPUT:  # its command has ended by itself
            return row._replace(phase=FAILED, reason=result.reason, exit_code=result.exit_code)
        return row._replace(reason=result.reason) if row.phase == FAILED else row

    def _note_setup(self, row: AttemptRow) -> None:
        """Once the attempt has ended that noted a failure of setup, no other relies on its report, however it ended."""
        if self._workspace.get("setup"):
            noted = last_failure(self._directory.path / FOLDER)
            if noted and noted.attempt == in_words(row.key.task, row.key.attempt):
                self._setup_failure = noted

    @staticmethod
    def is_reported_by_another(row: AttemptRow) -> bool:
        """Whether an attempt met a failure of setup that another attempt reports."""
        return row.reason == Reason.SETUP_FAILED and row.exit_code == EX_TEMPFAIL

    def result(self, task: str, number: int) -> DeliveryResult | None:
        """What an attempt has reported of its end."""
        return delivery_result.read(Places(self._directory.path, task).result(number))

    def commit(self, row: AttemptRow) -> str | None:
        """The short name of the commit that an attempt's work landed as."""
        result = self.result(row.key.task, row.key.attempt) if row.phase == SUCCEEDED else None
        return result.commit[:SHORT] if result and result.commit else None

    def changed_nothing(self, row: AttemptRow) -> bool:
        """Whether an attempt has succeeded and left nothing to land."""
        result = self.result(row.key.task, row.key.attempt) if row.phase == SUCCEEDED else None
        return result is not None and result.changed_nothing

    def notes(self, row: AttemptRow) -> tuple[str, ...]:
        """What an attempt left that did not land, and where it is kept."""
        result = self.result(row.key.task, row.key.attempt)
        if result is None:
            return ()
        rules = "the base's rules or rules that the task has added"
        hidden = f"{rules} ignore {listed(result.hidden, _SHOWN)}, so it did not land"
        return (*result.kept, *([hidden] if result.hidden else []))

    def remarks(self, records: Mapping[str, Record]) -> list[str]:
        """What the end of the run says of the tasks' work, a line each."""
        nothing, unowned = [], dict[str, None]()
        for task, record in records.items():
            result = self.result(task, record.attempts) if record.state is TaskState.SUCCEEDED else None
            if result is not None:
                nothing += [task] if result.changed_nothing and not result.kept else []
                unowned |= dict.fromkeys(result.not_landed)
        lines = [f"Changed nothing: {listed(nothing, _SHOWN)}"] if nothing else []
        if unowned:
            why = "no task's work, so changes to it do not land"
            lines.append(f"Left as it is on {self.target.branch}: {listed(list(unowned), _SHOWN)} ({why})")
        return lines

    def has_feedback(self, task: str, number: int) -> bool:
        """Whether the delivery says more than the log why an attempt failed: a conflict, or a check that failed."""
        return _has_feedback(self.result(task, number))

    def shows(self, task: str, number: int) -> str:
        """A command that shows what an attempt has landed; empty where nothing has, or a sandbox hides it."""
        result = self.result(task, number)
        if result is None or not result.commit or self._is_hidden:
            return ""
        where = self.target.repository.address.url
        return f"git --git-dir={where} show {result.commit[:12]}"

    def kept(self, task: str, number: int) -> str:
        """How the next attempt sees what this one did; empty where nothing is kept, or a sandbox hides it."""
        result = self.result(task, number)
        if result is None or not result.ref or self._is_hidden:
            return ""
        where = self.target.repository.address.url
        return f"What attempt {number} did: git --git-dir={where} show {result.ref}"

    def report_of_gate(
        self, task: str, number: int, failed: str | None, *, by_itself: bool, broken: str | None = None
    ) -> str:
        """The file with the report of a gate that has rejected the work.

        Args:
            task: The task.
            number: Of the attempt of the gate.
            failed: The file that says why an attempt after it failed, if one did.
            by_itself: Whether the gate itself reads it, in order to judge again.
            broken: The file that says what the landed work of the task breaks, which it repairs.

        Raises:
            OSError: it cannot be written.
        """
        result = self.result(task, number)
        file = self._directory.path / "tasks" / f"{task}.{number}.gate.feedback"
        message, printed = (result.message, result.printed) if result else (f"attempt {number} rejected the work", "")
        text = gate_feedback(number, message, printed, by_itself=by_itself)
        if broken:
            text += f"\nThe work repairs what had landed before:\n\n{end_of_file(Path(broken))}"
        if failed:
            text += f"\nThe attempt after that failed:\n\n{end_of_file(Path(failed))}"
        file.write_text(text, errors="surrogateescape", encoding="utf-8")
        return str(file)

    def feedback(self, task: str, number: int) -> str:
        """The file that says to the next attempt why this one failed.

        Raises:
            OSError: it cannot be written.
        """
        result = self.result(task, number)
        if result is None or not _has_feedback(result):
            return self._directory.log(task, number)
        file = self._directory.path / "tasks" / f"{task}.{number}.feedback"
        kept = self.kept(task, number)
        if result.outcome == Outcome.CONFLICT:
            text = conflict_feedback(number, result.paths, kept)
        else:
            text = check_feedback(number, result.message, result.printed, kept)
        file.write_text(text, errors="surrogateescape", encoding="utf-8")
        return str(file)


def end_of_file(file: Path) -> str:
    """The end of a text; empty where it cannot be read."""
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - _END_MAX))
            return opened.read().decode(errors="replace")
    except OSError:
        return ""


def _has_feedback(result: DeliveryResult | None) -> bool:
    return result is not None and (result.outcome == Outcome.CONFLICT or result.reason == Reason.GATE_FAILED)


def _extras(target: LandingTarget, spec: Spec, directory: StateDirectory) -> dict[str, Any]:
    """What workspaces have beyond the files of the branch, for ``program.instruction``.

    Raises:
        RunError: the checkout cannot be read.
    """
    wanted, repository = spec.workspace, target.repository
    setup = {"setup": wanted.setup, "cache_key": wanted.cache_key}
    checkout = repository.checkout
    if checkout is None:
        return setup
    try:
        files = checkout.files(wanted.copy_files, wanted.link, directory.path)
    except GitFailedError as error:
        raise RunError(f"the uncommitted files of {checkout.top} cannot be listed: {error.detail}") from None
    return setup | {"checkout": str(checkout.top), "copied": files.copied, "linked": files.linked}


def _check(delivery: dict[str, Any]) -> None:
    try:
        delivery_of(delivery)
    except PolicyError as error:
        raise ProblemsError([Problem("spec.git", str(error))]) from None
