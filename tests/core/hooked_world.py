"""A project with hooks, played without processes: tasks and hooks end one by one, and engines are killed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from parallelproject.core.hooks.hook_runs import HookBook, HookReport, HookRun
from parallelproject.core.hooks.phases import phases
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.hooks import HookOccasion, HookProgress, all_occasions
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.core.report.status import read_status, render_status
from parallelproject.model.spec import HookKind, OnHookFailure, Scheduling
from parallelproject.model.status import GroupPhase, HookRunState, Reason
from tests.core.projects import compiled

Pick = Callable[[int], int]
"""Of so many, which one."""
RUNNING, SUCCEEDED, FAILED = HookRunState.RUNNING, HookRunState.SUCCEEDED, HookRunState.FAILED
ORDER = list(GroupPhase)


class HookedWorld:
    """Plays it, one end at a time, and notes what must not happen."""

    def __init__(
        self,
        *,
        pick: Pick = lambda count: 0,
        task_fails: Callable[[str, int], bool] = lambda task, number: False,
        hook_fails: Callable[[str, int], bool] = lambda step, number: False,
        **spec: Any,
    ) -> None:
        """Prepares it.

        Args:
            pick: Which of the things that run ends next.
            task_fails: Whether an attempt at a task fails.
            hook_fails: Whether a run of a hook fails, by its step and number.
            spec: Fields of the spec.
        """
        self.graph, self.spec = compiled(**spec)
        assert self.spec.hooks is not None
        self.hooks = self.spec.hooks
        self.book = HookBook(self.graph, self.hooks)
        self.occasions = {occasion.step: occasion for occasion in all_occasions(self.graph, self.hooks)}
        self.pick, self.task_fails, self.hook_fails = pick, task_fails, hook_fails
        self.attempts: dict[str, list[Attempt]] = {}
        self.runs: list[HookRun] = []
        self.forgiven: dict[str, int] = {}
        self.ledger = Ledger()
        self.plan: Plan | None = None
        self.report: HookReport | None = None
        self.violations: list[str] = []
        self.order: list[str] = []
        """What has started and ended, in order: ``+a``, ``-a``, ``+before-level-0``, …"""
        self.seen: dict[str, list[GroupPhase]] = {}
        self.now = 0.0

    def run(self, kills: Callable[[int], bool] = lambda step: False) -> "HookedWorld":
        """Plays it to its end; ``kills`` says before which steps the engine is killed with all that runs."""
        for step in range(600):
            if kills(step):
                self.kill()
            if not self.step():
                return self
        raise AssertionError(f"it never ends: {self.order[-20:]}")

    def kill(self) -> None:
        """Kills the engine and what it runs: only what is recorded is left, as a status or a state has it."""
        for at, run in enumerate(self.runs):
            if run.state is RUNNING:
                self.runs[at] = run._replace(state=HookRunState.STOPPED)
                self.order.append(f"-{run.step}")
        if self.plan is not None and self.plan.stopped:
            self.seen.clear()  # what it has skipped starts again
        for task, attempts in self.attempts.items():
            for at, attempt in enumerate(attempts):
                if attempt.running:
                    attempts[at] = attempt._replace(running=False, phase=Phase.STOPPED, ended=self.now)
                    self.order.append(f"-{task}")
        self.forgiven = {run.step: run.number for run in self.runs if run.state is FAILED}
        if self.plan is not None:
            status = render_status(self.graph, self.spec, self.plan, {}, 1, self.now, hooks=self.report, name="p")
            self.ledger = replace(read_status(status), merged=None, completion_time=None)

    def step(self) -> bool:
        """One plan, and one end after it; whether there is more to come."""
        self.now += 1
        progress = self.book.progress(self.runs, self.forgiven)
        self.ledger = replace(self.ledger, hooks=progress)
        made = self.plan = plan(self.graph, self.spec, self.ledger, self.attempts, self.now)
        self.report = self.book.report(self.runs, progress)
        self.ledger = made.ledger
        self._check(made, progress)
        running = {task for task, attempts in self.attempts.items() if attempts[-1].running}
        running |= {self.graph.ids[launch.task] for launch in made.launches}
        self._check_phases(made, running)
        for stop in made.stops:
            attempts = self.attempts[stop.id]
            attempts[-1] = stop.attempt._replace(running=False, phase=Phase.STOPPED, ended=self.now)
            self.order.append(f"-{stop.id}")
        if made.stopped:
            for at, run in enumerate(self.runs):
                if run.state is RUNNING:
                    self.runs[at] = run._replace(state=HookRunState.STOPPED)
        for launch in made.launches:
            task = self.graph.ids[launch.task]
            self.attempts.setdefault(task, []).append(
                Attempt(launch.number, Phase.ACTIVE, running=True, started=self.now)
            )
            self.order.append(f"+{task}")
        for start in self.book.launches(made, self.runs):
            self.runs.append(HookRun(start.occasion.step, start.number, RUNNING))
            self.order.append(f"+{start.occasion.step}")
        if made.completed:
            return False
        return self._end_one() or bool(made.stops) or made.stopped is not None or made.wake_at is not None

    def _end_one(self) -> bool:
        tasks = [task for task, attempts in self.attempts.items() if attempts[-1].running]
        hooks = [at for at, run in enumerate(self.runs) if run.state is RUNNING]
        count = len(tasks) + len(hooks)
        if not count:
            if self.plan is not None and self.plan.wake_at is not None:
                self.now = max(self.now, self.plan.wake_at)
            return False
        which = self.pick(count)
        if which < len(tasks):
            self._end_task(tasks[which])
        else:
            at = hooks[which - len(tasks)]
            run = self.runs[at]
            fails = self.hook_fails(run.step, run.number)
            code = 3 if fails else None
            self.runs[at] = run._replace(state=FAILED if fails else SUCCEEDED, exit_code=code)
            self.order.append(f"-{run.step}")
        return True

    def _end_task(self, task: str) -> None:
        attempt = self.attempts[task][-1]
        fails = self.task_fails(task, attempt.number)
        phase, reason = (Phase.FAILED, "ExitCode") if fails else (Phase.SUCCEEDED, None)
        self.attempts[task][-1] = attempt._replace(running=False, phase=phase, ended=self.now, reason=reason)
        self.order.append(f"-{task}")

    def started(self, tasks: Any) -> bool:
        return any(self.attempts.get(self.graph.ids[i]) for i in tasks)

    def has_ended(self, step: str) -> bool:
        """Whether a hook has ended for good."""
        hook = self.hooks.of(self.occasions[step].kind)
        assert hook is not None
        good = (SUCCEEDED,) if hook.on_failure is OnHookFailure.STOP else (SUCCEEDED, FAILED)
        return any(run.step == step and run.state in good for run in self.runs)

    def tasks_of(self, occasion: HookOccasion) -> tuple[int, ...]:
        if occasion.level is not None:
            return self.graph.levels[occasion.level]
        return self.graph.groups[occasion.group]

    def _check(self, made: Plan, progress: HookProgress) -> None:
        self._check_slots(made)
        for launch in made.launches:
            self._check_gates(launch.task)
        starts = self.book.launches(made, self.runs)
        for start in starts:
            if self.has_ended(start.occasion.step):
                self.violations.append(f"{start.occasion.step} runs twice")
            if start.occasion.kind in (HookKind.AFTER_LEVEL, HookKind.AFTER_GROUP):
                tasks = self.tasks_of(start.occasion)
                if not self.started(tasks):
                    self.violations.append(f"{start.occasion.step} runs though none of its tasks started")
                attempts = [self.attempts.get(self.graph.ids[i], ()) for i in tasks]
                if any(each and each[-1].running for each in attempts):
                    self.violations.append(f"{start.occasion.step} runs while its tasks run")
        if progress.failed and (starts or made.launches or made.stopped is not Reason.HOOK_FAILED):
            self.violations.append("it does not stop after a hook that stops it")
        if made.completed and not made.stopped:
            for step, occasion in self.occasions.items():
                if self.started(self.tasks_of(occasion)) and not self.has_ended(step):
                    self.violations.append(f"it ends without {step}")

    def _check_phases(self, made: Plan, running: set[str]) -> None:
        for group, phase in phases(self.graph, self.spec, made, running).items():
            seen = self.seen.setdefault(group, [phase])
            if ORDER.index(phase) < ORDER.index(seen[-1]):
                self.violations.append(f"{group} goes back from {seen[-1]} to {phase}")
            if phase is not seen[-1]:
                seen.append(phase)
            if made.completed and phase is not GroupPhase.DONE and not made.stopped:
                self.violations.append(f"{group} is {phase} at the end")

    def _check_slots(self, made: Plan) -> None:
        tasks = sum(attempts[-1].running for attempts in self.attempts.values())
        hooks = sum(run.state is RUNNING for run in self.runs)
        if tasks + hooks + len(made.launches) + len(made.hooks) > self.spec.parallelism:
            self.violations.append("over the limit of parallelism")

    def _check_gates(self, task: int) -> None:
        name, level, group = self.graph.ids[task], self.graph.level[task], self.graph.tasks[task].group
        for step, occasion in self.occasions.items():
            is_before = occasion.kind in (HookKind.BEFORE_LEVEL, HookKind.BEFORE_GROUP)
            is_own = occasion.level == level if occasion.level is not None else occasion.group == group
            if is_before and is_own and not self.has_ended(step):
                self.violations.append(f"{name} starts before {step} has ended")
            is_below = occasion.kind is HookKind.AFTER_LEVEL and (occasion.level or 0) < level
            is_by_level = self.spec.scheduling is Scheduling.LEVELS
            if is_below and is_by_level and self.started(self.tasks_of(occasion)) and not self.has_ended(step):
                self.violations.append(f"{name} starts before {step} has ended")
