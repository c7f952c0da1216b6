"""What the operator writes: the status of a ParallelProject.

These models describe and check; for speed, the operator writes the same rows as plain dictionaries.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from parallelproject.model.base import Model
from parallelproject.model.review_status import ReviewStatus
from parallelproject.model.spec import MAX_TASKS
from parallelproject.model.verification_status import VerificationStatus

Count = Annotated[int, Field(ge=0)]
Timestamp = Annotated[str, Field(max_length=32, json_schema_extra={"format": "date-time"})]
ShortText = Annotated[str, Field(max_length=64)]
UnitAmounts = Annotated[dict[str, ShortText], Field(max_length=16)]
"""Decimal amounts by unit."""


class TaskState(StrEnum):
    """The state of a task."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"


_STATES = {state.value: state for state in TaskState}


def task_state(name: object) -> TaskState:
    """The state of a row by its name; Pending for anything else, such as a state of a later version."""
    return _STATES.get(name, TaskState.PENDING) if isinstance(name, str) else TaskState.PENDING


QUESTION_MAX = 4096
"""Maximum characters of a question in a status."""
GROUPS_MAX = 500
"""Maximum number of groups in a status."""
HOOK_RUNS_MAX = 1000
"""Maximum number of hooks of levels and groups in a status."""
OUTPUTS_MAX = 64
"""Maximum number of outputs of a task in a status."""
STEP_ENDS_MAX = 1000
"""Maximum number of ends of steps of a task in a status: the last ones."""
ENDED_STATES = frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED})
"""The states in which nothing of a task runs or will run, unless it is retried."""
OPEN_STATES = frozenset({TaskState.PENDING, TaskState.RUNNING})
"""The other ones."""


class Reason(StrEnum):
    """Why a task is in its state."""

    # Pending
    WAITING_FOR_DEPENDENCIES = "WaitingForDependencies"
    WAITING_FOR_LEVEL = "WaitingForLevel"
    WAITING_FOR_MERGE = "WaitingForMerge"
    WAITING_FOR_SLOT = "WaitingForSlot"
    WAITING_FOR_FILES = "WaitingForFiles"
    WAITING_FOR_ROLE = "WaitingForRole"
    WAITING_FOR_CAPACITY = "WaitingForCapacity"
    WAITING_FOR_PROJECT = "WaitingForProject"
    WAITING_FOR_VERIFICATION = "WaitingForVerification"
    """The checks of what the levels before have landed have not passed yet."""
    WAITING_FOR_HOOK = "WaitingForHook"
    """A hook of its level or group, or of the level before, has not ended."""
    SUSPENDED = "Suspended"
    STARTING = "Starting"
    REFUSED_BY_POLICY = "RefusedByPolicy"
    WAITING_FOR_QUOTA = "WaitingForQuota"
    """A ResourceQuota is used up, or the Job of the attempt waits in a queue of Kueue."""
    WAITING_FOR_QUEUE = "WaitingForQueue"
    """As many Jobs as may wait in queues do."""
    FAILED_CREATE = "FailedCreate"
    """The API server refuses to create its Job for a reason other than a policy or a quota."""
    BACKOFF = "Backoff"
    WAITING_FOR_APPROVAL = "WaitingForApproval"
    """A person has to approve it (spec.tasks[].approval)."""
    WAITING_FOR_INPUT = "WaitingForInput"
    """It has asked a question that nobody has answered; this costs no attempt."""
    WAITING_FOR_BUDGET = "WaitingForBudget"
    """What its next attempt is expected to spend does not fit into what is left of a budget."""
    WAITING_FOR_LIMIT = "WaitingForLimit"
    """A task of the same limit of the provider met it, or as many run as may; this costs no attempt."""
    # Running, and not started yet
    UNSCHEDULABLE = "Unschedulable"
    IMAGE_PULL_BACK_OFF = "ImagePullBackOff"
    POD_NOT_CREATED = "PodNotCreated"
    START_ERROR = "StartError"
    """A container cannot be started; also a reason of Failed."""
    SCHEDULING_GATED = "SchedulingGated"
    JOB_SUSPENDED = "JobSuspended"
    """Someone other than the operator suspended the Job of the attempt, or set its parallelism to 0."""
    JOB_TERMINATING = "JobTerminating"
    """The Job of the attempt is being deleted."""
    NO_CONTROLLER = "NoController"
    """The Workflow of the attempt has no phase: Argo's controller has not looked at it."""
    WORKFLOW_PENDING = "WorkflowPending"
    """Argo's controller does not start the Workflow of the attempt yet."""
    # Skipped
    DEPENDENCY_FAILED = "DependencyFailed"
    STOPPED = "Stopped"
    HOOK_FAILED = "HookFailed"
    """A hook with onFailure Stop has failed, which ends the project."""
    SKIP_REQUESTED = "SkipRequested"
    """It is in spec.skip: what depends on it runs all the same."""
    CONDITION_FALSE = "ConditionFalse"
    """A condition in its ``when`` does not hold: what depends on it runs all the same."""
    # Failed
    EXIT_CODE = "ExitCode"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    POD_FAILED = "PodFailed"
    LOST = "Lost"
    INVALID_POD_TEMPLATE = "InvalidPodTemplate"
    NAME_CONFLICT = "NameConflict"
    SETUP_FAILED = "SetupFailed"
    """The command that makes the workspace ready failed: no other task could start either."""
    OUTPUT_MISSING = "OutputMissing"
    """The output that one of its parameters takes does not exist, so it has not started."""
    # Failed, by its agent
    RATE_LIMITED = "RateLimited"
    QUOTA_EXHAUSTED = "QuotaExhausted"
    AGENT_AUTH = "AgentAuth"
    """The provider refuses the agent's key or login."""
    AGENT_DENIED = "AgentDenied"
    """The agent was not allowed to use a tool that it needed."""
    TURN_LIMIT = "TurnLimit"
    BUDGET_HIT = "BudgetHit"
    AGENT_ERROR = "AgentError"
    """The agent did not come to a clean end, whatever its exit code says."""
    NO_CHANGE = "NoChange"
    """The agent changed nothing and did not declare that nothing was to be done."""
    NEEDS_INPUT = "NeedsInput"
    """The attempt ended with a question to a person; the task has failed only if it asked too often."""
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
    GATE_FAILED = "GateFailed"
    """The check that must pass before its work lands did not, or a gate rejected it too often."""
    VERIFICATION_FAILED = "VerificationFailed"
    """Its work has landed and breaks a check, and it may not be repaired again."""


