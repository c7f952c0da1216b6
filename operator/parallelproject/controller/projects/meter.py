"""Measurements of the work for projects: how long its parts take, and errors of a watch."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Meter(Protocol):
    """Measures. Times are monotonic seconds."""

    @property
    def woken(self) -> float:
        """When the project came into the queue that is planned now."""

    def reconciling(self, since: float) -> AbstractContextManager[object]:
        """A project is planned that was queued at this time."""

    def planning(self) -> AbstractContextManager[object]:
        """The plan alone is made."""

    def released(self, woken: float) -> None:
        """The API server has answered the creation of a Job; ``woken`` is of the plan that decided on it."""

    def status_written(self, seconds: float) -> None:
        """A status is written; its first plan was made the given number of seconds ago."""

    def kopf_ended(self) -> None:
        """kopf has ended by itself, and is restarted."""

    def project_missed(self) -> None:
        """kopf did not deliver a state of a project, which is read instead."""


class Unmeasured:
    """Measures nothing."""

    woken = 0.0

    def reconciling(self, since: float) -> AbstractContextManager[object]:
        """Not measured."""
        return nullcontext()

    def planning(self) -> AbstractContextManager[object]:
        """Not measured."""
        return nullcontext()

    def released(self, woken: float) -> None:
        """Not measured."""

    def status_written(self, seconds: float) -> None:
        """Not measured."""

    def kopf_ended(self) -> None:
        """Not measured."""

    def project_missed(self) -> None:
        """Not measured."""
