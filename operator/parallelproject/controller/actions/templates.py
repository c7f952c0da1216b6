"""Reads the templates that specs name: their declared arguments must be known before anything starts."""

import logging
import time
from typing import Any
from weakref import WeakKeyDictionary

from parallelproject.controller.actions.requests import Requests, pause
from parallelproject.controller.projects.keeper import Keeper
from parallelproject.controller.projects.project import Project
from parallelproject.executors.base.executor import TemplateRef
from parallelproject.executors.base.optional import ReadsTemplates
from parallelproject.kube.client import Api, ApiError
from parallelproject.model.problem import Problem

log = logging.getLogger(__name__)

FRESH_SECONDS, FRESH_REFUSED_SECONDS = 30.0, 5.0
"""After this time a template is read again at the next plan, since users may have changed it; sooner if something is
wrong with it, since a user may be fixing it."""


class Templates:
    """Reads them, next to the loop."""

    def __init__(self, api: Api, keeper: Keeper, requests: Requests) -> None:
        """Prepares it.

        Args:
            api: An open connection.
            keeper: Schedules plans of projects whose templates were read.
            requests: Runs what it starts.
        """
        self._api = api
        self._keeper = keeper
        self._requests = requests
        self._read: WeakKeyDictionary[Project, tuple[int, float, list[Problem]]] = WeakKeyDictionary()
        """For which generation, when by the monotonic clock, and what could not be read."""

    def problems(self, project: Project) -> list[Problem] | None:
        """What keeps a project from running with its templates; None while they are being read."""
        executor, spec = project.executor, project.spec
        if spec is None or not isinstance(executor, ReadsTemplates) or not executor.templates(spec):
            return []
        generation, at, unread = self._read.get(project, (-1, 0.0, []))
        is_read = generation == project.generation
        found = unread or executor.template_problems(spec, project.templates) if is_read else None
        fresh = FRESH_REFUSED_SECONDS if found else FRESH_SECONDS
        if not is_read or time.monotonic() - at > fresh:
            self._requests.start(project, "read-templates", None, self._read_all(project, executor))
        return found

    async def _read_all(self, project: Project, executor: ReadsTemplates) -> None:
        spec, generation, failures = project.spec, project.generation, 0
        while spec is not None and self._keeper.is_current(project) and project.generation == generation:
            found: dict[TemplateRef, Any] = {}
            unread: list[Problem] = []
            try:
                for ref in executor.templates(spec):
                    problem = await self._read_one(project, executor, ref, found)
                    unread += [problem] if problem else []
            except ApiError as error:
                failures += 1
                log.warning("reading templates of %s: %s", project.path, error)
                await pause(failures, error)
                continue
            project.templates = found
            self._read[project] = (generation, time.monotonic(), unread)
            return

    async def _read_one(
        self, project: Project, executor: ReadsTemplates, ref: TemplateRef, found: dict[TemplateRef, Any]
    ) -> Problem | None:
        try:
            found[ref] = executor.template(await self._api.request("GET", ref.path(project.owner.namespace)))
        except ApiError as error:
            if error.status == 404:
                return None  # the executor reports that it does not exist
            if error.status == 403:
                hint = "have the administrator grant get on it to the operator"
                return Problem("spec.roles", f"{ref.resource.kind} {ref.name} cannot be read: {error}", hint)
            raise
        return None
