"""What the operator writes: the status of a ParallelProject.

These models describe and check; the hot path writes the same rows as plain dictionaries.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from parallelproject.model.base import Model
from parallelproject.model.spec import MAX_TASKS

Count = Annotated[int, Field(ge=0)]
Timestamp = Annotated[str, Field(max_length=32, json_schema_extra={"format": "date-time"})]
ShortText = Annotated[str, Field(max_length=64)]


class TaskState(StrEnum):
    """Where a task stands."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"


class Reason(StrEnum):
    """Why a task stands where it stands."""

    # Pending
    WAITING_FOR_DEPENDENCIES = "WaitingForDependencies"
    WAITING_FOR_LEVEL = "WaitingForLevel"
    WAITING_FOR_MERGE = "WaitingForMerge"
    WAITING_FOR_SLOT = "WaitingForSlot"
    WAITING_FOR_FILES = "WaitingForFiles"
    WAITING_FOR_ROLE = "WaitingForRole"
    WAITING_FOR_CAPACITY = "WaitingForCapacity"
    WAITING_FOR_PROJECT = "WaitingForProject"
    SUSPENDED = "Suspended"
    STARTING = "Starting"
    REFUSED_BY_POLICY = "RefusedByPolicy"
    WAITING_FOR_QUOTA = "WaitingForQuota"
    FAILED_CREATE = "FailedCreate"
    """The API server does not create its Job, for another reason than a policy or a quota."""
    BACKOFF = "Backoff"
    # Running, and not begun
    UNSCHEDULABLE = "Unschedulable"
    IMAGE_PULL_BACK_OFF = "ImagePullBackOff"
    POD_NOT_CREATED = "PodNotCreated"
    START_ERROR = "StartError"
    """Of a container that cannot be started; also Failed."""
    SCHEDULING_GATED = "SchedulingGated"
    JOB_SUSPENDED = "JobSuspended"
    """Somebody else has suspended the Job of the attempt, or set its parallelism to 0."""
    JOB_TERMINATING = "JobTerminating"
    """The Job of the attempt is being deleted."""
    NO_CONTROLLER = "NoController"
    """The Workflow of the attempt has no phase: Argo's controller has not looked at it."""
    WORKFLOW_PENDING = "WorkflowPending"
    """Argo's controller does not start the Workflow of the attempt yet."""
    # Skipped
    DEPENDENCY_FAILED = "DependencyFailed"
    STOPPED = "Stopped"
    # Failed
    EXIT_CODE = "ExitCode"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    POD_FAILED = "PodFailed"
    LOST = "Lost"
    INVALID_POD_TEMPLATE = "InvalidPodTemplate"
    NAME_CONFLICT = "NameConflict"
    WORKFLOW_FAILED = "WorkflowFailed"
    """The Workflow ended as Failed, and no exit code is in its message."""
    WORKFLOW_ERROR = "WorkflowError"
    """The Workflow ended as Error: Argo's controller could not run it."""
    # Failed, by git
    CONFLICT = "Conflict"
    BRANCH_REWRITTEN = "BranchRewritten"
    POLICY = "Policy"
    AUTH_OR_PROTECTED = "AuthOrProtected"
    EXHAUSTED = "Exhausted"
    TRANSIENT = "Transient"


REFUSALS = frozenset({Reason.REFUSED_BY_POLICY, Reason.WAITING_FOR_QUOTA, Reason.FAILED_CREATE})
"""Reasons of tasks whose Job the API server refuses and may allow later."""


class ConditionType(StrEnum):
    """The conditions of a project."""

    ACCEPTED = "Accepted"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    SUCCEEDED = "Succeeded"
    PUBLISHED = "Published"
    LIMITED = "Limited"
    REFUSED = "Refused"
    """True while the API server refuses Jobs of tasks that could start; absent otherwise."""
    READY = "Ready"
    """True once all tasks have succeeded, for tools that wait for an object (kstatus: Flux, Argo CD, kubectl wait)."""
    STALLED = "Stalled"
    """True when only a change by a person helps; absent otherwise (kstatus)."""
    TERMINATING = "Terminating"


class Condition(Model):
    """A condition, as everywhere in Kubernetes."""

    type: Annotated[str, Field(max_length=316)]
    """Accepted, Suspended, Completed, Succeeded, Ready; with a forge Published; Limited, Refused and Stalled while that is so; Terminating once it was deleted, while finalizers keep it."""
    status: Annotated[str, Field(max_length=7, json_schema_extra={"enum": ["True", "False", "Unknown"]})]
    """True, False or Unknown."""
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """A word for programs."""
    message: Annotated[str, Field(max_length=32_768)] = ""
    """A sentence for people."""
    observed_generation: Count | None = None
    """Generation of the spec that it tells of."""
    last_transition_time: Timestamp
    """When its status last changed."""


class Counts(Model):
    """How many tasks stand where."""

    total: Count
    """Tasks in the spec."""
    pending: Count
    """Tasks that wait."""
    running: Count
    """Running tasks."""
    succeeded: Count
    """Tasks that succeeded."""
    failed: Count
    """Tasks that failed for good."""
    skipped: Count
    """Tasks that will not run."""


class LevelPullRequest(Model):
    """The pull request of a level."""

    number: Count
    """Its number at the forge."""
    url: Annotated[str, Field(max_length=2048)]
    """Where it can be read."""
    state: Annotated[str, Field(max_length=16)]
    """State when it was last looked at: open, merged or closed."""


