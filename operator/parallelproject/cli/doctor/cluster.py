"""Whether a cluster is configured, answers, knows projects, lets this user work with them, and has an operator."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from parallelproject.cli.cluster.target import ClusterTarget, missing_kubeconfig
from parallelproject.cli.doctor.definition import APPLY, compare
from parallelproject.cli.doctor.definition import CHECK as DEFINITION
from parallelproject.cli.doctor.finding import Finding, error, ok, warning
from parallelproject.kube.client import Api, ApiError, NoClusterError
from parallelproject.kube.lease import LEASE
from parallelproject.model.names import CRD_NAME, GROUP, PLURAL

Json = dict[str, Any]

_OLDEST = (1, 31)
_RIGHTS = (
    (GROUP, PLURAL, ("get", "list", "watch", "create", "patch", "delete")),
    ("", "pods", ("get", "list")),
    ("", "pods/log", ("get",)),
)
"""What the commands ask for: of projects, and of pods for their logs."""


async def check_cluster(target: ClusterTarget) -> AsyncIterator[Finding]:
    """Lines on the cluster that a command line means."""
    fix = "set KUBECONFIG or give --kubeconfig and --context"
    missing = await asyncio.to_thread(missing_kubeconfig, target.kubeconfig)
    if missing is not None:  # looked at here, because the client prints a line of its own
        if target.is_given or os.environ.get("KUBECONFIG"):
            yield error("cluster", f"no cluster is configured: there is no file {missing}", fix)
        else:
            yield ok("cluster", "none is configured; runs on this machine need none")
        return
    try:
        api = await Api.connect(target.kubeconfig, target.context)
    except NoClusterError as failure:
        yield error("cluster", str(failure).partition(" (")[0], fix)
        return
    except Exception as failure:  # the client library raises anything for a kubeconfig that is none
        yield error("cluster", f"the kubeconfig cannot be read: {failure or type(failure).__name__}", fix)
        return
    namespace = target.namespace or api.namespace
    async with api:
        try:
            version = await api.request("GET", "/version", seconds=10)
        except ApiError as failure:
            cause = failure.__cause__ or failure
            yield error("cluster", f"{api.server} does not answer: {cause}", "is it running, and is the context right?")
            return
        yield _version(version, api.server)
        yield await _definition(api)
        yield await _rights(api, namespace)
        yield await _operator(api)


def _version(found: Json, server: str) -> Finding:
    numbers = [int("".join(filter(str.isdecimal, str(found.get(key) or "0"))) or 0) for key in ("major", "minor")]
    shown = str(found.get("gitVersion") or ".".join(map(str, numbers)))
    if tuple(numbers) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        return warning("cluster", f"{server} is Kubernetes {shown}", f"Kubernetes {oldest} or newer is what is tested")
    return ok("cluster", f"{server}, Kubernetes {shown}")


async def _definition(api: Api) -> Finding:
    try:
        found = await api.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRD_NAME}")
    except ApiError as failure:
        if failure.status == 404:
            return error(DEFINITION, f"the cluster has no {CRD_NAME}", APPLY)
        return warning(
            DEFINITION,
            f"{CRD_NAME} cannot be read: {failure}",
            "ask for the right to get customresourcedefinitions, or have a user who has it run pproj doctor",
        )
    return compare(found)


async def _rights(api: Api, namespace: str) -> Finding:
    """What this user may do, by reviews of the API server (SelfSubjectAccessReview)."""
    asked = [(group, resource, verb) for group, resource, verbs in _RIGHTS for verb in verbs]
    try:
        allowed = await asyncio.gather(*(_is_allowed(api, namespace, *one) for one in asked))
    except ApiError as failure:
        return warning("rights", f"rights in namespace {namespace} cannot be asked for: {failure}", "log in again")
    missing: dict[str, list[str]] = {}
    for (_, resource, verb), may in zip(asked, allowed, strict=True):
        if not may:
            missing.setdefault(resource, []).append(verb)
    if not missing:
        return ok("rights", f"all that the commands need in namespace {namespace}")
    shown = "; ".join(f"{', '.join(verbs)} {resource}" for resource, verbs in missing.items())
    fix = f"kubectl create rolebinding agents --clusterrole=edit --user=YOU -n {namespace}, by a user who may"
    found = f"not allowed in namespace {namespace}: {shown}"
    reads = {"get", "list", "watch"} & set(missing.get(PLURAL, ()))
    return error("rights", found, fix) if reads else warning("rights", found, fix)


async def _is_allowed(api: Api, namespace: str, group: str, resource: str, verb: str) -> bool:
    name, _, part = resource.partition("/")
    attributes = {"namespace": namespace, "group": group, "resource": name, "verb": verb}
    if part:
        attributes["subresource"] = part
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = await api.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    return bool((answer.get("status") or {}).get("allowed"))


async def _operator(api: Api) -> Finding:
    """Whether an operator holds its Lease, wherever that is."""
    path = "/apis/coordination.k8s.io/v1/leases"
    try:
        leases = (await api.request("GET", path, params={"fieldSelector": f"metadata.name={LEASE}"}))["items"]
    except ApiError as failure:
        return warning(
            "operator",
            f"cannot check whether an operator runs: {failure}",
            "ask the user who installed it, or for the right to list leases",
        )
    for lease in leases:
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") and _is_fresh(spec, api.clock.now()):
            return ok("operator", f"{spec['holderIdentity']} in namespace {lease['metadata']['namespace']}")
    found = "none runs" if not leases else "none has renewed its Lease in time"
    return warning(
        "operator", f"{found}, so projects do not start", "helm install, or pproj controller: docs/install.md"
    )


def _is_fresh(spec: Json, now: float) -> bool:
    try:
        renewed = datetime.fromisoformat(str(spec["renewTime"])).timestamp()
        return now - renewed < 2 * float(spec["leaseDurationSeconds"])
    except (KeyError, ValueError, TypeError):
        return False
