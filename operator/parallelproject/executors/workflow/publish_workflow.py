"""The Workflow of an attempt at publishing: one container, with our image; no template of the user. Pure."""

from collections.abc import Mapping
from typing import Any

from parallelproject.executors.base.executor import Json, PublishStart
from parallelproject.executors.base.inherited_metadata import inherited
from parallelproject.executors.base.object_metadata import object_metadata
from parallelproject.executors.base.publish_pod import DEADLINE_SECONDS, KEPT_SECONDS, RESULT_FILE, publish_pod
from parallelproject.executors.workflow.arguments import Declared, without_tags
from parallelproject.executors.workflow.manifest import API_VERSION, inline_spec, template_of
from parallelproject.executors.workflow.observation import RESULT
from parallelproject.model import names
from parallelproject.model.spec import Git, Spec

MAIN = "main"
"""Argo reads outputs from the container of this name."""
_ACCOUNT = "serviceAccountName"


def publish_workflow(start: PublishStart, git: Git, git_image: str) -> Json:
    """The Workflow of an attempt at publishing.

    Args:
        start: The attempt.
        git: The ``git`` of its spec, which has a forge.
        git_image: The image that has ``pproj-publish``.
    """
    pod = publish_pod(start.owner, start.spec, git, start.graph, start.plan, git_image, MAIN)
    output = {"name": RESULT, "globalName": RESULT, "valueFrom": {"path": RESULT_FILE, "default": ""}}
    template: Json = {
        "name": "publish",
        "container": {key: value for key, value in pod.container.items() if key != "name"},
        "volumes": pod.volumes,
        "outputs": {"parameters": [output]},
    }
    wanted = inherited(start.spec.job_metadata, start.metadata)
    spec: Json = {
        "entrypoint": "publish",
        "templates": [template],
        "podMetadata": {
            "labels": dict(wanted.labels),
            "annotations": {**wanted.annotations, names.ANNOTATION_PUBLISH: without_tags(pod.instruction)},
        },
        "activeDeadlineSeconds": DEADLINE_SECONDS,
        "ttlStrategy": {"secondsAfterCompletion": KEPT_SECONDS},
        **_of_roles(start.spec, start.templates),
    }
    metadata = object_metadata(start.owner, start.key, start.revision, inherited=wanted)
    return {"apiVersion": API_VERSION, "kind": "Workflow", "metadata": metadata, "spec": spec}


def _of_roles(spec: Spec, templates: Mapping[Any, Declared]) -> Json:
    """What the pods of tasks also need: the account by which Argo's executor reports outputs, and secrets to pull
    images. The account is that of the first role that names one."""
    found: Json = {}
    secrets: dict[str, Json] = {}
    for role in spec.roles:
        ref = template_of(role)
        of = inline_spec(role) if ref is None else templates[ref].pod if ref in templates else {}
        if isinstance(account := of.get(_ACCOUNT), str) and account:
            found.setdefault(_ACCOUNT, account)
        listed = of.get("imagePullSecrets")
        secrets |= {str(each.get("name")): dict(each) for each in listed or () if isinstance(each, Mapping)}
    return found | ({"imagePullSecrets": list(secrets.values())} if secrets else {})