PASSED = frozenset({Reason.SKIP_REQUESTED, Reason.CONDITION_FALSE})
"""Reasons of skipped tasks that what depends on them does not wait for."""
REFUSALS = frozenset({Reason.REFUSED_BY_POLICY, Reason.WAITING_FOR_QUOTA, Reason.FAILED_CREATE})
"""Reasons of tasks whose Job the API server refuses now and may allow later."""

PEOPLE_REASONS = frozenset({Reason.WAITING_FOR_APPROVAL, Reason.WAITING_FOR_INPUT})
"""Reasons of tasks that wait for a person."""

AGENT_REASONS = frozenset(
    {
        Reason.RATE_LIMITED,
        Reason.QUOTA_EXHAUSTED,
        Reason.AGENT_AUTH,
        Reason.AGENT_DENIED,
        Reason.TURN_LIMIT,
        Reason.BUDGET_HIT,
        Reason.AGENT_ERROR,
        Reason.NO_CHANGE,
        Reason.NEEDS_INPUT,
    }
)
"""Reasons that the output of an agent gives, whatever its exit code."""


class ConditionType(StrEnum):
    """The conditions of a project."""

    ACCEPTED = "Accepted"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    SUCCEEDED = "Succeeded"
    PUBLISHED = "Published"
    REVIEWED = "Reviewed"
    """With feedback on the pull request: True once it is merged or approved, False when a person has to act."""
    LIMITED = "Limited"
    BUDGET_EXHAUSTED = "BudgetExhausted"
    """True while nothing runs and tasks wait for a larger limit of a budget; False in other projects with budgets."""
    REFUSED = "Refused"
    """True while the API server refuses Jobs of tasks that could start; absent otherwise."""
    READY = "Ready"
    """True once all tasks have succeeded, for tools that wait for an object (kstatus: Flux, Argo CD, kubectl wait)."""
    STALLED = "Stalled"
    """True when only a change by a person helps; absent otherwise (kstatus)."""
    TERMINATING = "Terminating"
    VERIFIED = "Verified"
    """With verification: whether all that has landed passes the checks."""
    HOOKS_SUCCEEDED = "HooksSucceeded"
    """With hooks: whether all that have run so far have succeeded."""
    NEEDS_ATTENTION = "NeedsAttention"
    """True while something waits for a person; absent otherwise."""


