"""Jobs that we hold and that no watch brings: copies that a person has made, and those that lost labels and owner.

They are looked for once, when the operator starts. While it runs, it knows its Jobs by their uid.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from parallelproject.controller.jobs.evidence import HeldJob
from parallelproject.controller.projects.project import Project
from parallelproject.executors.job.sightings import PUBLISHING
from parallelproject.executors.job.single_run import controller_of
from parallelproject.kube.client import METADATA, Api
from parallelproject.kube.reflector import PAGE
from parallelproject.model import names

Json = Mapping[str, Any]

_NUMBER = re.compile(r"-([1-9]\d{0,5})-[0-9a-f]+\Z")


async def strays(
    api: Api, path: str, is_watched: Callable[[Json], bool], project_of: Callable[[str, str], Project | None]
) -> AsyncIterator[HeldJob]:
    """Yields the Jobs that we hold and that are no attempt of a project that is there.

    Args:
        api: An open connection.
        path: Of the Jobs. All are listed, whatever their labels: their metadata alone, a page at a time.
        is_watched: Whether a Job is brought by the watch, or known already.
        project_of: The project with a namespace and uid, where it is known.

    Raises:
        ApiError: they cannot be listed.
    """
    params = {"limit": str(PAGE)}
    while True:
        page = await api.request("GET", path, params=params, accept=METADATA.of_list)
        for job in page.get("items") or ():
            metadata = job["metadata"]
            if names.FINALIZER_RECORDED not in (metadata.get("finalizers") or ()) or is_watched(job):
                continue
            uid = controller_of(job) or (metadata.get("labels") or {}).get(names.LABEL_PROJECT_UID, "")
            project = project_of(metadata["namespace"], uid)
            if project is None or not _is_attempt(project, metadata["name"]):
                yield HeldJob(metadata["namespace"], metadata["name"], metadata["uid"])
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return
        params = {"limit": str(PAGE), "continue": token}


def _is_attempt(project: Project, name: str) -> bool:
    """Whether a Job's name is that of an attempt: it is looked up by its name, and gets back what it has lost."""
    found = _NUMBER.search(name)
    if found is None:
        return False
    if project.graph is None:
        return True  # nobody can say while the spec is invalid
    owner = project.owner
    tasks = (*project.graph.ids, PUBLISHING)
    return any(names.job_name(owner.name, owner.uid, task, int(found[1])) == name for task in tasks)
