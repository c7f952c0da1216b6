"""What a cluster with Argo Workflows has, as far as tests need it: CRDs without a schema, and the operator's rights."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rig.operator import ACCOUNT, NAMESPACE

Json = dict[str, Any]

GROUP, VERSION = "argoproj.io", "v1alpha1"
API = f"/apis/{GROUP}/{VERSION}"
CLUSTER_TEMPLATE = "stand-in"
"""The name of a ClusterWorkflowTemplate, where a control plane has one for all."""
_KINDS = {"Workflow": True, "WorkflowTemplate": True, "ClusterWorkflowTemplate": False}
"""By kind, whether it is in a namespace."""
RULES = [
    {
        "apiGroups": [GROUP],
        "resources": ["workflows"],
        "verbs": ["create", "get", "list", "watch", "patch", "delete"],
    },
    {"apiGroups": [GROUP], "resources": ["workflowtemplates", "clusterworkflowtemplates"], "verbs": ["get"]},
]
"""What the chart gives the operator with ``executors.workflow.enabled``; ``tests/charts`` compares the two."""


def crd(kind: str) -> Json:
    """A CRD as the published minimal ones are: any field, no subresource."""
    anything = {"type": "object", "x-kubernetes-map-type": "atomic", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "required": ["metadata", "spec"], "properties": {"spec": anything, "status": anything}}
    plural = f"{kind.lower()}s"
    version = {"name": VERSION, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced" if _KINDS[kind] else "Cluster",
            "versions": [version],
        },
    }


def rights() -> list[Json]:
    """The operator's rights on them."""
    name = "workflows-of-the-operator"
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}
    api, group = "rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io"
    return [
        {"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": name}, "rules": RULES},
        {
            "apiVersion": api,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [subject],
        },
    ]


def manifest(folder: Path, kinds: Sequence[str] = tuple(_KINDS)) -> Path:
    """A file with the CRDs and the rights, for a control plane to begin with."""
    file = folder / "argo.yaml"
    file.write_text("\n---\n".join(json.dumps(each) for each in [*map(crd, kinds), *rights()]))
    return file


def template(name: str = "agent", *, cluster: bool = False, namespace: str = "", **required: str) -> Json:
    """A template that the stand-in understands, see ``standin``.

    Args:
        name: Its name.
        cluster: Whether it is a ClusterWorkflowTemplate.
        namespace: Where it is, if not.
        required: Further parameters, by name; without a value where that is empty.
    """
    kind = "ClusterWorkflowTemplate" if cluster else "WorkflowTemplate"
    metadata = {"name": name} if cluster else {"name": name, "namespace": namespace}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": metadata, "spec": workflow_spec(**required)}


def workflow_spec(**more: str) -> Json:
    """The spec of a Workflow with one step, which the stand-in plays."""
    known = {
        "seconds": "0",
        "fail_attempts": "0",
        "exit_code": "1",
        "hold_attempts": "0",
        "quirk": "none",
        "puts": "{}",
    }
    parameters: list[Json] = [{"name": name, "value": value} for name, value in known.items()]
    parameters += [{"name": "pproj-attempt"}, {"name": "pproj-task-id"}]
    parameters += [{"name": name.replace("_", "-"), **({"value": v} if v else {})} for name, v in more.items()]
    command = {"image": "none", "command": ["true"]}
    return {
        "entrypoint": "main",
        "arguments": {"parameters": parameters},
        "templates": [{"name": "main", "container": command}],
    }