class Condition(Model):
    """A condition, as everywhere in Kubernetes."""

    type: Annotated[str, Field(max_length=316)]
    """Accepted, Suspended, Completed, Succeeded, Ready; with a forge Published; with budgets BudgetExhausted; with hooks HooksSucceeded; Limited, Refused,
    NeedsAttention and Stalled while that is so; Terminating after it was deleted, while finalizers keep it."""
    status: Annotated[str, Field(max_length=7, json_schema_extra={"enum": ["True", "False", "Unknown"]})]
    """True, False or Unknown."""
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """One word, for programs."""
    message: Annotated[str, Field(max_length=32_768)] = ""
    """A sentence, for people."""
    observed_generation: Count | None = None
    """Generation of the spec that it is about."""
    last_transition_time: Timestamp
    """When its status last changed."""


class Counts(Model):
    """How many tasks are in which state."""

    total: Count
    """Tasks in the spec."""
    pending: Count
    """Waiting tasks."""
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
    """State when it was last checked: open, merged or closed."""


class LevelStatus(Model):
    """The progress of a level."""

    index: Count
    """Its number, from 0: level 1 is L1."""
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
    """The pull request of the level, if each level has one."""


class TaskStatus(Model):
    """A row for one task."""

    id: Annotated[str, Field(max_length=63)]
    """Id of the task."""
    state: TaskState
    """Pending, Running, Succeeded, Failed or Skipped."""
    level: Count | None = None
    """Its dependency level, from 0."""
    reason: Annotated[str, Field(max_length=64)] | None = None
    """Why it is in this state."""
    attempts: Count | None = None
    """Attempts started so far; the last one's number."""
    failures: Count | None = None
    """Attempts that failed, without those that the operator stopped."""
    failure: Annotated[str, Field(max_length=64)] | None = None
    """Reason of the last failed attempt, while the task waits for or runs its next one."""
    exit_code: int | None = None
    """Exit code of the last failed attempt."""
    start_time: Timestamp | None = None
    """When the last attempt started."""
    completion_time: Timestamp | None = None
    """When the last attempt ended."""
    job_name: Annotated[str, Field(max_length=63)] | None = None
    """The Job or Workflow of the last attempt, if it runs or failed."""
    queued: bool | None = None
    """True while the Job of its last attempt waits in a queue of Kueue."""
    removed: bool | None = None
    """True for a task that is no longer in the spec."""
    conflicts: Count | None = None
    """Attempts whose work conflicted with work that had landed before; they are counted apart from failures."""
    deferrals: Count | None = None
    """Attempts that ended with exit code 75, or met a limit of their agent's provider: they are run later and count as no failure."""
    retry_time: Timestamp | None = None
    """When the limit that the last attempt met is over, where that is known."""
    questions: Count | None = None
    """Attempts that ended with a question to a person; they count as no failure."""
    asked: Count | None = None
    """Number of the attempt whose question is the last one, while no later attempt has ended."""
    question: Annotated[str, Field(max_length=QUESTION_MAX)] | None = None
    """What it asked."""
    fallback: Annotated[str, Field(max_length=63)] | None = None
    """The role that ran the last attempt in place of its own."""
    step: Annotated[str, Field(max_length=63)] | None = None
    """The step that its last attempt was at, if that was not its own work."""
    steps: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=STEP_ENDS_MAX)] | None = None
    """How its attempts at steps ended, as STEP:ATTEMPT:END:FAILURES. The end is Held, Passed, Rejected or Conflict."""
    commit: Annotated[str | None, Field(max_length=64)] = None
    """The commit of its work on the branch."""
    undeclared: Count | None = None
    """Paths that its work changed and that it does not declare."""
    shared: Count | None = None
    """Paths that both its work and work that landed while it ran changed: it merged, but no declared files kept the two
    apart."""
    kept: Count | None = None
    """Work that it left outside of its files, such as on another branch: kept in the repository, not landed."""
    outputs: Annotated[dict[str, Annotated[str, Field(max_length=1024)]], Field(max_length=OUTPUTS_MAX)] | None = None
    """What it put out for the tasks that depend on it, by name: the files in its PPROJ_OUTPUTS, or the global outputs of
    its Workflow, as far as they fit here."""
    input_tokens: Count | None = None
    """Tokens that the agents of all its attempts were charged for as input, also from a cache; of those that say so."""
    output_tokens: Count | None = None
    """Tokens that they received."""
    cost_usd: Annotated[str | None, Field(max_length=64)] = None
    """What that cost in US dollars, as the agents say or by list prices; of all attempts whose cost is known."""
    usage: UnitAmounts | None = None
    """What its attempts reported in usage.json, by unit; dollars are in costUsd."""


