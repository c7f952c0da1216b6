"""The verification of a local run: its record, the runs of its checks, and the feedback for tasks that repair."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.constraints.verified_work import VerifiedWork
from parallelproject.core.planner.plan import Plan
from parallelproject.core.verification.check_run import CheckLaunch, CheckRun
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.needs import with_needs
from parallelproject.core.verification.notices import notice
from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.core.verification.sentences import change_words
from parallelproject.core.verification.state import Repair, VerificationState
from parallelproject.core.verification.verifying import fingerprints, verify
from parallelproject.executors.base.task_file import verification_feedback
from parallelproject.local.delivery import side_checkout
from parallelproject.local.delivery.attempts import Deliveries, end_of_file
from parallelproject.local.errors import RunError
from parallelproject.local.state import workspaces
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.store import RUNNING, STOPPED, AttemptRow
from parallelproject.local.supervisor.handle import Order
from parallelproject.local.supervisor.own_program import boot, command_line
from parallelproject.local.verification.result import CheckResult, read
from parallelproject.local.workspace.sandbox import Bubblewrap, quiet_prefix
from parallelproject.model import names
from parallelproject.model.spec import Retry, Spec, Verification
from parallelproject.model.work import WorkKey, WorkKind
from parallelproject.whole_file import write_whole

_BOOT = boot("parallelproject.local.verification.program", "sys.exit(main(sys.argv.pop()))")
_FOLDER, _STATE = "verification", "state.json"
_NOT_VERIFIED = ("Unknown", "NotVerified", "this session has no checks: what lands is not verified")


class VerificationRound(NamedTuple):
    """What one look at the verification has led to."""

    orders: Sequence[Order]
    stops: Sequence[WorkKey]
    """Runs of checks whose results are of no use any more."""
    has_changed: bool
    """Whether the record has changed: then there is something new to plan."""
    notice: str = ""
    """A sentence about it for people; empty where nothing is new."""


class LocalVerification:
    """The verification of one run."""

    def __init__(
        self,
        settings: Verification | None,
        spec: Spec,
        deliveries: Deliveries,
        directory: StateDirectory,
        grace: float,
        rows: Sequence[AttemptRow],
        *,
        is_started_again: bool,
        sandbox: Bubblewrap | None = None,
    ) -> None:
        """Reads what is recorded.

        Args:
            settings: The checks; None: nothing is verified any more; repairs and failures of before stay as they are.
            spec: The spec.
            deliveries: How the work of tasks lands, and in which workspaces it is made.
            directory: The state.
            grace: Seconds that a check has after it was asked to end.
            rows: All attempts of earlier sessions.
            is_started_again: Whether the run had come to its end. Where that changes the record, it is written at once.
            sandbox: What checks run in, if anything.

        Raises:
            RunError: the record cannot be read.
            OSError: it cannot be written.
        """
        self._settings, self._deliveries, self._directory, self._grace = settings, deliveries, directory, grace
        self._sandbox = sandbox
        self._deadline = spec.defaults.active_deadline_seconds
        self._folder = directory.path / _FOLDER
        self._file = self._folder / _STATE
        found = self._read_state()
        started = found.with_checks(fingerprints(settings)) if settings else found
        self.state = started.started_again() if settings and is_started_again else started
        if self.state != found:
            self._write_state(self.state)
        self._runs: dict[WorkKey, CheckRun] = {}
        self._parents: Sequence[Sequence[int]] = ()
        self._works: dict[tuple[str, str], LandedWork] = {}  # of that graph: to follow its dependencies takes a while
        self._said = self.condition = self.state.condition if settings else _NOT_VERIFIED
        """Status, reason and message of the condition Verified."""
        for row in rows:
            if row.key.kind is WorkKind.VERIFY:
                self.take(row)

    @staticmethod
    def has_record(directory: StateDirectory) -> bool:
        """Whether an earlier session has verified anything."""
        return (directory.path / _FOLDER / _STATE).exists()

    @staticmethod
    def repair_counts(directory: StateDirectory) -> dict[str, int]:
        """By task, how many repairs are recorded.

        Raises:
            ValueError: the record cannot be read.
        """
        file = directory.path / _FOLDER / _STATE
        if not file.exists():
            return {}
        state = VerificationState.from_json(json.loads(file.read_bytes()))
        return {task: len(repairs) for task, repairs in state.repairs.items()}

    @property
    def verified(self) -> VerifiedWork | None:
        """What has passed the checks; None: nothing is to be verified."""
        return self.state.verified if self._settings else None

    @property
    def is_stopped(self) -> bool:
        """Whether the run stops because of what has landed."""
        return self._settings is not None and self.state.is_stopped

    @property
    def running(self) -> list[WorkKey]:
        """Runs of checks that have not ended."""
        return [key for key, run in self._runs.items() if run.outcome is None]

    def graph(self, graph: CompiledGraph) -> CompiledGraph:
        """The graph with the repairs that are recorded."""
        return graph.with_repairs(self.state.floors, self.state.condemned)

    def round(self, graph: CompiledGraph, plan: Plan, slots: int) -> VerificationRound:
        """Decides what follows from a plan, and records it.

        Args:
            graph: The graph of the plan.
            plan: The last plan.
            slots: Number of slots that no task holds; none: no check may start.

        Raises:
            OSError: it cannot be recorded; nothing has changed.
        """
        if self._settings is None:
            return VerificationRound((), (), has_changed=False)
        runs = [run._replace(work=self._known(graph, run.work)) if run.work else run for run in self._runs.values()]
        found = verify(self._settings, graph, plan, self.state, runs, slots)
        has_changed = found.state != self.state
        if has_changed:
            self._write_state(found.state)
            self.state = found.state
        orders = [self._order(graph, launch) for launch in found.launches]
        for launch, order in zip(found.launches, orders, strict=True):
            self._runs[order.key] = CheckRun(launch.check.name, launch.number, launch.revision, launch.probe)
        stops = [WorkKey.of_check(run.check, run.number) for run in found.stops]
        self.condition = found.condition
        is_news = self.condition != self._said and plan.stopped is None
        self._said = self.condition
        return VerificationRound(orders, stops, has_changed, notice(self.condition) + self._logs() if is_news else "")

    def _logs(self) -> str:
        """Where the output of checks is that failed on the tip; empty if the condition reports no failure."""
        last = {key.step: key for key, run in self._runs.items() if run.probe is None and run.outcome}
        failed = [key for key in last.values() if self._runs[key].outcome is ProbeOutcome.FAILED]
        is_failure = self.condition[0] == "False" and failed
        return f" (log: {', '.join(map(self.log, failed))})" if is_failure else ""

    def heed(self, retries: Iterable[Retry]) -> bool:
        """Repairs again what people have asked for; whether that is something new.

        Raises:
            OSError: it cannot be recorded; nothing has changed.
        """
        found = self.state.retried({retry.id: retry.repair_after for retry in retries if retry.repair_after})
        if found == self.state:
            return False
        self._write_state(found)
        self.state = found
        return True

    def take(self, row: AttemptRow) -> None:
        """A run of a check has ended, or is one of an earlier session."""
        instruction = self._instruction(row.key)
        known = self._runs.get(row.key)
        if known is None:
            if instruction is None:
                return  # it was never started, and its number is free
            probe = Probe.parse(instruction["probe"]) if instruction["probe"] else None
            known = CheckRun(row.key.step, row.key.attempt, str(instruction["revision"]), probe)
        if row.phase == RUNNING:
            self._runs[row.key] = known
            return
        lost = ProbeOutcome.STOPPED if row.phase == STOPPED else ProbeOutcome.BROKEN
        result = read(self._result(row.key)) or CheckResult(lost)
        self._runs[row.key] = known._replace(outcome=result.outcome, work=result.work, printed=result.printed)

    def refused(self, key: WorkKey) -> None:
        """A run of a check was not started."""
        self._runs.pop(key, None)

    def feedback(self, task: str, number: int, repair: Repair, show: str, failed: str | None) -> str:
        """The file that says to a task what its landed work breaks.

        Args:
            task: Its id.
            number: Of the attempt before.
            repair: The repair.
            show: A command that shows the landed work; may be empty.
            failed: The file that says why the attempt before failed to repair it, if one did.

        Raises:
            OSError: it cannot be written.
        """
        key = WorkKey.of_check(repair.check, repair.run)
        result, instruction = read(self._result(key)), self._instruction(key)
        command = instruction["argv"] if instruction else []  # as it was then: the check may have another one now
        file = self._directory.path / "tasks" / f"{task}.{number}.repair.feedback"
        printed = result.printed if result else ""
        other, gone = change_words(repair.other), self.state.taken_out.get(task, "")
        text = verification_feedback(repair.check, command, repair.commit, other, printed, show, gone)
        if failed:
            text += f"\nAttempt {number} was to repair it and failed:\n\n{end_of_file(Path(failed))}"
        file.write_text(text, errors="surrogateescape", encoding="utf-8")
        return str(file)

    def log(self, key: WorkKey) -> str:
        """The output of a run of a check."""
        return str(self._folder / f"{key.step}.{key.attempt}.log")

    def _known(self, graph: CompiledGraph, work: LandedWork) -> LandedWork:
        """The work, with what each change builds on."""
        if self._parents is not graph.parents:
            self._parents, self._works = graph.parents, {}
        ends = work.base, work.tip
        if ends not in self._works:
            self._works[ends] = with_needs(graph, work)
        return self._works[ends]

    def _order(self, graph: CompiledGraph, launch: CheckLaunch) -> Order:
        self._folder.mkdir(exist_ok=True)
        key = WorkKey.of_check(launch.check.name, launch.number)
        name, state = f"~{launch.check.name}.{launch.number}", self._directory.path
        workspace = side_checkout.folder_of(state, name, launch.check.name)
        sandbox = quiet_prefix(self._sandbox, str(workspace), str(state), os.environ)
        instruction = side_checkout.instruction(
            state, name, workspace, "verification", self._deliveries.common, self._deliveries.workspace_settings,
            launch.check.command, sandbox, self._grace,
        ) | {
            "revision": launch.revision,
            "probe": launch.probe.name if launch.probe else "",
            "since": launch.since,
            "work": {"base": launch.work.base, "tip": launch.work.tip} if launch.work else None,
            "paths": launch.check.paths,
            "revert": launch.revert._asdict() if launch.revert else None,
            "deadline": launch.check.active_deadline_seconds or self._deadline,
            "result": str(self._result(key)),
            "log": self.log(key),
        }  # fmt: skip
        self._result(key).unlink(missing_ok=True)
        file = self._file_of(key)
        file.write_text(json.dumps(instruction), encoding="utf-8")
        environment = workspaces.environment(str(workspace), str(self._directory.path), os.environ)
        return Order(
            key=key,
            argv=command_line(_BOOT, str(file)),
            env=environment | {names.ENV_WORKSPACE: str(workspace)},
            cwd=str(self._directory.path),
            log=self.log(key),
            deadline=None,  # that of the command is the program's own
            grace=self._grace,
        )

    def _file_of(self, key: WorkKey) -> Path:
        return self._folder / f"{key.step}.{key.attempt}.json"

    def _result(self, key: WorkKey) -> Path:
        return self._folder / f"{key.step}.{key.attempt}.result.json"

    def _instruction(self, key: WorkKey) -> dict[str, Any] | None:
        try:
            found = json.loads(self._file_of(key).read_bytes())
        except (OSError, ValueError):
            return None
        return dict(found)

    def _read_state(self) -> VerificationState:
        try:
            return VerificationState.from_json(json.loads(self._file.read_bytes()))
        except FileNotFoundError:
            return VerificationState()
        except ValueError as error:
            raise RunError(f"{self._file} cannot be read: {error}", "--fresh starts over") from None

    def _write_state(self, state: VerificationState) -> None:
        self._folder.mkdir(exist_ok=True)
        write_whole(self._file, json.dumps(state.to_json()), is_synced=True)
