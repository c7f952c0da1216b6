"""Creates the object of an attempt, and ends only when it is known whether it exists.

After a lost answer the request is repeated, which is safe: a name is a function of its attempt, so a second creation
finds the first object.
"""

import asyncio
import logging
import math
import time

from parallelproject.controller.actions.lookup import Lookup
from parallelproject.controller.actions.removal import Removal
from parallelproject.controller.actions.requests import pause, spread
from parallelproject.controller.projects.feed import Feed
from parallelproject.controller.projects.keeper import Keeper
from parallelproject.controller.projects.meter import Meter
from parallelproject.controller.projects.project import Json, Project
from parallelproject.executors.base.optional import ReadsRefusals, Refused
from parallelproject.kube.client import Api, ApiError
from parallelproject.model.status import Reason
from parallelproject.model.work import WorkKey

log = logging.getLogger(__name__)

CREATES_AT_ONCE = 32
"""Maximum number of concurrent creations: enough to use an API server well, few enough to leave capacity for others."""
_TELL_AFTER_TRIES = 5
"""After this number of tries without an answer a creation is reported."""
_FREED_SECONDS = 10.0
"""Maximum time until a quota no longer counts a removed object."""


class Creation:
    """Creates objects."""

    def __init__(
        self,
        api: Api,
        keeper: Keeper,
        lookup: Lookup,
        removal: Removal,
        feed: Feed,
        meter: Meter,
    ) -> None:
        """Prepares it.

        Args:
            api: An open connection.
            keeper: Keeps the projects.
            lookup: Finds existing objects.
            removal: Removes finished objects if a quota counts them.
            feed: Reports refusals.
            meter: Measures when a task was released.
        """
        self._api = api
        self._keeper = keeper
        self._lookup = lookup
        self._removal = removal
        self._feed = feed
        self._meter = meter
        self._at_once = asyncio.Semaphore(CREATES_AT_ONCE)

    async def create(
        self, project: Project, key: WorkKey, manifest: Json, generation: int, woken: float | None = None
    ) -> None:
        """Creates the object of an attempt, unless the spec changes before it exists.

        Args:
            project: The project.
            key: The attempt, which counts as launching.
            manifest: The object.
            generation: Generation of the spec that it was built from.
            woken: Monotonic time of the request for the plan that decided on it.
        """
        tries, is_unsure, freed = 0, False, -math.inf
        refused: Refused | None = None
        while self._keeper.is_current(project) and project.generation == generation:
            try:
                async with self._at_once:
                    if project.generation != generation:
                        continue
                    tries += 1
                    if await self._try_create(project, key, manifest):
                        if woken is not None:
                            self._meter.released(woken)
                        return
                is_unsure = True
                await asyncio.sleep(spread(tries))
            except ApiError as error:
                refused = await self._refusal(project, manifest, error)
                if refused is not None:
                    if freed == -math.inf and await self._removal.make_room(project, refused):
                        freed = time.monotonic()
                    if refused.reason is Reason.WAITING_FOR_QUOTA and time.monotonic() < freed + _FREED_SECONDS:
                        refused = None
                        await pause(3, error)
                        continue
                    break
                is_unsure = True
                log.warning("creating %s: %s", manifest["metadata"]["name"], error)
                if tries >= _TELL_AFTER_TRIES:
                    self._denied(project, key, Refused(Reason.FAILED_CREATE, str(error)), waits=False)
                await pause(tries, error)
        # It may no longer be needed, or in another form. Unless one of the tries succeeded, the next plan decides.
        if is_unsure and await self._lookup.is_found(project, key):
            return
        if refused is None:
            project.observed.refused(key, None, self._api.clock.now())
        elif refused.reason is Reason.INVALID_POD_TEMPLATE:
            self._feed.warn(project, refused.reason, f"{key.work}: {refused.message}")
            project.observed.refused(key, refused.reason, self._api.clock.now())
        else:
            self._denied(project, key, refused)
            if not key.is_task:  # no plan waits for it
                held = project.observed.refusals.get(key)
                await asyncio.sleep(max(0.0, held.until - self._api.clock.now()) if held else 0.0)
                project.observed.refused(key, None, self._api.clock.now())

    async def _refusal(self, project: Project, manifest: Json, error: ApiError) -> Refused | None:
        """Why an object was refused; None if it is not known whether it exists."""
        if isinstance(project.executor, ReadsRefusals):
            return await project.executor.refusal(self._api, project.owner.namespace, manifest, error)
        is_sure = error.is_definite and error.status != 429
        return Refused(Reason.FAILED_CREATE, str(error)) if is_sure else None

    def _denied(self, project: Project, key: WorkKey, refused: Refused, *, waits: bool = True) -> None:
        """Records a temporary refusal of a creation, and reports it with an Event that is renewed in time."""
        now = self._api.clock.now()
        project.observed.denied(key, refused.reason, refused.message, now, waits=waits and key.is_task)
        what = (refused.reason, refused.message)
        self._feed.remind(project, what, "FailedCreate", f"{key.work}: {refused.message}")
        self._keeper.again(project)

    async def _try_create(self, project: Project, key: WorkKey, manifest: Json) -> bool:
        """Creates the object or finds it; returns whether the attempt's outcome is known then."""
        try:
            path = project.executor.resource.path(project.owner.namespace)
            found = await self._api.request("POST", path, manifest)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            return await self._lookup.adopt(project, key)
        project.observed.found(key, project.executor.view(found))
        return True
