"""HeldJob objects that no watch reports: copies that a person made, and objects without their labels and owner.

The operator looks for them once, at its start. While it runs, it knows its objects by their uid.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from parallelproject.controller.actions.evidence import Evidence, HeldJob, hold_of
from parallelproject.controller.projects.project import Project
from parallelproject.core.steps.step import OWN
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
            executor: Defines the objects.
            evidence: Releases them.
            is_watched: Whether the watch reports an object, or it is known already.
            project_of: The project with a namespace and uid, if it is known.
        """
        self._api = api
        self._executor = executor
        self._resource = executor.resource
        self._holds = isinstance(executor, HoldsEvidence)
        self._evidence = evidence
        self._is_watched = is_watched
        self._project_of = project_of

    async def release(self, namespace: str) -> None:
        """Releases those of a namespace, or of all namespaces if it is empty, when all projects are known."""
        while self._holds:
            try:
                async for held, hold in self._found(namespace):
                    where = f"{self._resource.kind} {held.namespace}/{held.name}"
                    log.warning("%s is held and is not an attempt: it is released", where)
                    self._evidence.release_stray(held, hold)
                return
            except ApiError as error:
                log.warning("looking for objects that are held and not watched: %s", error)
                await asyncio.sleep(max(error.retry_after, _AGAIN_SECONDS))

    async def _found(self, namespace: str) -> AsyncIterator[tuple[HeldJob, Hold]]:
        # All are listed, with any labels: only their metadata, one page at a time.
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
                    yield HeldJob(self._executor, metadata["namespace"], metadata["name"], metadata["uid"]), hold
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            params = {"limit": str(PAGE), "continue": token}


def _is_attempt(project: Project, name: str) -> bool:
    """Whether a name is that of an attempt: then it is looked up by its name, and its labels and owner are restored."""
    found = _NUMBER.search(name)
    if found is None:
        return False
    if project.graph is None:
        return True  # not known while the spec is invalid
    owner, number = project.owner, int(found[1])
    tasks = {*project.graph.ids, *project.ledger.records}  # tasks that were removed from the spec may still be stopping
    steps = {OWN, *(step.name for step in project.spec.steps)} if project.spec else {OWN}
    steps |= {record.step for record in project.ledger.records.values()}
    keys = [WorkKey.of_publishing(number)]
    keys += [WorkKey.of_task(task, number, step) for task in tasks for step in steps]
    return any(names.job_name(owner.name, owner.uid, key) == name for key in keys)
