"""What keeps a valid spec from running in a cluster, with any executor. Pure."""

import json
from collections.abc import Iterator

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.graph.groups import tasks_by_group
from parallelproject.core.graph.steps import steps_by_task
from parallelproject.executors.base.inherited_metadata import is_ours
from parallelproject.model.problem import Problem, ProblemsError, quoted
from parallelproject.model.spec import AfterMaxRepairs, ExecutorKind, ForgeType, HookKind, Sandbox, Spec, is_followed
from parallelproject.model.status import HOOK_RUNS_MAX

_OBJECT_BYTES = 1_400_000
"""etcd takes 1.5 MB a request; the rest is for metadata and the condition messages."""
_ROW_BYTES = 200
"""Size of a task's row in the status, with a margin."""
_STEP_END_BYTES = 24
"""Size of the end of one attempt at a step in a row, without the name of the step."""
_NOT_WORKFLOW = "is not for executor Workflow: its template has the containers"
_VERIFICATION_BYTES = 300_000
"""Size of the record of a verification in the status, with a margin."""
_REVERTED_BYTES, _REVERTED_IDS = 60, 7
"""Size of what it has of a task whose work was taken off the branch, without its id; how often that has the id."""
_REVIEW_BYTES = 150_000
"""Size of the record of a followed pull request in the status, with a margin."""


def reserved_metadata(spec: Spec) -> Iterator[Problem]:
    """Labels and annotations that the objects of attempts may not inherit."""
    for kind in ("labels", "annotations"):
        for i, name in enumerate(getattr(spec.job_metadata, kind)):
            if is_ours(name):
                found = f"{quoted(name)} is reserved: the operator uses it to identify its {spec.executor}s"
                yield Problem(f"spec.jobMetadata.{kind}[{i}]", found, "remove it")


def local_only(spec: Spec) -> Iterator[Problem]:
    """What only local runs have: notifications, what a workspace gets of the machine."""
    workspace = spec.workspace
    in_template = spec.executor is ExecutorKind.WORKFLOW
    mount = "mount a Secret, a ConfigMap or a volume in the podTemplate"
    is_alone = workspace.cache_key and not workspace.setup
    no_checkout = "is for local runs only: a pod has no checkout of a user to take files from"
    for field, is_set, found, hint in (
        ("setup", in_template and workspace.setup, _NOT_WORKFLOW, "remove it, and run it in the template"),
        ("cacheKey", in_template and workspace.cache_key, _NOT_WORKFLOW, "remove it"),
        ("cacheKey", not in_template and is_alone, "is set, and setup is not", "remove it, or set setup"),
        ("copy", workspace.copy_files, no_checkout, f"remove it, and {mount}"),
        ("link", workspace.link, no_checkout, f"remove it, and {mount}"),
        ("ports", workspace.ports, "is for local runs only: each pod has an address of its own", "use any port"),
        ("sandbox", workspace.sandbox is not Sandbox.NONE, "is for local runs only: a pod is isolated", "remove it"),
    ):
        if is_set:
            yield Problem(f"spec.workspace.{field}", found, hint)
    if spec.notify is not None:
        hint = "remove it, or use pproj run; in a cluster the condition NeedsAttention and Events say the same"
        yield Problem("spec.notify", "is for local runs only", hint)


def no_steps(spec: Spec) -> Iterator[Problem]:
    """Steps where nothing hands the work from one to the next: the container that lands it does."""
    if not spec.steps:
        return
    if spec.executor is ExecutorKind.WORKFLOW:
        found = "are not for executor Workflow: no container there holds the work between two steps, and judges it"
        yield Problem("spec.steps", found, "remove them, or use executor Job")
    elif spec.git is None:
        found = "need spec.git in a cluster: the work between two steps is kept in the repository"
        yield Problem("spec.steps", found, "set spec.git, or remove them; a task that depends on another can judge it")


def budgets_not_observed(spec: Spec) -> Iterator[Problem]:
    """Budgets where nothing reads what an attempt has spent: the container that lands its work does."""
    if not spec.budgets:
        return
    if spec.executor is ExecutorKind.WORKFLOW:
        found = "are not for executor Workflow: nothing there reads what an attempt has spent"
        yield Problem("spec.budgets", found, "remove it, or use executor Job")
    elif spec.git is None and any(role.agent is None for role in spec.roles):
        found = "need spec.git in a cluster where a role has no agent: nothing reads what its attempts have spent"
        yield Problem("spec.budgets", found, "set spec.git, or use pproj run")


