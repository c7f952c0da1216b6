"""Objects that we hold and that no watch brings: copies that a person has made, and those that lost labels and owner.

They are looked for once, when the operator starts. While it runs, it knows its objects by their uid.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from parallelproject.controller.actions.evidence import Evidence, Held, hold_of
from parallelproject.controller.projects.project import Project
from parallelproject.executors.base.executor import Executor
from parallelproject.executors.base.identity import controller_of
from parallelproject.executors.base.optional import Hold, HoldsEvidence
from parallelproject.kube.client import METADATA, Api, ApiError
from parallelproject.kube.reflector import PAGE
from parallelproject.model import names
from parallelproject.model.work import WorkKey

log = logging.getLogger(__name__)

Json = Mapping[str, Any]

_AGAIN_SECONDS = 10.0
_NUMBER = re.compile(r"-([1-9]\d{0,5})-[0-9a-f]+\Z")


class Strays:
    """Finds them and releases them."""

    def __init__(
        self,
        api: Api,
        executor: Executor[Any],
        evidence: Evidence,
        is_watched: Callable[[Json], bool],
        project_of: Callable[[str, str], Project | None],
    ) -> None:
        """Prepares it.

        Args:
            api: An open connection.
            executor: Says what the objects are.
            evidence: Releases them.
            is_watched: Whether an object is brought by the watch, or known already.
            project_of: The project with a namespace and uid, where it is known.
        """
        self._api = api
        self._executor = executor
        self._resource = executor.resource
        self._holds = isinstance(executor, HoldsEvidence)
        self._evidence = evidence
        self._is_watched = is_watched
        self._project_of = project_of

    async def release(self, namespace: str) -> None:
        """Releases those of a namespace, or of all where it is empty, once all projects are known."""
        while self._holds:
            try:
                async for held, hold in self._found(namespace):
                    where = f"{self._resource.kind} {held.namespace}/{held.name}"
                    log.warning("%s is held and is no attempt: it is released", where)
                    self._evidence.release_stray(held, hold)
                return
            except ApiError as error:
                log.warning("looking for objects that are held and not watched: %s", error)
                await asyncio.sleep(max(error.retry_after, _AGAIN_SECONDS))

    async def _found(self, namespace: str) -> AsyncIterator[tuple[Held, Hold]]:
        # All are listed, whatever their labels: their metadata alone, a page at a time.
        params = {"limit": str(PAGE)}
        while True:
            page = await self._api.request(
                "GET", self._resource.path(namespace), params=params, accept=METADATA.of_list
            )
            for obj in page.get("items") or ():
                metadata = obj["metadata"]
                hold = hold_of(metadata)
                if names.FINALIZER_RECORDED not in hold.finalizers or self._is_watched(obj):
                    continue
                uid = controller_of(obj) or (metadata.get("labels") or {}).get(names.LABEL_PROJECT_UID, "")
                project = self._project_of(metadata["namespace"], uid)
                if project is None or not _is_attempt(project, metadata["name"]):
                    yield Held(self._executor, metadata["namespace"], metadata["name"], metadata["uid"]), hold
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            params = {"limit": str(PAGE), "continue": token}


def _is_attempt(project: Project, name: str) -> bool:
    """Whether a name is that of an attempt: it is looked up by its name, and gets back what it has lost."""
    found = _NUMBER.search(name)
    if found is None:
        return False
    if project.graph is None:
        return True  # nobody can say while the spec is invalid
    owner, number = project.owner, int(found[1])
    tasks = {*project.graph.ids, *project.ledger.records}  # some that left the spec may still be stopped
    keys = [WorkKey.of_publishing(number), *(WorkKey.of_task(task, number) for task in tasks)]
    return any(names.job_name(owner.name, owner.uid, key) == name for key in keys)
