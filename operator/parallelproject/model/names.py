"""Names that others rely on: the API group, labels, the environment of a task, Job names."""

import hashlib
import re

from parallelproject.model.work import WorkKey, WorkKind

GROUP = "parallelproject.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ParallelProject"
PLURAL = "parallelprojects"
SINGULAR = "parallelproject"
SHORT = "pproj"
CRD_NAME = f"{PLURAL}.{GROUP}"

LABEL_PROJECT = f"{GROUP}/project"
LABEL_PROJECT_UID = f"{GROUP}/project-uid"
LABEL_KIND = f"{GROUP}/kind"
"""The kind of work that an object is for, where that is not an attempt at a task."""
LABEL_TASK = f"{GROUP}/task"
LABEL_STEP = f"{GROUP}/step"
LABEL_LEVEL = f"{GROUP}/level"
LABEL_ATTEMPT = f"{GROUP}/attempt"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "parallelproject"

ANNOTATION_TASK = f"{GROUP}/task-file"
"""On a pod: the task file's JSON, mounted by the downward API."""
ANNOTATION_DELIVERY = f"{GROUP}/delivery"
"""On a pod: the instructions of ``pproj-git``, mounted by the downward API."""
ANNOTATION_PUBLISH = f"{GROUP}/publish"
"""On a pod: the instructions of ``pproj-publish``, mounted by the downward API."""
ANNOTATION_CHECK = f"{GROUP}/check"
"""On a pod: the instructions of ``pproj-git`` for a check of what has landed, mounted by the downward API."""
ANNOTATION_FEEDBACK = f"{GROUP}/feedback"
"""On a pod: the feedback of the previous attempt, mounted by the downward API."""
KUBECTL_CONTAINER = "kubectl.kubernetes.io/default-container"
"""On a pod: the container that ``kubectl logs`` and ``exec`` use: the one that runs the task, unless its template names
another. Admission may put other containers before it, such as proxies."""
ANNOTATION_CONTAINER = f"{GROUP}/container"
"""On a pod: the name of the container that runs the task, where ``KUBECTL_CONTAINER`` is another."""
ANNOTATION_CLAIM = f"{GROUP}/claim"
"""On a Job: the claim of its attempt, as JSON (``core.planner.claim``)."""
ANNOTATION_STOP = f"{GROUP}/stopped-for"
"""On a Job: why the operator stopped it."""

GITOPS = (
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
)
"""Labels and annotations by which Argo CD and Flux identify the objects that they sync from a repository."""

LABEL_QUEUE = "kueue.x-k8s.io/queue-name"
"""On a Job: the LocalQueue of Kueue that admits it."""
LABEL_QUEUE_PRIORITY = "kueue.x-k8s.io/priority-class"
"""On a Job: its WorkloadPriorityClass."""

FINALIZER_RECORDED = f"{GROUP}/recorded"
"""On a Job: the finalizer that keeps it until its result is recorded, even if someone deletes it."""
ANNOTATION_RECORDED = FINALIZER_RECORDED
"""On a Workflow: it is set when the finalizer of this name is removed, which others may also remove."""

ANNOTATION_MAX_CONCURRENT_TASKS = f"{GROUP}/max-concurrent-tasks"
"""On a namespace: maximum number of running tasks of all its projects together."""
ANNOTATION_HIGHEST_PRIORITY = f"{GROUP}/highest-priority"
"""On a namespace: P0 to P4, the highest priority of its projects; one that asks for a higher priority gets this one."""