def too_many_hooks(spec: Spec) -> Iterator[Problem]:
    """More hooks of levels and groups than a status records."""
    if spec.hooks is None:
        return
    kinds = [kind for kind in HookKind if spec.hooks.of(kind)]
    of_groups = sum(kind in (HookKind.BEFORE_GROUP, HookKind.AFTER_GROUP) for kind in kinds)
    if len(kinds) * len(spec.tasks) <= HOOK_RUNS_MAX:  # there are not more levels or groups than tasks
        return
    try:
        levels = len(compile_graph(spec).levels)
    except ProblemsError:  # which are reported anyway
        return
    groups = len(tasks_by_group(spec.tasks))
    count = of_groups * groups + (len(kinds) - of_groups) * levels
    if count > HOOK_RUNS_MAX:
        found = f"run {count:,} times, for {levels:,} levels and {groups:,} groups; the maximum is {HOOK_RUNS_MAX:,}"
        yield Problem("spec.hooks", found, "remove some of them, or use pproj run")


def not_verified(spec: Spec) -> Iterator[Problem]:
    """A verification where nothing can check out what has landed."""
    if spec.verification is None:
        return
    if spec.executor is ExecutorKind.WORKFLOW:
        found = "is not for executor Workflow: checks of what has landed run as Jobs"
        yield Problem("spec.verification", found, "remove it, or use executor Job")
    elif spec.git is None:
        found = "needs a repository that the work lands in"
        yield Problem("spec.verification", found, "set spec.git, or remove it")


def not_followed(spec: Spec) -> Iterator[Problem]:
    """Feedback on a pull request where nothing is opened, or several, or where no task can act on it."""
    git = spec.git
    if git is None or git.pull_request is None or git.pull_request.feedback is None:
        return
    place = "spec.git.pullRequest.feedback"
    if git.forge is None or git.forge.type is ForgeType.NONE:
        yield Problem(place, "needs a forge with pull requests", "set spec.git.forge, or remove it")
    elif git.is_by_task or git.is_by_level:
        found = "is for one pull request, and spec.git makes several"
        yield Problem(place, found, "use strategy SharedBranch and pullRequest.scope Project, or remove it")
    if spec.executor is ExecutorKind.WORKFLOW:
        yield Problem(place, "is not for executor Workflow: repairs run as Jobs", "remove it, or use executor Job")


def too_large(spec: Spec, outputs: int = 0) -> Iterator[Problem]:
    """Whether a project does not fit into one object.

    Args:
        spec: The spec.
        outputs: Maximum bytes of the outputs of its tasks.
    """
    plain = spec.model_dump(by_alias=True, exclude_defaults=True)
    size = len(json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))
    size += _ROW_BYTES * len(spec.tasks) + _bytes_of_steps(spec) + outputs + bytes_of_verification(spec)
    size += _REVIEW_BYTES if is_followed(spec) else 0
    if size > _OBJECT_BYTES:
        found = f"{size:,} bytes with its status exceed the maximum size of an object ({_OBJECT_BYTES:,})"
        yield Problem("spec", found, "shorten descriptions, or split it into several projects")


def bytes_of_verification(spec: Spec) -> int:
    """Size of the record of the verification in the status: all work may be taken off the branch at once."""
    if spec.verification is None:
        return 0
    if spec.verification.after_max_repairs is not AfterMaxRepairs.REVERT:
        return _VERIFICATION_BYTES
    return _VERIFICATION_BYTES + sum(_REVERTED_BYTES + _REVERTED_IDS * len(task.id) for task in spec.tasks)


def _bytes_of_steps(spec: Spec) -> int:
    """Size of the ends of steps in the status, if each task is rejected once: all of its steps end twice."""
    if not spec.steps:
        return 0
    return sum(
        2 * (_STEP_END_BYTES + sum(_STEP_END_BYTES + len(step.name) for step in steps))
        for steps in steps_by_task(spec)
        if steps
    )
