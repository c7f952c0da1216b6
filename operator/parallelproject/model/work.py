"""What is started: of which kind, for which task and step, and by which attempt. One key for all of it.

Names of Jobs, labels, what is observed and requests under way are keyed by it, so that each attempt exists once.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple, Self


class WorkKind(StrEnum):
    """What a piece of work is for."""

    TASK = "Task"
    """An attempt at a task of the spec."""
    PUBLISH = "Publish"
    """An attempt at publishing what has landed, of the whole project."""
    FOLLOW = "Follow"
    """A look at the pull request of the whole project, for some minutes."""
    VERIFY = "Verify"
    """A run of a check of what has landed; the step is the name of the check."""
    HOOK = "Hook"
    """A run of a hook; the step names the hook, and the level or group."""


class Work(NamedTuple):
    """A piece of work: what may take several attempts, of which no two run at once."""

    kind: WorkKind
    task: str = ""
    """Id of the task; empty for work of the whole project."""
    step: str = ""
    """Name of the step within the task; empty for the task itself."""

    @property
    def is_task(self) -> bool:
        """Whether it is a task, or one of its steps: what the planner decides on."""
        return self.kind is WorkKind.TASK

    def __str__(self) -> str:
        """As logs and Events name it: the task, or the kind where it belongs to none."""
        return "/".join(filter(None, (self.task or _WITHOUT_TASK[self.kind], self.step)))


class WorkKey(NamedTuple):
    """One attempt at a piece of work."""

    kind: WorkKind
    task: str
    step: str
    attempt: int
    """Number of the attempt, from 1."""

    @classmethod
    def of_task(cls, task: str, attempt: int, step: str = "") -> Self:
        """An attempt at a task; its attempts at steps are counted with those at its own work."""
        return cls(WorkKind.TASK, task, step, attempt)

    @classmethod
    def of_publishing(cls, attempt: int) -> Self:
        """An attempt at publishing."""
        return cls(WorkKind.PUBLISH, "", "", attempt)

    @classmethod
    def of_following(cls, number: int) -> Self:
        """A process that follows the pull request."""
        return cls(WorkKind.FOLLOW, "", "", number)

    @classmethod
    def of_check(cls, check: str, number: int) -> Self:
        """A run of a check of the verification."""
        return cls(WorkKind.VERIFY, "", check, number)

    @classmethod
    def of_hook(cls, step: str, number: int) -> Self:
        """A run of a hook of one level or group."""
        return cls(WorkKind.HOOK, "", step, number)

    @classmethod
    def of_fields(cls, fields: Iterable[Any]) -> Self:
        """The key with these fields, as JSON and SQLite have them.

        Raises:
            ValueError: there is no such kind, or the number of fields is another.
        """
        kind, task, step, attempt = fields
        return cls(WorkKind(kind), task, step, attempt)

    @property
    def work(self) -> Work:
        """What it is an attempt at."""
        return Work(self.kind, self.task, self.step)

    @property
    def is_task(self) -> bool:
        """Whether it is an attempt at a task, or at one of its steps: what the planner decides on."""
        return self.kind is WorkKind.TASK

    def __str__(self) -> str:
        """As logs name it."""
        return f"{self.work} (attempt {self.attempt})"


PUBLISHING = Work(WorkKind.PUBLISH)
"""Publishing, of which a project has one."""
FOLLOWING = Work(WorkKind.FOLLOW)
"""Following its pull request."""
_WITHOUT_TASK = {
    WorkKind.TASK: "?",
    WorkKind.PUBLISH: "publishing",
    WorkKind.FOLLOW: "following",
    WorkKind.VERIFY: "verification",
    WorkKind.HOOK: "hook",
}
