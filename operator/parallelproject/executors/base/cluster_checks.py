"""What keeps a valid spec from running in a cluster, with any executor. Pure."""

import json
from collections.abc import Iterator

from parallelproject.executors.base.inherited_metadata import is_ours
from parallelproject.model.problem import Problem, quoted
from parallelproject.model.spec import ExecutorKind, Sandbox, Spec

_OBJECT_BYTES = 1_400_000
"""etcd takes 1.5 MB a request; the rest is for metadata and the condition messages."""
_ROW_BYTES = 200
"""Size of a task's row in the status, with a margin."""


def reserved_metadata(spec: Spec) -> Iterator[Problem]:
    """Labels and annotations that the objects of attempts may not inherit."""
    for kind in ("labels", "annotations"):
        for i, name in enumerate(getattr(spec.job_metadata, kind)):
            if is_ours(name):
                found = f"{quoted(name)} is reserved: the operator uses it to identify its {spec.executor}s"
                yield Problem(f"spec.jobMetadata.{kind}[{i}]", found, "remove it")


def local_only(spec: Spec) -> Iterator[Problem]:
    """What only local runs have: limits that adapt, fallbacks, verification, notifications, workspaces made ready."""
    if spec.verification is not None:
        yield Problem("spec.verification", "is for local runs only", "remove it, or use pproj run")
    workspace = spec.workspace
    for field, is_set in (
        ("setup", workspace.setup),
        ("cacheKey", workspace.cache_key),
        ("copy", workspace.copy_files),
        ("link", workspace.link),
        ("ports", workspace.ports),
        ("sandbox", workspace.sandbox is not Sandbox.NONE),
    ):
        if is_set:
            hint = "remove it, and do this in the image or the command; or use pproj run"
            yield Problem(f"spec.workspace.{field}", "is for local runs only", hint)
    if spec.notify is not None:
        hint = "remove it, or use pproj run; in a cluster the condition NeedsAttention and Events say the same"
        yield Problem("spec.notify", "is for local runs only", hint)
    for i, retry in enumerate(spec.retries):
        if retry.repair_after:
            yield Problem(f"spec.retries[{i}].repairAfter", "is for local runs only", "remove it, or use pproj run")
    for i, limit in enumerate(spec.limits):
        if limit.adaptive is not None:
            yield Problem(f"spec.limits[{i}].adaptive", "is for local runs only", "remove it, or use pproj run")
    for i, role in enumerate(spec.roles):
        if role.fallbacks:
            yield Problem(f"spec.roles[{i}].fallbacks", "are for local runs only", "remove it, or use pproj run")


def budgets_not_observed(spec: Spec) -> Iterator[Problem]:
    """Budgets where nothing reads what an attempt has spent: the container that lands its work does."""
    if not spec.budgets:
        return
    if spec.executor is ExecutorKind.WORKFLOW:
        found = "are not for executor Workflow: nothing there reads what an attempt has spent"
        yield Problem("spec.budgets", found, "remove it, or use executor Job")
    elif spec.git is None:
        found = "need spec.git in a cluster: the container that lands the work reads what an attempt has spent"
        yield Problem("spec.budgets", found, "set spec.git, or use pproj run")


def too_large(spec: Spec, outputs: int = 0) -> Iterator[Problem]:
    """Whether a project does not fit into one object.

    Args:
        spec: The spec.
        outputs: Maximum bytes of the outputs of its tasks.
    """
    plain = spec.model_dump(by_alias=True, exclude_defaults=True)
    size = len(json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))
    size += _ROW_BYTES * len(spec.tasks) + outputs
    if size > _OBJECT_BYTES:
        found = f"{size:,} bytes with its status exceed the maximum size of an object ({_OBJECT_BYTES:,})"
        yield Problem("spec", found, "shorten descriptions, or split it into several projects")
