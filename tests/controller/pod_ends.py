"""How a test ends a pod on a fake node: with exit codes and reports of its containers, as a kubelet writes them."""

from collections.abc import Mapping

from parallelproject.kube.client import MERGE_PATCH, ApiError
from tests.controller.cluster import Json, Namespace


def end_pod(ns: Namespace, pod: Json, code: int, ours: Mapping[str, tuple[int, str]]) -> bool:
    """Ends a pod; whether it was there, as it was read.

    Args:
        ns: Where.
        pod: The pod.
        code: The exit code of all containers that are not ours.
        ours: By name, the exit code and the report of our containers.
    """
    metadata = pod["metadata"]

    def ended(status: Json) -> Json:
        exit_code, said = ours.get(status["name"], (code, ""))
        at = {"startedAt": metadata["creationTimestamp"], "finishedAt": metadata["creationTimestamp"]}
        state = {"exitCode": exit_code, "message": said, "reason": "Completed", **at}
        return {**status, "ready": False, "started": False, "state": {"terminated": state}}

    has_failed = code or any(exit_code for exit_code, _ in ours.values())
    status: Json = {"phase": "Failed" if has_failed else "Succeeded"}
    for kind in ("initContainerStatuses", "containerStatuses"):
        status[kind] = [ended(each) for each in pod["status"].get(kind, ())]
    body = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": status}
    path = f"/api/v1/namespaces/{ns.name}/pods/{metadata['name']}/status"
    try:
        ns.client("PATCH", path, body, content_type=MERGE_PATCH)
    except ApiError as error:
        if error.status in (404, 409):
            return False
        raise
    return True
