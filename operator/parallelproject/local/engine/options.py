"""What a caller may ask of a local run."""

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from parallelproject.model.spec import (
    Agent,
    Budget,
    FailurePolicy,
    Sandbox,
    Scheduling,
    Spec,
    Task,
    Verification,
    VerificationCheck,
)

if TYPE_CHECKING:
    from parallelproject.core.report.changes import Consumer
    from parallelproject.local.delivery.push import Deliver, Publish
    from parallelproject.local.engine.board import Board

View = Literal["auto", "live", "plain", "json"]
TASK_SECONDS = 2 * 3600
"""Longest time of an attempt where nobody says: a task that hangs must not hold its slot for good."""
_NAME_MAX = 40
"""Characters of the name that a check gets from its command."""
_ESTIMATES = 3
"""A task with an estimate may take so many times that, where this is longer."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a project here."""

    command: str | None = None
    """For the shell; by default each role's container says what its tasks run."""
    agent: Agent | None = None
    """A coding agent that does all tasks, instead of a command."""
    parallelism: int | None = None
    """Instead of the spec's."""
    scheduling: Scheduling | None = None
    """Instead of the spec's."""
    failure_policy: FailurePolicy | None = None
    """Instead of the spec's."""
    seconds: int | None = None
    """Longest time of the whole run, instead of the spec's."""
    max_attempts: int | None = None
    """Of every task, instead of what the spec says."""
    task_seconds: int | None = None
    """Longest time of an attempt of every task, instead of what the spec says. 0: no limit."""
    budgets: Sequence[Budget] = ()
    """Limits of units, in place of those of the spec."""
    skip: Sequence[str] = ()
    """Ids of tasks that are not run, also to those of the spec."""
    state_dir: Path | None = None
    """Where the run keeps its state; by default ``.pproj/NAME`` below the current directory."""
    fresh: bool = False
    """Whether to forget an earlier run and start over."""
    view: View = "auto"
    """auto: live on a terminal, else plain. json: an event a line, and nothing else on stdout."""
    no_color: bool = False
    repository: Path | None = None
    """A folder of the repository that the tasks' work lands in; by default that of ``spec.git.url``, where set."""
    check: str | None = None
    """For the shell: what must succeed in a task's workspace before its work lands."""
    verify: Sequence[str] = ()
    """For the shell: what must succeed with all that has landed, after each level; instead of the spec's checks."""
    sandbox: bool | None = None
    """Whether commands run in a sandbox, instead of what the spec says."""
    push: bool = False
    """Whether the branch is pushed to a remote of the repository at the end."""
    publish: "Publish | None" = None
    """Publishes what was pushed."""
    deliver: "Deliver | None" = None
    """Pushes and publishes, in place of ``push`` and ``publish``."""
    grace_seconds: float = 10.0
    """From SIGTERM to SIGKILL, for tasks that are stopped or past their deadline."""
    source: Path | None = None
    """The file that the project was read from, so that no other one's state is taken for its own."""
    finished: Callable[[Sequence[str]], bool] | None = None
    """Receives at the end which tasks have succeeded, in all sessions of the run; False: it could not do its part."""
    consumers: "Sequence[Consumer[Board]]" = ()
    """Other consumers of the run's events."""
    rerun: str = "pproj run FILE"
    """The command that started this, for the advice that is given at the end; empty: none is given."""
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)

    def applied_to(self, spec: Spec) -> Spec:
        """The spec with what is asked for in its place, and a deadline for tasks that have none."""
        asked: dict[str, Any] = {
            "parallelism": self.parallelism,
            "scheduling": self.scheduling,
            "failure_policy": self.failure_policy,
            "active_deadline_seconds": self.seconds,
        }
        of_tasks = {"max_attempts": self.max_attempts, "active_deadline_seconds": self.task_seconds or None}
        of_tasks = {key: value for key, value in of_tasks.items() if value is not None}
        cleared = set(of_tasks) | ({"active_deadline_seconds"} if self.task_seconds is not None else set())
        defaults = spec.defaults.model_copy(update=dict.fromkeys(cleared & {"active_deadline_seconds"}) | of_tasks)
        tasks = [_without(task, cleared) for task in spec.tasks] if cleared else spec.tasks
        if self.has_default_deadline(spec):
            defaults = defaults.model_copy(update={"active_deadline_seconds": TASK_SECONDS})
            tasks = [_with_time(task) for task in tasks]
        if self.sandbox is not None:
            kind = Sandbox.BUBBLEWRAP if self.sandbox else Sandbox.NONE
            asked["workspace"] = spec.workspace.model_copy(update={"sandbox": kind})
        if self.budgets:
            asked["budgets"] = _with_limits(spec.budgets, self.budgets)
        if self.skip:
            asked["skip"] = list(dict.fromkeys([*spec.skip, *self.skip]))
        if self.agent or self.command:  # all roles run the same then
            asked["roles"] = [role.model_copy(update={"fallbacks": []}) for role in spec.roles]
        if self.verify:
            settings = spec.verification.model_dump(exclude={"checks"}) if spec.verification else {}
            asked["verification"] = Verification(**settings, checks=_checks(self.verify))
        changed = {key: value for key, value in asked.items() if value is not None}
        roles = [role.model_copy(update={"queue_name": None}) if role.queue_name else role for role in spec.roles]
        here = {"defaults": defaults, "tasks": tasks, "roles": roles, "queue_name": None}  # only clusters have queues
        return spec.model_copy(update=changed | here)

    def has_default_deadline(self, spec: Spec) -> bool:
        """Whether an attempt has a deadline that nobody has asked for: ``TASK_SECONDS``."""
        is_open = any(task.active_deadline_seconds is None for task in spec.tasks)
        return is_open and self.task_seconds is None and spec.defaults.active_deadline_seconds is None


def _with_limits(budgets: Sequence[Budget], asked: Sequence[Budget]) -> list[Budget]:
    """Budgets with other limits; what else the spec says of a unit stays."""
    found = {budget.unit: budget for budget in budgets}
    for budget in asked:
        known = found.get(budget.unit, budget)
        found[budget.unit] = known.model_copy(update={"limit": budget.limit})
    return list(found.values())


def _checks(commands: Sequence[str]) -> list[VerificationCheck]:
    """Checks with these commands; each has its command as its name, as far as a name can be that."""
    found: dict[str, VerificationCheck] = {}
    for command in commands:
        name = re.sub(r"[^a-z0-9]+", "-", command.lower()).strip("-")[:_NAME_MAX].strip("-") or "check"
        while name in found:
            name = f"{name[:_NAME_MAX]}-{len(found) + 1}"
        found[name] = VerificationCheck(name=name, command=["/bin/sh", "-c", command])
    return list(found.values())


def _without(task: Task, fields: set[str]) -> Task:
    """A task that sets none of these fields by itself."""
    own = [field for field in fields if getattr(task, field) is not None]
    return task.model_copy(update=dict.fromkeys(own)) if own else task


def _with_time(task: Task) -> Task:
    """A task that may take much longer than it is expected to, however long that is."""
    expected = _ESTIMATES * (task.estimate_seconds or 0)
    is_long = expected > TASK_SECONDS and task.active_deadline_seconds is None
    return task.model_copy(update={"active_deadline_seconds": expected}) if is_long else task