ENV_RUN = "PPROJ_RUN"
"""The run's id: in a cluster the project's uid. A run on one machine finds its processes again by it."""
ENV_PROJECT = "PPROJ_PROJECT"
ENV_TASK_ID = "PPROJ_TASK_ID"
ENV_ATTEMPT = "PPROJ_ATTEMPT"
ENV_LEVEL = "PPROJ_LEVEL"
ENV_ROLE = "PPROJ_ROLE"
ENV_HOOK = "PPROJ_HOOK"
ENV_GROUP = "PPROJ_GROUP"
ENV_STEP = "PPROJ_STEP"
ENV_ROUND = "PPROJ_ROUND"
ENV_TASK_FILE = "PPROJ_TASK_FILE"
ENV_WORKSPACE = "PPROJ_WORKSPACE"
ENV_OUTPUTS = "PPROJ_OUTPUTS"
ENV_FEEDBACK = "PPROJ_FEEDBACK"
ENV_PROMPT_FILE = "PPROJ_PROMPT_FILE"
ENV_TRACEPARENT = "TRACEPARENT"
"""The trace that a task's spans belong to (W3C Trace Context)."""
ENV_SESSION = "PPROJ_SESSION"
ENV_PORT = "PPROJ_PORT"

UNIT_PATTERN = r"^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$"
"""The name of a unit of budgets, such as usd."""
NO_CHANGE, NEEDS_INPUT, USAGE, REJECTED = "no-change", "needs-input.md", "usage.json", "rejected.md"
"""Files in PPROJ_OUTPUTS that say something to us: why an attempt changed nothing, what it asks a person, and what it has
used, and why a gate rejects the work. They are no outputs."""
RESERVED_OUTPUTS = frozenset({NO_CHANGE, NEEDS_INPUT, USAGE, REJECTED})

EX_TEMPFAIL = 75
"""Exit code of sysexits.h: "later, not my fault". An attempt whose command ends with it is a deferral, and costs
nothing."""
ASKING_CODES = (0, EX_TEMPFAIL)
"""Exit codes with which a command may ask a person. An attempt that is stopped and ends with one of them asks, too."""

_NAME_MAX = 63  # a Job's name is also a label value of its pods
_DIGEST = 8  # hex digits; names differ by the digest alone only where ids do not survive lower-casing


def level_name(index: int) -> str:
    """What a level is called wherever people read of it: ``L0``, ``L1``, …, as levels count from 0."""
    return f"L{index}"


def parameter_variable(name: str) -> str:
    """The environment variable of a parameter: ``endpoint-url`` → ``PPROJ_PARAM_ENDPOINT_URL``."""
    return "PPROJ_PARAM_" + re.sub(r"[^A-Z0-9_]", "_", name.upper())


def port_variable(number: int) -> str:
    """The environment variable of a port of a task: ``PPROJ_PORT``, then ``PPROJ_PORT_1``, …"""
    return f"{ENV_PORT}_{number}" if number else ENV_PORT


def job_name(project: str, uid: str, key: WorkKey) -> str:
    """The name of an attempt's Job: the same for the same attempt, so that creating it twice makes only one.

    The names of both kinds of attempts are the same in every release: a new release that takes over during a run finds
    the Jobs of the previous one.

    Args:
        project: Name of the project; only for readability.
        uid: The project's uid: a project that was deleted and created again has other Jobs.
        key: The attempt.

    Returns:
        A DNS label of at most 63 characters, as in ``checkout-backend-1-3f9a01c2``.
    """
    kind, task, step, attempt = key
    is_first_scheme = not step and ((kind is WorkKind.TASK and task) or (kind is WorkKind.PUBLISH and not task))
    identity = f"{uid}/{task}/{attempt}" if is_first_scheme else f"{uid}/{kind}/{task}/{step}/{attempt}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:_DIGEST]
    end = f"-{attempt}-{digest}"
    room = _NAME_MAX - len(end)
    task_part = _dns(f"{task}-{step}" if step else task or kind.value)[: max(8, room - len(project) - 1)]
    project_part = _dns(project)[: room - len(task_part) - 1].strip("-")
    return f"{project_part}-{task_part.strip('-')}{end}"


def _dns(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


CONFIG_FILE = ".pproj.yaml"
"""The file with the options of commands, next to a task file or above it."""
