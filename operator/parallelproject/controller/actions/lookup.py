"""Looks up the object of an attempt, adopts it if it is ours, and restores its labels and owner."""

import asyncio
import logging

from parallelproject.controller.actions.requests import Requests, pause
from parallelproject.controller.projects.feed import Feed
from parallelproject.controller.projects.keeper import Keeper
from parallelproject.controller.projects.project import Json, Project
from parallelproject.executors.base.executor import ObjectView
from parallelproject.executors.base.identity import is_ours
from parallelproject.executors.base.optional import RestoresMarks, SaysMore
from parallelproject.kube.client import Api, ApiError
from parallelproject.model.names import job_name
from parallelproject.model.status import Reason
from parallelproject.model.work import WorkKey

log = logging.getLogger(__name__)

_RESTORE_SECONDS = 1.0
"""Wait before labels and owner of an object are restored, since someone may remove them again."""


class Lookup:
    """Reads objects of attempts from the server's store."""

    def __init__(self, api: Api, keeper: Keeper, requests: Requests, feed: Feed) -> None:
        """Prepares it.

        Args:
            api: An open connection.
            keeper: Keeps the projects.
            requests: Runs what it starts.
            feed: Reports what no status shows.
        """
        self._api = api
        self._keeper = keeper
        self._requests = requests
        self._feed = feed

    def path(self, project: Project, key: WorkKey) -> str:
        """The path of an attempt's object."""
        own = project.owner
        return project.executor.resource.path(own.namespace, job_name(own.name, own.uid, key))

    def look_up(self, project: Project, key: WorkKey) -> None:
        """Requests an object that is not observed: only an object that the server does not know is lost."""
        self._requests.start(project, "look-up", key, self._look_up(project, key))

    def restore(self, project: Project, key: WorkKey, uid: str) -> None:
        """Restores the labels and the owner of an object, by which it is watched and deleted."""
        if isinstance(project.executor, RestoresMarks):
            self._requests.start(project, "restore", key, self._restore(project.executor, project, key, uid))

    async def is_found(self, project: Project, key: WorkKey) -> bool:
        """Whether the object exists; retries until there is an answer."""
        failures = 0
        while True:
            try:
                return await self.adopt(project, key)
            except ApiError as error:
                failures += 1
                log.warning("looking up %s: %s", key, error)
                await pause(failures, error)

    async def adopt(self, project: Project, key: WorkKey) -> bool:
        """Adopts the existing object if it belongs to the attempt; returns whether that is settled."""
        found = await self._get(project, key)
        if found is None:
            return False  # deleted in between: create it again
        if self._takes(project, key, found):
            project.observed.found(key, project.executor.view(found))
        else:
            what = f"{project.executor.resource.kind} {found['metadata']['name']}"
            self._feed.warn(project, "NameConflict", f"{key.work}: {what} belongs to another owner")
            project.observed.refused(key, Reason.NAME_CONFLICT, self._api.clock.now())
        return True

    async def _look_up(self, project: Project, key: WorkKey) -> None:
        """Finds the attempt's object. If it was deleted, the attempt is lost, unless the project was deleted with
        it."""
        failures = 0
        while self._keeper.is_current(project):  # no other request may follow
            try:
                found = await self._get(project, key)
                if found is not None and self._takes(project, key, found):
                    view = project.executor.view(found)
                    project.observed.found(key, view)
                    self._say_end(project, key, view)
                elif await self._is_there(project):
                    project.observed.gone(key)
                else:
                    project.observed.gone(key)
                    self._keeper.drop(project)
                return
            except ApiError as error:
                failures += 1
                log.warning("looking up %s: %s", key, error)
                await pause(failures, error)
        project.observed.gone(key)  # with its project, or soon: it is no longer needed

    def _say_end(self, project: Project, key: WorkKey, view: ObjectView) -> None:
        """Reports how an attempt ended where its object says it in a sentence: a status has no place for that."""
        said = project.executor.said_at_end(view) if isinstance(project.executor, SaysMore) else ""
        if said:
            kind = project.executor.resource.kind
            self._feed.remind(project, (key, view.uid), f"{kind}Ended", f"{key.work}: {kind} {view.name}: {said}")

    def _takes(self, project: Project, key: WorkKey, obj: Json) -> bool:
        """Whether an object belongs to the attempt; if so, its labels and owner are restored."""
        known = project.observed.view(key)
        if not is_ours(obj, project.owner, key, known.uid if known else ""):
            return False
        restores = project.executor if isinstance(project.executor, RestoresMarks) else None
        if restores is not None and not restores.is_intact(obj, project.owner, key):
            self.restore(project, key, obj["metadata"]["uid"])
        return True

    async def _restore(self, executor: RestoresMarks, project: Project, key: WorkKey, uid: str) -> None:
        path, failures = self.path(project, key), 0
        change = executor.restore(project.owner, key, uid)
        await asyncio.sleep(_RESTORE_SECONDS)
        while (
            self._keeper.is_current(project) and not project.is_going
        ):  # its objects may be orphaned: --cascade=orphan
            try:
                found = await self._api.request(change.method, path, change.body, content_type=change.content_type)
            except ApiError as error:
                if error.status in (404, 409):
                    self.look_up(project, key)
                    return
                failures += 1
                log.warning("restoring labels and owner of %s: %s", path, error)
                await pause(failures, error)
            else:
                kind = project.executor.resource.kind
                project.observed.found(key, project.executor.view(found))
                message = f"{key.work}: labels or owner of its {kind} were removed, and are restored"
                self._feed.warn(project, f"{kind}Restored", message)
                return

    async def _is_there(self, project: Project) -> bool:
        """Whether the same project still exists, and not another one of its name."""
        try:
            found = await self._api.request("GET", project.path)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        if found["metadata"]["uid"] != project.owner.uid:
            return False
        project.update(found)  # it may be deleted soon
        return True

    async def _get(self, project: Project, key: WorkKey) -> Json | None:
        """The attempt's object, read from the server's store and not from a cache; None if it does not exist."""
        try:
            return await self._api.request("GET", self.path(project, key))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
