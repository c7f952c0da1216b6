"""What Kueue says about Jobs that wait in its queues: read from its Workloads when someone asks, never watched.

The Workload of a Job has a label with the uid of the Job.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from parallelproject.kube.client import METADATA, Api, ApiError
from parallelproject.model.names import LABEL_PROJECT_UID

if TYPE_CHECKING:
    from parallelproject.core.report.why.answer import Why

Json = dict[str, Any]

_VERSIONS = ("v1beta2", "v1beta1")
"""Of Kueue's API; the first one that is served counts."""
_JOB_UID = "kueue.x-k8s.io/job-uid"
_AT_ONCE = 50
"""Jobs that one request asks for: a query string has a maximum length."""
_NO_WORKLOAD = (
    "Kueue has no Workload for it: the controller may not run, may not manage this namespace, or the "
    "WorkloadPriorityClass in the labels of the Job does not exist"
)


async def with_words(api: Api, project: Json, found: Sequence["Why"]) -> list["Why"]:
    """The answers with what Kueue says about those that wait in a queue.

    Args:
        api: An open connection.
        project: The project.
        found: Answers of its tasks.
    """
    jobs = [each.job for each in found if each.look == "workload"]
    if not jobs:
        return list(found)
    namespace, uid = project["metadata"]["namespace"], project["metadata"]["uid"]
    try:
        uids = await _uids(api, namespace, uid)
        workloads = await _workloads(api, namespace, [uids[job] for job in jobs if job in uids])
    except ApiError as error:
        words = f"what Kueue says about it cannot be read: {error}"
        return [replace(each, more=(words, *each.more)) if each.look == "workload" else each for each in found]
    return [_with_words(each, uids, workloads) if each.look == "workload" else each for each in found]


def _with_words(found: "Why", uids: Mapping[str, str], workloads: Mapping[str, Json] | None) -> "Why":
    if workloads is None:
        words = "this cluster does not serve the Workloads of Kueue: install it, or remove queueName from the project"
        return replace(found, more=(words, *found.more), look="job")
    workload = workloads.get(uids.get(found.job, ""))
    if workload is None:
        return replace(found, more=(_NO_WORKLOAD, *found.more), look="job")
    return replace(found, more=(f"Kueue says: {said(workload)}", *found.more))


def said(workload: Mapping[str, Any]) -> str:
    """What a Workload that is not admitted says about that, in its own words."""
    status = workload.get("status") or {}
    conditions: dict[str, Mapping[str, Any]] = {each.get("type"): each for each in status.get("conditions") or ()}
    evicted, reserved = conditions.get("Evicted", {}), conditions.get("QuotaReserved", {})
    checks = [
        f"{check.get('name')}: {check.get('message') or check.get('state')}"
        for check in status.get("admissionChecks") or ()
        if check.get("state") != "Ready"
    ]
    if reserved.get("status") == "True" and checks:
        return f"admission checks are not done: {'; '.join(checks)}"
    parts = [
        str(each["message"])
        for each in (evicted if evicted.get("status") == "True" else {}, reserved)
        if each.get("message")
    ]
    return "; ".join(dict.fromkeys(parts)) or "nothing yet: it has not been considered"


async def _uids(api: Api, namespace: str, project_uid: str) -> dict[str, str]:
    """By name, the uids of the Jobs of a project."""
    path, params = (
        f"/apis/batch/v1/namespaces/{namespace}/jobs",
        {"labelSelector": f"{LABEL_PROJECT_UID}={project_uid}"},
    )
    found = await api.request("GET", path, params=params, accept=METADATA.of_list)
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in found.get("items") or ()}


async def _workloads(api: Api, namespace: str, uids: Sequence[str]) -> dict[str, Json] | None:
    """By the uid of its Job, each Workload; None if the cluster serves none."""
    found: dict[str, Json] = {}
    version = 0
    for start in range(0, len(uids), _AT_ONCE):
        params = {"labelSelector": f"{_JOB_UID} in ({','.join(uids[start : start + _AT_ONCE])})"}
        while True:
            try:
                path = f"/apis/kueue.x-k8s.io/{_VERSIONS[version]}/namespaces/{namespace}/workloads"
                items = (await api.request("GET", path, params=params)).get("items") or ()
                break
            except ApiError as error:
                if error.status != 404:
                    raise
                version += 1
                if version == len(_VERSIONS):
                    return None
        found |= {each["metadata"]["labels"][_JOB_UID]: each for each in items}
    return found
