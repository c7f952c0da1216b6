"""The hooks of a local run: what is recorded of them, and how one is started.

A run of a hook is an attempt in the state, of the kind Hook: nothing else is recorded. One that was stopped, or killed
with the engine, runs again. One that has failed with onFailure Stop ends the session, and the next session runs it
again.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.hooks.hook_runs import HookBook, HookLaunch, HookReport, HookRun
from parallelproject.core.planner.hooks import NO_HOOKS, HookOccasion
from parallelproject.core.planner.plan import Plan
from parallelproject.core.report.changes import Event, What
from parallelproject.executors.base.hook_environment import hook_environment
from parallelproject.local.delivery import side_checkout
from parallelproject.local.delivery.attempts import Deliveries
from parallelproject.local.state import workspaces
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.store import FAILED, RUNNING, STOPPED, SUCCEEDED, AttemptRow
from parallelproject.local.supervisor.handle import Order
from parallelproject.local.supervisor.own_program import boot, command_line
from parallelproject.local.workspace.sandbox import Bubblewrap, quiet_prefix
from parallelproject.model import names
from parallelproject.model.spec import HookKind, Hooks, Spec
from parallelproject.model.status import HookRunState
from parallelproject.model.work import WorkKey, WorkKind

_BOOT = boot("parallelproject.local.hooks.program", "sys.exit(main(sys.argv.pop()))")
_FOLDER = "hooks"
_STATES = {
    RUNNING: HookRunState.RUNNING,
    SUCCEEDED: HookRunState.SUCCEEDED,
    FAILED: HookRunState.FAILED,
    STOPPED: HookRunState.STOPPED,
}

Resolve = Callable[[HookKind, Mapping[str, str]], tuple[list[str], dict[str, str]]]
"""The arguments and the whole environment of a hook, given its own variables."""


class LocalHooks:
    """The hooks of one session of a run."""

    def __init__(
        self,
        hooks: Hooks,
        spec: Spec,
        project: str,
        graph: CompiledGraph,
        resolve: Resolve,
        directory: StateDirectory,
        grace: float,
        rows: Sequence[AttemptRow],
        deliveries: Deliveries | None = None,
        sandbox: Bubblewrap | None = None,
    ) -> None:
        """Reads what is recorded.

        Args:
            hooks: The hooks.
            spec: The spec.
            project: Name of the project.
            graph: Its graph.
            resolve: Says what a hook runs.
            directory: The state.
            grace: Seconds that a hook has after it was asked to end.
            rows: All attempts of earlier sessions.
            deliveries: How the work of tasks lands; None: there is no repository.
            sandbox: What hooks run in, if anything.
        """
        self._spec, self._project, self._resolve = spec, project, resolve
        self._directory, self._grace = directory, grace
        self._deliveries, self._sandbox = deliveries, sandbox
        self._folder = directory.path / _FOLDER
        self._book = HookBook(graph, hooks)
        self._runs: dict[WorkKey, HookRun] = {row.key: _run_of(row) for row in rows if row.key.kind is WorkKind.HOOK}
        self._took: dict[WorkKey, float] = {}  # seconds
        self._forgiven = {run.step: run.number for run in self._runs.values() if run.state is HookRunState.FAILED}
        self.progress = NO_HOOKS
        """What the planner has to know."""
        self.report = HookReport(("", "", ""), ())
        """What people read."""
        self._derive()

    @property
    def running(self) -> list[WorkKey]:
        """The runs that have not ended."""
        return [key for key, run in self._runs.items() if run.state is HookRunState.RUNNING]

    def take(self, row: AttemptRow) -> None:
        """A run has ended."""
        self._runs[row.key] = _run_of(row)
        self._derive()
        self._took[row.key] = max(0.0, (row.ended or row.started) - row.started)

    def refused(self, key: WorkKey) -> None:
        """A run was not started."""
        self._runs.pop(key, None)
        self._derive()

    def launch(self, plan: Plan) -> list[Order]:
        """The runs to start after a plan; from now on they count as running.

        Raises:
            OSError: what one is to find cannot be written; none has started.
        """
        launches = self._book.launches(plan, list(self._runs.values()))
        orders = [self._order(launch) for launch in launches]
        for order in orders:
            self._runs[order.key] = HookRun(order.key.step, order.key.attempt, HookRunState.RUNNING)
        self._derive()
        return orders

    def words(self, key: WorkKey) -> str:
        """A hook as people read it: ``beforeLevel of L0``."""
        return self._book.words(key.step)

    def known(self, event: Event) -> Event:
        """An event of a hook, with its log, how long it took, and what follows from its failure."""
        step = HookOccasion(HookKind(event.hook), event.level, event.group).step
        key = WorkKey.of_hook(step, event.number)
        then = "the run stops" if self._book.stops(step) else "the run continues"
        return event._replace(
            log=self._directory.hook_log(step, event.number),
            took=self._took.get(key),
            message=then if event.what is What.HOOK_FAILED else "",
        )

    def _derive(self) -> None:
        """Computes what follows from the runs."""
        runs = list(self._runs.values())
        self.progress = self._book.progress(runs, self._forgiven)
        self.report = self._book.report(runs, self.progress)

    def _order(self, launch: HookLaunch) -> Order:
        self._folder.mkdir(exist_ok=True)
        step, number = launch.occasion.step, launch.number
        key = WorkKey.of_hook(step, number)
        name, state = f"~hook.{step}.{number}", self._directory.path
        workspace = side_checkout.folder_of(state, name, step)
        own = hook_environment(self._project, self._spec, launch) | {names.ENV_WORKSPACE: str(workspace)}
        own |= workspaces.environment(str(workspace), str(self._directory.path), os.environ)
        argv, environment = self._resolve(launch.occasion.kind, own)
        sandbox = quiet_prefix(self._sandbox, str(workspace), str(state), os.environ)
        order = Order(
            key=key,
            argv=[*sandbox, *argv],
            env=environment,
            cwd=str(workspace),
            log=self._directory.hook_log(step, number),
            deadline=launch.hook.active_deadline_seconds or self._spec.defaults.active_deadline_seconds,
            grace=self._grace,
        )
        if self._deliveries is None:
            workspaces.make_around(workspace)
            workspace.mkdir(exist_ok=True)
            return order
        instruction = side_checkout.instruction(
            state, name, workspace, "hook", self._deliveries.common, self._deliveries.workspace_settings, argv,
            sandbox, self._grace,
        )  # fmt: skip
        file = self._folder / f"{step}.{number}.json"
        file.write_text(json.dumps(instruction), encoding="utf-8")
        return order._replace(argv=command_line(_BOOT, str(file)), cwd=str(self._directory.path))


def _run_of(row: AttemptRow) -> HookRun:
    return HookRun(row.key.step, row.key.attempt, _STATES[row.phase], row.reason or "", row.exit_code)
