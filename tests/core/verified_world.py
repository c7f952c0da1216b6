"""A project whose work is verified, played without git: tasks land changes, and checks fail by what these break."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.constraints.verified_work import EVERY, VerifiedWork, unverified, verified_levels
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.core.verification.check_run import CheckRun
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import LandedChange, Probe, ProbeOutcome
from parallelproject.core.verification.revert_message import taken_out_message
from parallelproject.core.verification.revert_request import RevertRequest
from parallelproject.core.verification.reverting import REVERT
from parallelproject.core.verification.state import VerificationState
from parallelproject.core.verification.verifying import fingerprints, verify
from parallelproject.model.spec import VerifyAfter
from parallelproject.model.status import TaskState
from tests.core.projects import compiled

Breaks = Callable[[str, Sequence[str]], bool]
"""Whether a check, by its name, fails with some changes, in the order in which they landed; ``a+1`` is the first repair
of a."""


class VerifiedWorld:
    """Plays it. Everything that ends does so in one step; a restart forgets all but what is recorded."""

    def __init__(
        self, breaks: Breaks, *, prints: Callable[[Sequence[str]], str] = lambda there: "", **spec: Any
    ) -> None:
        """Prepares it.

        Args:
            breaks: What fails.
            prints: What a check that fails prints.
            spec: Fields of the spec.
        """
        self.breaks, self.prints = breaks, prints
        self.state = VerificationState()
        self.attempts: dict[str, list[Attempt]] = {}
        self.since: dict[tuple[str, int], int] = {}
        self.asked: dict[int, RevertRequest] = {}
        self.session(**spec)
        self.landed: list[str] = []
        self.runs: list[CheckRun] = []
        self.violations: list[str] = []
        self.plan: Plan | None = None
        self.condition = self.state.condition
        self.now = 0.0
        self.rounds = 0
        self.failing: frozenset[str] = frozenset()
        """Work that fails, whenever it is tried: ``b+1`` is the first repair of b."""
        self.is_held = False
        """Whether runs of checks go on until they are released."""
        self.ended_reverts: tuple[ProbeOutcome, str] | None = None
        """How runs end that take work off the branch, and what they print; None: they do it."""

    def session(self, *, is_started_again: bool = False, **spec: Any) -> None:
        """Starts a session, with another spec if one is given.

        Args:
            is_started_again: Whether the one before came to its end.
            spec: Fields of the spec.
        """
        if spec:
            self.base, self.spec = compiled(**spec)
            assert self.spec.verification is not None
            self.settings = self.spec.verification
        self.spec = self.spec.model_copy(update={"stop": False})
        state = VerificationState.from_json(self.state.to_json()).with_checks(fingerprints(self.settings))
        self.state = state.started_again() if is_started_again else state
        self.graph = self.base.with_repairs(self.state.floors, self.state.condemned)
        self.ledger = Ledger(start_time=0.0, verified=self.state.verified)

    def run(self, *, restarts: bool = False) -> "VerifiedWorld":
        """Plays it to its end."""
        for _ in range(400):
            if not self.step():
                return self
            if restarts:
                self.session()
        raise AssertionError(f"it never ends: {self.condition}")

    def states(self) -> dict[str, str]:
        assert self.plan is not None
        return {task: state.value for task, state in zip(self.graph.ids, self.plan.states, strict=True)}

    def repaired(self) -> dict[str, int]:
        return {task: len(repairs) for task, repairs in self.state.repairs.items()}

    def of_check(self, name: str) -> list[CheckRun]:
        return [run for run in self.runs if run.check == name]

    def step(self) -> bool:
        """Plays one step; whether anything has happened."""
        self.now += 1
        if self.state.is_stopped:
            self.spec = self.spec.model_copy(update={"stop": True})
        made = self.plan = plan(self.graph, self.spec, self.ledger, self.attempts, self.now)
        self.ledger = made.ledger
        running = [run for run in self.runs if run.outcome is None]
        found = verify(self.settings, self.graph, made, self.state, self.runs, self.spec.parallelism - made.running)
        again = verify(self.settings, self.graph, made, self.state, self.runs, self.spec.parallelism - made.running)
        if found != again:
            self.violations.append("it decides differently for the same facts")
        if made.running + len(running) + len(found.launches) > self.spec.parallelism:
            self.violations.append("over the cap")
        self._check_gate(made)
        self.condition = found.condition
        for at, run in enumerate(self.runs):
            if run in found.stops:
                self.runs[at] = run._replace(outcome=ProbeOutcome.STOPPED)
        for launch in found.launches:
            self.since[launch.check.name, launch.number] = int(launch.since.removeprefix("c") or 0)
            if launch.revert:
                self.asked[launch.number] = launch.revert
            self.runs.append(CheckRun(launch.check.name, launch.number, launch.revision, launch.probe))
        self.rounds += bool(found.launches)
        if found.state != self.state:
            self.state = found.state
            self.graph = self.base.with_repairs(self.state.floors, self.state.condemned)
            self.ledger = replace(self.ledger, verified=found.state.verified)
            return True
        if made.completed:
            return False
        ended = self._end_runs() + (0 if running else self._end_tasks(made))
        return bool(ended or found.launches or made.launches)

    def _check_gate(self, made: Plan) -> None:
        snapshot = made.ledger.snapshot
        assert snapshot is not None
        reached = verified_levels(self.ledger.verified or VerifiedWork(), snapshot)
        is_open = [state in (TaskState.PENDING, TaskState.RUNNING) for state in made.states]
        repairs = [self.graph.index[name] for name in self.state.repairs if name in self.graph.index]
        if self.settings.after is VerifyAfter.LANDINGS:
            count = unverified(self.ledger.verified or VerifiedWork(), snapshot)
            is_closed = count >= (self.settings.every or EVERY) or any(is_open[i] for i in repairs)
            reached = -1 if is_closed else len(self.graph.levels)
        reached = max([reached, *(self.graph.level[i] for i in repairs if is_open[i])])
        for launch in made.launches:
            task = self.graph.ids[launch.task]
            if self.graph.level[launch.task] > reached and task not in self.state.repairs:
                self.violations.append(f"{task} starts before what it builds on is verified")

    def _end_tasks(self, made: Plan) -> int:
        for launch in made.launches:
            task = self.graph.ids[launch.task]
            count = sum(_change(name) == task for name in self.landed)
            name = f"{task}+{count}" if count else task
            if name in self.failing or self.base.tasks[launch.task].parameters:  # it fails by itself
                ended = Attempt(
                    launch.number, Phase.FAILED, started=self.now, ended=self.now, reason="ExitCode", exit_code=1
                )
            else:
                self.landed.append(name)
                ended = Attempt(
                    launch.number, Phase.SUCCEEDED, started=self.now, ended=self.now, commit=f"c{len(self.landed)}"
                )
            self.attempts.setdefault(task, []).append(ended)
        return len(made.launches)

    def _end_runs(self) -> int:
        count = 0
        for at, run in enumerate(self.runs):
            if run.outcome is None and not self.is_held:
                count += 1
                self.runs[at] = self._ended(run)
        return count

    def _reverted(self, run: CheckRun) -> CheckRun:
        """A run that takes work off the branch, which may repeat one that did."""
        if self.ended_reverts:
            return run._replace(outcome=self.ended_reverts[0], printed=self.ended_reverts[1])
        asked = self.asked[run.number]
        out = asked.with_dependents(asked.tasks)
        gone = [f"-{task}" for task in asked.dependents if task in out and task in map(_change, _left(self.landed))]
        self.landed += gone
        text = taken_out_message(f"c{len(self.landed)}", [name[1:] for name in gone], list(asked.dependents))
        return run._replace(outcome=ProbeOutcome.PASSED, printed=text)

    def _ended(self, run: CheckRun) -> CheckRun:
        if run.check == REVERT.name:
            return self._reverted(run)
        work = next((other.work for other in self.runs if other.revision == run.revision and other.work), None)
        if run.probe is None or work is None:
            since = self.since[run.check, run.number]
            tasks = dict.fromkeys(map(_change, self.landed[since:]))
            changes = tuple(LandedChange(task, f"{task} since c{since}") for task in tasks)
            work = LandedWork(f"c{since}", f"c{len(self.landed)}", changes)
        probe = run.probe or Probe(len(work.changes))
        first, end = int(work.base.removeprefix("c")), int(work.tip.removeprefix("c"))
        chosen = probe.tasks(work.changes)
        there = self.landed[:first] + [name for name in self.landed[first:end] if _change(name) in chosen]
        is_broken = self.breaks(run.check, _left(there))
        return run._replace(
            outcome=ProbeOutcome.FAILED if is_broken else ProbeOutcome.PASSED,
            work=work if run.probe is None else None,
            printed=self.prints(there) if is_broken else "",
        )


def _change(name: str) -> str:
    """The change that a landing is part of; one that takes out work is of no task."""
    return f"~{name[1:]}" if name.startswith("-") else name.partition("+")[0]


def _left(landed: Sequence[str]) -> list[str]:
    """What is on the branch after these landings: ``-a`` takes out all of a before it."""
    found: list[str] = []
    for name in landed:
        found = [each for each in found if each.partition("+")[0] != name[1:]] if name[0] == "-" else [*found, name]
    return found


SUCCEEDED, FAILED, SKIPPED = (state.value for state in (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED))