class LevelStatus(Model):
    """How far a level is."""

    index: Count
    """Its number, from 0."""
    total: Count
    """Its tasks."""
    succeeded: Count
    """Those that succeeded."""
    running: Count
    """Running tasks."""
    failed: Count
    """Those that failed for good."""
    skipped: Count
    """Those that will not run."""
    pull_request: LevelPullRequest | None = None
    """The pull request of the level, where each has one."""


class TaskStatus(Model):
    """A row for one task."""

    id: Annotated[str, Field(max_length=63)]
    """Id of the task."""
    state: TaskState
    """Pending, Running, Succeeded, Failed or Skipped."""
    level: Count | None = None
    """Its dependency level, from 0."""
    reason: Annotated[str, Field(max_length=64)] | None = None
    """Why it stands there."""
    attempts: Count | None = None
    """Attempts started so far; the last one's number."""
    failures: Count | None = None
    """Attempts that failed; an attempt stopped by us is none."""
    failure: Annotated[str, Field(max_length=64)] | None = None
    """Reason of the last failed attempt, while the task waits for or runs another."""
    exit_code: int | None = None
    """Exit code of the last failed attempt."""
    start_time: Timestamp | None = None
    """When the last attempt started."""
    completion_time: Timestamp | None = None
    """When the last attempt ended."""
    job_name: Annotated[str, Field(max_length=63)] | None = None
    """The Job or Workflow of the last attempt, while it runs or where it failed."""
    removed: bool | None = None
    """True for a task that is no longer in the spec."""
    conflicts: Count | None = None
    """Attempts whose work did not fit on what had landed: they count apart from failures."""
    commit: Annotated[str | None, Field(max_length=64)] = None
    """The commit that its work landed as."""
    undeclared: Count | None = None
    """Paths that its work changed besides the files that it declares."""
    shared: Count | None = None
    """Paths that its work changed and work that landed while it ran: it merged, but nothing kept the two apart."""
    kept: Count | None = None
    """Pieces of work that it left elsewhere than in its files, as on a branch of its own: kept in the repository, not landed."""


class Metrics(Model):
    """Figures of the run, as the field defines them."""

    wall_seconds: Count
    """Time from the project's start to its end, or to now."""
    work_seconds: Count
    """Sum of the times that the tasks' last attempts took."""
    critical_path_seconds: Count
    """Longest chain of dependent work, by the times taken."""
    speedup: ShortText
    """Work divided by wall time."""
    efficiency: ShortText
    """Speedup divided by the largest number of tasks that ran at once."""
    retries: Count
    """Attempts beyond each task's first."""
    peak_parallelism: Count
    """Largest number of tasks that ran at once."""
    conflict_rate: Annotated[str | None, Field(max_length=64)] = None
    """Conflicts divided by landings tried."""


class PullRequestStatus(Model):
    """A pull request of the project."""

    branch: Annotated[str, Field(max_length=255)]
    """The branch that it offers."""
    number: Count
    """Its number at the forge."""
    url: Annotated[str, Field(max_length=2048)]
    """Where it can be read."""
    state: Annotated[str, Field(max_length=16)]
    """State when it was last looked at: open, merged or closed."""
    level: Count | None = None
    """The level that it ends with, where each has one."""
    task: Annotated[str | None, Field(max_length=63)] = None
    """The task whose work it is, where each has one."""


class Publication(Model):
    """What the last publishing found."""

    revision: Annotated[str, Field(max_length=64)]
    """What was published: another word for each state of the work."""
    attempts: Count
    """Number of the last attempt, of all so far."""
    tries: Count = 0
    """Attempts at this revision since one of them got any further."""
    completion_time: Timestamp | None = None
    """When the last attempt ended."""
    published: Annotated[str, Field(max_length=7, json_schema_extra={"enum": ["True", "False", "Unknown"]})]
    """Status of the condition Published after it."""
    reason: Annotated[str, Field(max_length=64)]
    """Opened, Merged, ChecksFailed and others."""
    message: Annotated[str, Field(max_length=2048)] = ""
    """A sentence for people."""
    pull_requests: Annotated[list[PullRequestStatus], Field(max_length=100)] = []
    """The pull requests; of very many the latest."""
    merged_levels: Count | None = None
    """So many levels from the first on are merged, where each has a pull request."""


class Status(Model):
    """What is known of the project; written by the operator alone."""

    observed_generation: Annotated[int, Field(ge=-1)] | None = None
    """Generation of the spec that this status tells of; -1 until the operator has looked at it."""
    start_time: Timestamp | None = None
    """When the project was first accepted."""
    completion_time: Timestamp | None = None
    """When it ended."""
    progress: ShortText | None = None
    """Tasks that succeeded, of all."""
    level: ShortText | None = None
    """The level that runs, counted from 1, of all."""
    counts: Counts | None = None
    """How many tasks stand where."""
    conditions: Annotated[list[Condition], Field(max_length=16)] = []
    """Accepted, Suspended, Completed, Succeeded, Ready; with a forge Published; Limited, Refused and Stalled while that is so."""
    levels: Annotated[list[LevelStatus], Field(max_length=MAX_TASKS)] = []
    """How far each level is."""
    tasks: Annotated[list[TaskStatus], Field(max_length=2 * MAX_TASKS)] = []
    """A row for each task, in the order of the spec; then those removed from it."""
    publication: Publication | None = None
    """What the last publishing found; with a forge."""
    metrics: Metrics | None = None
    """Figures of the run."""
