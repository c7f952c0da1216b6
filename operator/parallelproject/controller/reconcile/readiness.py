"""Whether a project may be planned: its attempts are observed, and the templates that its spec names were read."""

from collections.abc import Mapping, Sequence
from typing import Any

from parallelproject.controller.actions.templates import Templates
from parallelproject.controller.projects.keeper import Keeper
from parallelproject.controller.projects.project import Project
from parallelproject.executors.base.executor import Executor
from parallelproject.kube.reflector import Reflector
from parallelproject.model.problem import Problem
from parallelproject.model.status import ConditionType

_AGAIN_SECONDS = 1.0
_REFUSED_AGAIN_SECONDS = 5.0
"""After this time a problem that others must fix is checked again."""


class Readiness:
    """Finds what keeps a project with a valid spec from running."""

    def __init__(
        self, keeper: Keeper, templates: Templates, watches: Mapping[Executor[Any], Sequence[Reflector]]
    ) -> None:
        """Prepares it.

        Args:
            keeper: Schedules plans of projects that wait.
            templates: Reads the templates that specs name.
            watches: The watches of executors whose resources need not be served.
        """
        self._keeper = keeper
        self._templates = templates
        self._watches = watches

    def problems(self, project: Project) -> list[Problem] | None:
        """What keeps a project from running; None while that is not known. Another plan is scheduled in both cases."""
        if _has_completed(project):
            return []  # nothing starts later
        found = self._unobserved(project)
        if found == [] and not (project.spec is not None and project.spec.stop):  # which needs no template
            found = self._templates.problems(project)
        if found is None:
            self._keeper.again(project, _AGAIN_SECONDS)
        elif found:
            self._keeper.again(project, _REFUSED_AGAIN_SECONDS)
        return found

    def _unobserved(self, project: Project) -> list[Problem] | None:
        resource = project.executor.resource
        unknown = [each for each in self._watches.get(project.executor, ()) if not each.synced.is_set()]
        refused = next((each for each in unknown if each.is_refused), None)
        if refused is not None:
            found = f"{resource.kind}s cannot be watched: {refused.trouble}"
            hint = f"have the administrator install what serves {resource.group.removeprefix('/apis/')}, and grant it"
            return [Problem("spec.executor", found, hint, "ExecutorNotAvailable")]
        return None if unknown else []


def _has_completed(project: Project) -> bool:
    """Whether the status says that the project, as its spec is now, has completed."""
    conditions = project.status.get("conditions") or ()
    done: Mapping[str, Any] = next((each for each in conditions if each.get("type") == ConditionType.COMPLETED), {})
    return done.get("status") == "True" and done.get("observedGeneration") == project.generation