class Metrics(Model):
    """Figures of the run, by their usual definitions."""

    wall_seconds: Count
    """Time from the project's start to its end, or until now."""
    work_seconds: Count
    """Sum of the times that the tasks' last attempts took."""
    critical_path_seconds: Count
    """Longest chain of dependent tasks, by the times that they took."""
    speedup: ShortText
    """Work divided by wall-clock time."""
    efficiency: ShortText
    """Speedup divided by peakParallelism."""
    retries: Count
    """Attempts that followed a failure or a conflict; those after one that was stopped are none."""
    peak_parallelism: Count
    """Largest number of tasks that ran at once."""
    conflict_rate: Annotated[str | None, Field(max_length=64)] = None
    """Conflicts divided by attempts to land."""
    input_tokens: Count | None = None
    """Tokens that agents were charged for as input, also from a cache; of all attempts that say so."""
    output_tokens: Count | None = None
    """Tokens that agents received."""
    cost_usd: Annotated[str | None, Field(max_length=64)] = None
    """What that cost in US dollars, as the agents say or by list prices; of all attempts whose cost is known."""
    usage: UnitAmounts | None = None
    """What attempts reported in usage.json, by unit; dollars are in costUsd."""


class HookRunState(StrEnum):
    """The state of a hook of one level or group."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    """It was stopped with the project, or killed with it: it runs again when the project continues."""


class GroupPhase(StrEnum):
    """The phase of a group. It follows from the states of its tasks, its hooks, merges and the verification."""

    PRE_EXECUTION = "PreExecution"
    """None of its tasks has started: it waits, or its hook beforeGroup runs."""
    EXECUTION = "Execution"
    COORDINATION = "Coordination"
    """All its tasks have ended: its hook afterGroup has to end, or its work has to be merged."""
    VALIDATION = "Validation"
    """What it has landed is being verified, or repaired because of that."""
    DONE = "Done"


class HookStatus(Model):
    """The last run of a hook of one level or group."""

    hook: Annotated[str, Field(max_length=16)]
    """Its kind, as in spec.hooks."""
    level: Count | None = None
    """Its level, from 0."""
    group: Annotated[str, Field(max_length=63)] | None = None
    """Its group."""
    state: HookRunState
    """Running, Succeeded, Failed or Stopped."""
    attempts: Count
    """Number of the run."""
    reason: Annotated[str, Field(max_length=64)] | None = None
    """Why it failed."""
    exit_code: int | None = None
    """Exit code of a failure."""
    generation: Count | None = None
    """Generation of its spec."""


class GroupStatus(Model):
    """The progress of a group."""

    name: Annotated[str, Field(max_length=63)]
    """Its name."""
    phase: GroupPhase
    """PreExecution, Execution, Coordination, Validation or Done."""


class SpendingStatus(Model):
    """What the ended attempts of one role have used."""

    role: Annotated[str | None, Field(max_length=63)] = None
    """The role; absent for attempts without one."""
    input_tokens: Count | None = None
    """Tokens that agents were charged for as input."""
    output_tokens: Count | None = None
    """Tokens that they received."""
    cost_usd: Annotated[str | None, Field(max_length=64)] = None
    """US dollars."""
    usage: UnitAmounts | None = None
    """What attempts reported in usage.json, by unit."""
    amounts: Annotated[dict[str, Annotated[str, Field(max_length=65_536)]], Field(max_length=16)] | None = None
    """By unit, how much single attempts spent and how many: "0.41:3 0.5:1" is three with 0.41 and one with 0.5, rounded
    up to three digits. What the next attempt reserves follows from it."""


class BudgetStatus(Model):
    """A budget, and what is left of it."""

    unit: Annotated[str, Field(max_length=32)]
    """Its unit."""
    role: Annotated[str | None, Field(max_length=63)] = None
    """The role, if it is a limit of perRole."""
    limit: Annotated[str, Field(max_length=64)]
    """Its limit."""
    spent: Annotated[str, Field(max_length=64)]
    """What ended attempts have spent."""
    reserved: Annotated[str, Field(max_length=64)]
    """What running attempts are expected to spend."""


class PullRequestStatus(Model):
    """A pull request of the project."""

    branch: Annotated[str, Field(max_length=255)]
    """The branch that it proposes to merge."""
    number: Count
    """Its number at the forge."""
    url: Annotated[str, Field(max_length=2048)]
    """Where it can be read."""
    state: Annotated[str, Field(max_length=16)]
    """State when it was last checked: open, merged or closed."""
    level: Count | None = None
    """The last level that it contains, if each level has a pull request."""
    task: Annotated[str | None, Field(max_length=63)] = None
    """The task whose work it contains, if each task has a pull request."""


class Publication(Model):
    """The result of the last publishing."""

    revision: Annotated[str, Field(max_length=64)]
    """A fingerprint of what was published: it is different for each state of the work."""
    attempts: Count
    """Number of the last attempt, counted over all revisions."""
    tries: Count = 0
    """Attempts at this revision since the last one that made progress."""
    completion_time: Timestamp | None = None
    """When the last attempt ended."""
    published: Annotated[str, Field(max_length=7, json_schema_extra={"enum": ["True", "False", "Unknown"]})]
    """Status of the condition Published after the last attempt."""
    reason: Annotated[str, Field(max_length=64)]
    """Opened, Merged, ChecksFailed and others."""
    message: Annotated[str, Field(max_length=2048)] = ""
    """A sentence, for people."""
    pull_requests: Annotated[list[PullRequestStatus], Field(max_length=100)] = []
    """The pull requests; if there are very many, the latest."""
    merged_levels: Count | None = None
    """Number of levels that are merged, from the first on, if each level has a pull request."""


class LimitStatus(Model):
    """A limit of a provider that is not over."""

    name: Annotated[str, Field(max_length=63)]
    """Its name in spec.limits, else the agent whose tasks share it."""
    task: Annotated[str, Field(max_length=63)]
    """Who met it."""
    end_time: Timestamp
    """When it is over."""
    reported: bool = False
    """Whether the provider said that; else it is an estimate."""


class AdaptiveLimitStatus(Model):
    """How many tasks of an adaptive limit may run, since its provider refused one."""

    name: Annotated[str, Field(max_length=63)]
    """Its name in spec.limits."""
    base: Count
    """What it was lowered to; it rises with each success after that."""
    ceiling: Count
    """How many ran when the provider refused one."""
    lowered_time: Timestamp
    """When it was lowered."""
    seen_time: Timestamp
    """The end of the last attempt that was refused."""


class Status(Model):
    """The observed state of the project; only the operator writes it."""

    observed_generation: Annotated[int, Field(ge=-1)] | None = None
    """Generation of the spec that this status is about; -1 until the operator has seen it."""
    start_time: Timestamp | None = None
    """When the project was first accepted."""
    completion_time: Timestamp | None = None
    """When it ended."""
    progress: ShortText | None = None
    """Tasks that succeeded, out of all tasks."""
    level: ShortText | None = None
    """Position of the lowest level that is not done, of all: 2/6 for L1, as the first one is L0."""
    current_level: ShortText | None = None
    """Name of that level: L0 is the first. At the end it is the last one."""
    counts: Counts | None = None
    """How many tasks are in which state."""
    conditions: Annotated[list[Condition], Field(max_length=16)] = []
    """Accepted, Suspended, Completed, Succeeded, Ready; with a forge Published; with verification Verified; Limited,
    Refused, NeedsAttention and Stalled while they are true."""
    levels: Annotated[list[LevelStatus], Field(max_length=MAX_TASKS)] = []
    """The progress of each level."""
    groups: Annotated[list[GroupStatus], Field(max_length=GROUPS_MAX)] | None = None
    """The phase of each group, in the order of their first tasks."""
    hooks: Annotated[list[HookStatus], Field(max_length=HOOK_RUNS_MAX)] | None = None
    """The hooks that have run, or run now."""
    tasks: Annotated[list[TaskStatus], Field(max_length=2 * MAX_TASKS)] = []
    """A row for each task, in the order of the spec; then those removed from it."""
    limits: Annotated[list[LimitStatus], Field(max_length=100)] | None = None
    """The limits because of which fallbacks run tasks, or none does."""
    adaptive_limits: Annotated[list[AdaptiveLimitStatus], Field(max_length=100)] | None = None
    """The adaptive limits that were lowered."""
    budgets: Annotated[list[BudgetStatus], Field(max_length=1000)] | None = None
    """The budgets of the spec, and what is spent and reserved of each."""
    spending: Annotated[list[SpendingStatus], Field(max_length=1000)] | None = None
    """What attempts have used, by role."""
    publication: Publication | None = None
    """The result of the last publishing; with a forge."""
    verification: VerificationStatus | None = None
    """What is verified, and what is repaired; with spec.verification."""
    review: ReviewStatus | None = None
    """The feedback on the pull request; with spec.git.pullRequest.feedback."""
    metrics: Metrics | None = None
    """Figures of the run."""
