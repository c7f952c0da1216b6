"""Who keeps projects and has them planned, as whoever does something for a project sees it."""

from collections.abc import Collection
from typing import Protocol

from parallelproject.controller.projects.project import Project


class Keeper(Protocol):
    """Keeps projects; the registry is one."""

    @property
    def projects(self) -> Collection[Project]:
        """All that are known."""

    def again(self, project: Project, seconds: float = 0.0) -> None:
        """Has a project planned again, now or after so many seconds."""

    def is_current(self, project: Project) -> bool:
        """Whether a project is still the one of its name that is known."""

    def drop(self, project: Project) -> None:
        """Forgets a project that is not there any more."""
