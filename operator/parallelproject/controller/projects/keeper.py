"""The keeper of projects, as code that acts for a project sees it."""

from collections.abc import Collection
from typing import Protocol

from parallelproject.controller.projects.project import Project


class Keeper(Protocol):
    """Keeps projects and schedules their plans; the registry is one."""

    @property
    def projects(self) -> Collection[Project]:
        """All that are known."""

    def again(self, project: Project, seconds: float = 0.0) -> None:
        """Schedules a plan of a project, now or after a number of seconds."""

    def again_soon(self, project: Project) -> None:
        """Schedules a plan of a project that has nothing urgent: with the next one, or after a moment."""

    def is_current(self, project: Project) -> bool:
        """Whether a project is still the known one of its name."""

    def drop(self, project: Project) -> None:
        """Forgets a deleted project."""
