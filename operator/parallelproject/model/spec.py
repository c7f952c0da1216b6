"""What a user writes: the spec of a ParallelProject, with its defaults and bounds.

The CRD's schema is generated from these models (``model.crd``), so descriptions, bounds and defaults are here and
nowhere else.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictBool, field_validator

from parallelproject.model.agents import AgentType
from parallelproject.model.base import Model
from parallelproject.model.conditions import CONDITIONS_MAX, ParameterName, ParameterSource, TaskId, When
from parallelproject.model.names import UNIT_PATTERN
from parallelproject.model.podtemplate import PodTemplate
from parallelproject.model.trackers import TRACKERS
from parallelproject.model.workflow import WorkflowSpec, WorkflowTemplateRef

MAX_TASKS = 2000
"""Maximum number of tasks of a project in a cluster: spec and status must fit into one object (etcd: 1.5 MB)."""
MAX_TASKS_HERE = 20_000
"""Maximum number of tasks of a project that is planned or run on one machine."""
STEPS_MAX = 20
"""Maximum number of steps of a spec."""
ANSWERS_MAX, ANSWER_MAX = 1000, 16_384
"""Maximum number of answers in a spec, and of characters of one."""

ROLE_PATTERN = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
NAME_PATTERN = r"^([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$"
"""The pattern of the name of a label or an annotation, with or without a domain prefix."""
SECONDS_MAX = 315_360_000
"""Ten years: with this bound every sum of seconds is an exact integer."""

RoleName = Annotated[str, Field(min_length=1, max_length=63, pattern=ROLE_PATTERN)]
FilePattern = Annotated[str, Field(min_length=1, max_length=256)]
QualifiedName = Annotated[str, Field(min_length=1, max_length=317, pattern=NAME_PATTERN)]
"""The name of a label or an annotation."""
SkillName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][-._:/A-Za-z0-9]*$")]
"""The name of a skill of a coding agent, as in ``review`` or ``plugin:review``."""
Seconds = Annotated[int, Field(strict=True, ge=1, le=SECONDS_MAX)]
Attempts = Annotated[int, Field(strict=True, ge=1, le=100)]
QueueName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?$")]
"""The name of a LocalQueue of Kueue; a label value."""
Amount = Annotated[str, Field(max_length=24, pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$")]
"""A decimal number, as text: binary fractions are not exact."""
Priority = Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)]


class ProjectPriority(StrEnum):
    """Which project starts tasks first where projects share a limit: P0 is the highest, as in issue trackers."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"

    @property
    def number(self) -> int:
        """0 for P0."""
        return int(self.value[1])


class Scheduling(StrEnum):
    """When a task may start."""

    LEVELS = "Levels"
    GRAPH = "Graph"


class FailurePolicy(StrEnum):
    """What a failed task means for the others."""

    FINISH_LEVEL = "FinishLevel"
    CONTINUE = "Continue"
    FAIL_FAST = "FailFast"


class ExecutorKind(StrEnum):
    """What runs a task in the cluster."""

    JOB = "Job"
    WORKFLOW = "Workflow"


class FileOverlap(StrEnum):
    """What happens when two tasks declare the same file."""

    SERIALIZE = "Serialize"
    WARN = "Warn"
    IGNORE = "Ignore"


class MergeConflict(StrEnum):
    """What happens to a task whose work does not merge."""

    RERUN = "Rerun"
    FAIL = "Fail"


class LandingStrategy(StrEnum):
    """How the tasks' work is combined."""

    SHARED_BRANCH = "SharedBranch"
    BRANCH_PER_TASK = "BranchPerTask"


class ForgeType(StrEnum):
    """The kind of server that holds the pull requests."""

    GITHUB = "GitHub"
    GITLAB = "GitLab"
    GITEA = "Gitea"
    NONE = "None"


class PullRequestScope(StrEnum):
    """What one pull request covers."""

    PROJECT = "Project"
    LEVEL = "Level"


class WorkspaceHistory(StrEnum):
    """How much of the history is in a task's checkout."""

    FULL = "Full"
    SHALLOW = "Shallow"


class Sandbox(StrEnum):
    """What keeps the command of a task from writing outside of its workspace, in a local run."""

    NONE = "None"
    BUBBLEWRAP = "Bubblewrap"


class MergeMode(StrEnum):
    """Who merges a pull request."""

    MANUAL = "Manual"
    WHEN_CHECKS_PASS = "WhenChecksPass"


class SecretRef(Model):
    """A Secret of the project's namespace. The operator never reads it; pods mount it."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the Secret."""


class SecretKeyRef(SecretRef):
    """One key of a Secret of the project's namespace."""

    key: Annotated[str, Field(min_length=1, max_length=253)]
    """Key within the Secret."""


class Author(Model):
    """The author of the tasks' commits."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    """Name, as git shows it."""
    email: Annotated[str, Field(min_length=1, max_length=254)]
    """Mail address, as git shows it."""


class Forge(Model):
    """The server where pull requests are opened."""

    type: ForgeType
    """Kind of the server. None: plain git, where a fast-forward takes the place of a pull request."""
    url: Annotated[str, Field(max_length=2048)] | None = None
    """Address of the server's API; by default the host of the repository."""
    token_secret_ref: SecretKeyRef | None = None
    """The key of a Secret that contains an access token."""


class Feedback(Model):
    """What of a pull request goes back to the task that owns the lines: in a local run with --follow, in a cluster
    always."""

    checks: StrictBool = True
    """Whether failed checks do."""
    reviews: StrictBool = True
    """Whether comments on lines, and reviews that request changes, do; only those of people who may write to the
    repository."""
    conflicts: StrictBool = True
    """Whether conflicts with baseRef do."""
    max_rounds: Annotated[int, Field(strict=True, ge=0, le=20)] = 3
    """How often a task runs at most because of feedback. What it has not solved then is left to people."""


class PullRequest(Model):
    """How the work is reviewed and merged."""

    scope: PullRequestScope = PullRequestScope.PROJECT
    """Project: one pull request for the project. Level: one for each level; with merge WhenChecksPass a level starts
    when the pull request of the previous level is merged."""
    draft: StrictBool = False
    """Whether the pull request is opened as a draft."""
    title: Annotated[str, Field(max_length=256)] | None = None
    """Title of the pull request; a Jinja2 template."""
    body: Annotated[str, Field(max_length=16384)] | None = None
    """Description of the pull request; a Jinja2 template."""
    labels: Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=20)] = []
    """Labels of the pull request."""
    merge: MergeMode = MergeMode.MANUAL
    """Manual: a person merges it. WhenChecksPass: the operator merges exactly the commit whose checks passed."""
    feedback: Feedback | None = None
    """Which feedback goes back to tasks. In a cluster nothing does without it; not with executor Workflow. A local run
    with pproj run --follow or pproj publish --follow reads it, where all of it goes back by default. It needs scope
    Project and strategy SharedBranch."""


class Git(Model):
    """Where the tasks' work lands."""

    url: Annotated[str, Field(min_length=1, max_length=2048)]
    """The repository: https or ssh; for a run on this machine also a folder, as an absolute path."""
    base_ref: Annotated[str, Field(min_length=1, max_length=255)] = "main"
    """Branch that the work starts from and that it is merged into."""
    branch: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """The shared branch, or the prefix of the names of the tasks' branches; by default parallel/NAME."""
    strategy: LandingStrategy = LandingStrategy.SHARED_BRANCH
    """SharedBranch: all tasks land on one branch, which is reviewed as a whole. BranchPerTask: all tasks land on
    BRANCH/_all, and each also gets its own branch and pull request."""
    credentials_secret_ref: SecretRef | None = None
    """Secret with the keys username and password, or ssh-privatekey and known_hosts."""
    author: Author | None = None
    """Author of the commits."""
    forge: Forge | None = None
    """Where pull requests are opened."""
    pull_request: PullRequest | None = None
    """How the work is reviewed and merged."""
    not_landed: Annotated[list[FilePattern], Field(max_length=100)] = list(TRACKERS)
    """Paths or globs that are never part of a task's work: changes to them do not land and are reported. By default the
    files of task trackers."""

    @property
    def is_by_level(self) -> bool:
        """Whether each level has its own pull request."""
        return self.pull_request is not None and self.pull_request.scope is PullRequestScope.LEVEL

    @property
    def is_by_task(self) -> bool:
        """Whether each task has its own branch and pull request."""
        return self.strategy is LandingStrategy.BRANCH_PER_TASK


class Workspace(Model):
    """The checkout in which a task works, and what is done in it before the command. Except for ports and sandbox: with
    a repository."""

    setup: Annotated[list[Annotated[str, Field(min_length=1, max_length=4096)]], Field(max_length=100)] = []
    """Command that runs once in each new workspace, before the task's command, as in [npm, ci]. It is not run by a
    shell. What it makes does not land. If it fails, the attempt fails (SetupFailed), and no further task starts. In a
    cluster it runs in the image of the task; not with executor Workflow."""
    cache_key: Annotated[list[FilePattern], Field(max_length=100)] = []
    """Paths or globs of committed files, as in [package-lock.json]. What setup makes is kept, and copied into the next
    workspace in which these files are the same; setup does not run there. By default setup runs in each workspace. In a
    cluster it is kept on the volume pproj-setup-cache of the podTemplate; without one, setup runs in each pod."""
    copy_files: Annotated[list[FilePattern], Field(alias="copy", max_length=100)] = []
    """Patterns, as in .gitignore, of uncommitted files in the checkout of the user that are copied into each workspace,
    as in [.env]. They do not land. Patterns in .worktreeinclude add ignored files. In a local run only."""
    link: Annotated[list[FilePattern], Field(max_length=100)] = []
    """The same for files and folders that are linked instead of copied, as in [node_modules]: all workspaces and the
    checkout share them. In a local run only."""
    ports: Annotated[int, Field(strict=True, ge=0, le=10)] = 0
    """Number of free ports that each task gets in PPROJ_PORT, PPROJ_PORT_1, …; other running tasks on this machine have
    others. In a local run only."""
    sandbox: Sandbox = Sandbox.NONE
    """Bubblewrap: setup and the command can write only in the workspace, the outputs, and the folders of the agent, and
    do not see the checkout of the user. On Linux, in a local run only."""

    history: WorkspaceHistory | None = None
    """Full: all commits, the tags and the base branch, as git describe and git diff main need them. Shallow: the last
    commit. By default Shallow in a cluster and Full in a local run."""
    submodules: StrictBool = False
    """Whether submodules are checked out. What a task changes in a submodule is kept and does not land."""
    lfs: StrictBool = False
    """Whether git-lfs downloads the files that it manages, and uploads those that a task changes."""


class Conflicts(Model):
    """What to do about tasks that touch the same files."""

    on_file_overlap: FileOverlap = FileOverlap.SERIALIZE
    """Serialize: tasks that declare the same file never run at the same time. Warn: they may, and are reported. Ignore:
    they may."""
    on_merge_conflict: MergeConflict = MergeConflict.RERUN
    """Rerun: the task runs again on the new state of the branch. Fail: the task fails."""
    max_reruns: Annotated[int, Field(strict=True, ge=0, le=20)] = 2
    """Maximum number of reruns of one task after conflicts."""
    enforce_files: StrictBool = False
    """Whether work is refused that changes files which its task does not declare. A task that declares no files may
    change any."""


class OnCheckFailure(StrEnum):
    """What follows when a check of the verification fails and a task is found that broke it."""

    REPAIR = "Repair"
    STOP = "Stop"
    CONTINUE = "Continue"


class AfterMaxRepairs(StrEnum):
    """What follows when the work of a task still fails a check after the maximum number of repairs."""

    FAIL = "Fail"
    REVERT = "Revert"
    STOP = "Stop"
    CONTINUE = "Continue"


class VerificationCheck(Model):
    """A command that must succeed with all that has landed."""

    name: RoleName
    """Its name; unique in the project."""
    command: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(min_length=1, max_length=100)]
    """The command and its arguments. It runs in a checkout of the branch; exit code 0 means that it passed."""
    paths: Annotated[list[FilePattern], Field(max_length=100)] = []
    """Paths and globs: the check runs only if there is such a file, and one has changed since it last passed. By default
    it always runs."""
    active_deadline_seconds: Seconds | None = None
    """Maximum time of one run, in seconds; then the check has failed. By default that of defaults."""
    role: RoleName | None = None
    """The role whose podTemplate the check runs in, in a cluster: the command of its first container is replaced. By default
    that of defaults, else the first role. In a local run the check runs on this machine."""


class VerifyAfter(StrEnum):
    """When what has landed is verified."""

    LEVEL = "Level"
    LANDINGS = "Landings"


class Verification(Model):
    """Checks of what has landed together. The next level, or further tasks, start when they pass."""

    after: VerifyAfter = VerifyAfter.LEVEL
    """Level: each level is verified before the next one starts. Landings: when as many tasks as every have landed, and at
    the end; then further tasks start when the checks pass. Running tasks finish first."""
    every: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    """Number of tasks that land before what has landed is verified; 5 by default. Only with after: Landings."""
    checks: Annotated[list[VerificationCheck], Field(min_length=1, max_length=20)]
    """The checks. They run at the same time, as far as there are free slots of parallelism."""
    on_failure: OnCheckFailure = OnCheckFailure.REPAIR
    """Repair: the task that broke the check runs again on top of what has landed, with the output of the check. Stop: the
    project stops. Continue: the failure is reported, and the next level starts."""
    max_repairs: Annotated[int, Field(strict=True, ge=0, le=20)] = 2
    """Maximum number of repairs of one task; afterMaxRepairs says what follows then."""
    after_max_repairs: AfterMaxRepairs = AfterMaxRepairs.FAIL
    """Fail: the task has failed, with reason VerificationFailed, and its work stays. Revert: its work, and that of tasks
    that build on it, is taken out by a new commit on the branch, and these tasks have failed. Stop: the task has failed,
    and the project stops. Continue: the failure is reported, and the next level starts. Only with onFailure: Repair."""
    retry_flaky: Annotated[int, Field(strict=True, ge=0, le=5)] = 1
    """How often a check that failed runs again on the same commit. If it passes then, it counts as passed and is
    reported as flaky."""


class HookKind(StrEnum):
    """When a hook runs."""

    BEFORE_LEVEL = "beforeLevel"
    AFTER_LEVEL = "afterLevel"
    BEFORE_GROUP = "beforeGroup"
    AFTER_GROUP = "afterGroup"


class OnHookFailure(StrEnum):
    """What follows when a hook fails."""

    CONTINUE = "Continue"
    STOP = "Stop"


class Hook(Model):
    """A command that runs once for each level, or once for each group, and takes a slot of parallelism."""

    command: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(min_length=1, max_length=100)]
    """Command and arguments; with git in a checkout of the branch, of which nothing lands."""
    role: RoleName | None = None
    """Role whose podTemplate it runs in; by default as of tasks."""
    active_deadline_seconds: Seconds | None = None
    """Maximum time, in seconds; by default that of defaults."""
    on_failure: OnHookFailure = OnHookFailure.CONTINUE
    """Continue, or Stop: the project ends."""


class Hooks(Model):
    """Commands that run around the tasks of each level and of each group. A level or group of which no task starts has
    none."""

    before_level: Hook | None = None
    """Before the first task of a level."""
    after_level: Hook | None = None
    """After the last task of a level; with scheduling Levels before the next level."""
    before_group: Hook | None = None
    """Before the first task of a group."""
    after_group: Hook | None = None
    """After the last task of a group."""

    def of(self, kind: HookKind) -> Hook | None:
        """The hook of a kind, if the spec has one."""
        found: Hook | None = getattr(self, _HOOK_FIELDS[kind])
        return found


_HOOK_FIELDS = {
    HookKind.BEFORE_LEVEL: "before_level",
    HookKind.AFTER_LEVEL: "after_level",
    HookKind.BEFORE_GROUP: "before_group",
    HookKind.AFTER_GROUP: "after_group",
}


class SpecStep(Model):
    """A step that tasks go through after their own work, before that lands."""

    name: RoleName
    """Its name; unique in the project."""
    role: RoleName | None = None
    """Role that runs it: its agent or its command, and its limit of running tasks."""
    command: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(max_length=100)] = []
    """The command and its arguments, in place of that of the role. It runs in a checkout with the work of the task; in a
    cluster, without a role, in the podTemplate of the task's own role."""
    gate: StrictBool = False
    """Whether it judges the work: exit code 0 accepts it, any other one rejects it, and so does a file
    PPROJ_OUTPUTS/rejected.md. What a gate changes is discarded. What any other step changes becomes part of the work."""
    max_rounds: Annotated[int, Field(strict=True, ge=0, le=20)] = 2
    """With gate: how often it may reject the work of a task. Each time the step before it that is no gate does the work
    again, with the report of the gate; after that the task has failed, with reason GateFailed."""
    deadline_seconds: Seconds | None = None
    """Maximum time of one attempt at it, in seconds; by default that of the task."""


class NoChange(StrEnum):
    """What an attempt of an agent is that changed nothing and did not say why."""

    FAIL = "Fail"
    SUCCEED = "Succeed"


class MaxCost(Model):
    """The most that one attempt may cost."""

    usd: Annotated[str, Field(max_length=16, pattern=r"^[0-9]{1,6}(\.[0-9]{1,4})?$")]
    """US dollars, as a decimal number."""


class Agent(Model):
    """A coding agent: how it is called and read follows from its type."""

    type: AgentType
    """The agent: ClaudeCode, Codex, Gemini, Copilot, OpenCode, Cursor, Aider, Goose or Qwen."""
    model: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^-\s]\S*$")] | None = None
    """The model, as the agent names it; by default the agent's own."""
    args: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(max_length=100)] = []
    """Further arguments of the agent; $(VAR) is a variable of the task."""
    max_cost: MaxCost | None = None
    """The most that one attempt may cost: the agent ends it, with reason BudgetHit. Only with ClaudeCode."""
    resume: StrictBool = True
    """Whether an attempt continues the agent's session of the attempt before: after a conflict, a check that failed, an
    attempt without a change, or a limit. With ClaudeCode and Codex; without git or in a cluster also with Gemini and
    OpenCode. In a cluster it needs a volume pproj-sessions in the podTemplate."""
    on_no_change: NoChange = NoChange.FAIL
    """With git: Fail, an attempt that changed nothing and put nothing out fails, unless it wrote the reason to PPROJ_OUTPUTS/no-change. Succeed: it succeeds."""


class Adaptive(Model):
    """How a limit adapts to what the provider refuses."""

    min: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    """Number of tasks that the limit is never lowered below."""


class Limit(Model):
    """A limit of a provider or of a credential, shared by the tasks of all roles that name it. When an agent meets it,
    none of these tasks starts until it is over."""

    name: RoleName
    """Name that roles refer to; unique in the project."""
    max_concurrent: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    """Maximum number of running tasks of this limit; by default only parallelism limits them."""
    adaptive: Adaptive | None = None
    """If set, fewer of its tasks run when the provider refuses one, and more again with each success. Not with
    executor Workflow."""


class Reserve(StrEnum):
    """What a running attempt reserves of a budget."""

    P90 = "P90"
    MAX = "Max"


class Budget(Model):
    """The most that all attempts of a project may spend of one unit. An attempt starts only if what is spent, what running
    attempts reserve, and what it reserves itself fit into the limit."""

    unit: Annotated[str, Field(min_length=1, max_length=32, pattern=UNIT_PATTERN)]
    """Name of the unit: usd (US dollars) or tokens (input and output together), as agents report them, or any unit that
    tasks report in the file PPROJ_OUTPUTS/usage.json; unique in the project."""
    limit: Amount
    """The most that may be spent, as a decimal number."""
    reserve: Reserve = Reserve.P90
    """What a running attempt reserves until its end, by the finished attempts of its role: the percentile P90 (with fewer
    than ten, the largest amount), or Max: the largest amount, and at least maxCost of the role's agent. Before the first has
    finished, both are maxCost, or nothing without that."""
    per_role: Annotated[dict[str, Amount], Field(max_length=50)] = {}
    """Limits of single roles, by name."""


class Role(Model):
    """What does the work: a pod template or a Workflow, shared by the tasks of one kind."""

    name: RoleName
    """Name that tasks refer to; unique in the project."""
    max_concurrent: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    """Maximum number of running tasks of this role; by default only parallelism limits them."""
    agent: Agent | None = None
    """The coding agent that does the tasks of this role, instead of a command. In a cluster it needs a podTemplate whose
    image has the agent; not with executor Workflow."""
    queue_name: QueueName | None = None
    """Name of the LocalQueue of Kueue that admits its Jobs; by default that of the spec. In a cluster only."""
    instructions: Annotated[str, Field(max_length=16_384)] | None = None
    """How to do the tasks of this role, in Markdown; part of the task file and of the prompt."""
    skills: Annotated[list[SkillName], Field(max_length=50)] = []
    """Names of skills that the agent has and is to use; part of the task file and of the prompt."""
    limit: RoleName | None = None
    """Name of the limit that its tasks draw from; by default all tasks of one agent share one that has no name."""
    fallbacks: Annotated[list[RoleName], Field(max_length=10)] = []
    """Roles that run its tasks while its limit is used up for longer than fallbackAfterSeconds: the first one whose own
    limit is not. Each has an agent."""
    fallback_after_seconds: Annotated[int, Field(strict=True, ge=0, le=2_592_000)] = 600
    """The fallbacks run its tasks where the wait for its limit is longer than this: seconds."""
    pod_template: PodTemplate | None = None
    """A PodTemplateSpec. Its first container runs the task and must set command, unless the role has an agent. Required
    in a cluster with executor Job; a local run can use --command instead."""
    workflow_template_ref: WorkflowTemplateRef | None = None
    """With executor Workflow: the WorkflowTemplate that runs a task. Arguments that it declares are set."""
    workflow_spec: WorkflowSpec | None = None
    """With executor Workflow: the spec of the Workflow that runs a task, in place of workflowTemplateRef. Arguments
    that it declares are set."""


class JobMetadata(Model):
    """Names of the project's labels and annotations that its Jobs and their pods also get."""

    labels: Annotated[list[QualifiedName], Field(max_length=32)] = []
    """Names of labels, as in cost-centre or kueue.x-k8s.io/queue-name; one that the project does not have is
    skipped."""
    annotations: Annotated[list[QualifiedName], Field(max_length=32)] = []
    """Names of annotations; one that the project does not have is skipped."""


class Defaults(Model):
    """Values for tasks that do not set their own."""

    role: RoleName | None = None
    """Role of a task that names none; by default the only role, where there is just one."""
    max_attempts: Attempts = 2
    """Maximum number of attempts of a task: with 1 a failure is final."""
    backoff_seconds: Annotated[int, Field(strict=True, ge=0, le=86_400)] = 10
    """Wait before the second attempt, in seconds. It doubles for each further attempt, up to six minutes, or up to this
    value if that is longer."""
    active_deadline_seconds: Seconds | None = None
    """Maximum time of one attempt, in seconds."""


class Parameter(Model):
    """A named value, passed to the task as PPROJ_PARAM_NAME and in its task file."""

    name: ParameterName
    """Name; in the environment variable it is upper case, and every other character is _."""
    value: Annotated[str, Field(max_length=4096)] = ""
    """Value."""
    value_from: ParameterSource | None = None
    """In place of value: the output of a task that this one depends on."""


class Task(Model):
    """One piece of work: it runs when its dependencies have succeeded."""

    id: TaskId
    """Unique in the project; a label value."""
    title: Annotated[str, Field(max_length=512)] = ""
    """One line that says what the task is."""
    description: Annotated[str, Field(max_length=32_768)] = ""
    """What to do, for the agent or person that does it; passed in the task file."""
    dependencies: Annotated[list[TaskId], Field(max_length=MAX_TASKS)] = []
    """Ids of the tasks that must have succeeded before this one starts."""
    files: Annotated[list[FilePattern], Field(max_length=100)] = []
    """Paths or globs that it writes, relative to the repository; tasks whose files overlap do not run at the same
    time."""
    priority: Priority = 0
    """Of the tasks that are ready, the one with the highest priority starts first."""
    group: Annotated[str, Field(max_length=63)] | None = None
    """Name of the group of its marker ([P:Group-X]): it is shown, and hooks run before and after it."""
    role: RoleName | None = None
    """Role that runs it; by default that of spec.defaults."""
    max_attempts: Attempts | None = None
    """Maximum number of attempts; by default that of spec.defaults."""
    active_deadline_seconds: Seconds | None = None
    """Maximum time of one attempt, in seconds; by default that of spec.defaults."""
    estimate_seconds: Seconds | None = None
    """Expected time, in seconds, for the critical path and the prediction; if no task has one, all tasks count as
    equally long."""
    parameters: Annotated[list[Parameter], Field(max_length=50)] = []
    """Named values for the task."""
    when: Annotated[list[When], Field(max_length=CONDITIONS_MAX)] = []
    """Conditions that must all hold once its dependencies have ended; else it is skipped with reason ConditionFalse, and
    what depends on it runs without it."""
    steps: Annotated[list[RoleName] | None, Field(max_length=STEPS_MAX)] = None
    """Names of the steps of spec.steps that it goes through, in the order of these; by default all of them, with [] none."""
    approval: StrictBool = False
    """Whether a person has to approve it before it starts, with pproj approve. Until then it holds no slot and no
    files."""


class Approval(Model):
    """A task that a person has approved; written by pproj approve."""

    id: TaskId
    """Id of the task."""
    after: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 0
    """Number of the last attempt that did not count then, by a rerun. After a rerun of a later attempt the task waits
    again."""


class TaskAnswer(Model):
    """What a person has answered to a question of a task; written by pproj answer."""

    id: TaskId
    """Id of the task."""
    attempt: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    """Number of the attempt that asked."""
    text: Annotated[str, Field(min_length=1, max_length=ANSWER_MAX)]
    """The answer. Later attempts of the task find it in their prompt and in PPROJ_FEEDBACK."""
    question: Annotated[str, Field(max_length=4096)] = ""
    """What was asked, as far as it is known."""


class Retry(Model):
    """Earlier results of one task that no longer count, so that it runs again; written by pproj retry and pproj
    rerun."""

    id: TaskId
    """Id of the task."""
    forgive: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 0
    """Number of its failures, from the first on, that no longer count."""
    forgive_conflicts: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 0
    """Number of its conflicts, from the first on, that no longer count; they are counted apart from failures."""
    forgive_deferrals: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 0
    """Number of its attempts that were deferred, from the first on, after which nothing waits any more: neither the task
    nor others of the limit that it met."""
    forgive_rejections: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 0
    """Number of the times that gates have rejected its work, from the first on, that no longer count. In a local run
    only."""
    rerun_after: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 0
    """Its attempts up to this number no longer count, whatever their result: the task runs again from the start. Not
    with spec.git."""
    repair_after: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 0
    """If the task has failed with VerificationFailed, and has no later attempt than this one: it repairs its work again,
    with all repairs of maxRepairs."""


class NotifyEvent(StrEnum):
    """What a notification is about."""

    NEEDS_ATTENTION = "NeedsAttention"
    FAILED = "Failed"
    DONE = "Done"


class Webhook(Model):
    """An HTTP endpoint that receives notifications."""

    url: Annotated[str, Field(max_length=2048, pattern=r"^https?://[^\s/?#@]+([/?#]\S*)?$")]
    """Its address. The notification is the body of a POST request, as JSON. Redirects are not followed."""
    secret_env: Annotated[str, Field(max_length=256, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Name of an environment variable with the key of the signature: X-Pproj-Signature-256 is sha256=, and the
    HMAC-SHA256 of the body in hexadecimal digits. By default there is no signature."""


class Notify(Model):
    """Who is notified, and of what. In a local run only."""

    command: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(max_length=100)] = []
    """A command and its arguments; it gets the notification on its standard input, as JSON."""
    webhook: Webhook | None = None
    """An HTTP endpoint that gets it."""
    on: Annotated[list[NotifyEvent], Field(min_length=1, max_length=3)] = list(NotifyEvent)
    """NeedsAttention: something new waits for a person. Failed: the run has ended, and not all tasks succeeded. Done: all
    did."""


class Spec(Model):
    """A graph of tasks and how to run it."""

    suspend: StrictBool = False
    """If true, no new task starts; running tasks finish."""
    stop: StrictBool = False
    """If true, running tasks are stopped and the project ends."""
    priority: ProjectPriority = ProjectPriority.P2
    """Which project starts tasks first when the operator or a namespace has a limit of running tasks: P0 is the
    highest, P4 the lowest."""
    suspend_others: StrictBool = False
    """If true, projects of a lower priority in its namespace start no new task until this one is done."""
    scheduling: Scheduling = Scheduling.LEVELS
    """Levels: a level starts when the previous level is done. Graph: a task starts when its dependencies are done."""
    parallelism: Annotated[int, Field(strict=True, ge=1, le=1000)] = 4
    """Maximum number of running tasks."""
    queue_name: QueueName | None = None
    """Name of a LocalQueue of Kueue in the namespace of the project: its Jobs are created suspended, and start when
    Kueue admits them. A Job that waits for that takes no slot of parallelism, and no deadline runs. In a cluster
    only."""
    max_queued: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    """Maximum number of Jobs that wait in queues at the same time; by default as many as parallelism."""
    failure_policy: FailurePolicy = FailurePolicy.FINISH_LEVEL
    """After a failure: FinishLevel runs the rest of the level and then stops. Continue runs every task that does not
    depend on the failed one. FailFast also stops running tasks."""
    active_deadline_seconds: Seconds | None = None
    """Maximum time from the project's start to its end, in seconds, including time suspended; then it is stopped."""
    ttl_seconds_after_finished: Annotated[int, Field(strict=True, ge=0, le=SECONDS_MAX)] | None = None
    """Time from the project's end until it is deleted with all its objects, in seconds; by default it is kept."""
    job_history_limit: Annotated[int, Field(strict=True, ge=0, le=100_000)] | None = None
    """Maximum number of finished Jobs or Workflows; older ones are removed with their pods and logs when their result
    is in the status. By default all are kept, unless a quota of Jobs is reached."""
    executor: ExecutorKind = ExecutorKind.JOB
    """What runs a task in a cluster: a Kubernetes Job, or an Argo Workflow if the operator has that enabled. A local run
    has processes."""
    conflicts: Conflicts = Conflicts()
    """What to do about tasks that touch the same files."""
    git: Git | None = None
    """Where the tasks' work lands; without it tasks run without a repository."""
    workspace: Workspace = Workspace()
    """The checkout in which a task works."""
    steps: Annotated[list[SpecStep], Field(max_length=STEPS_MAX)] = []
    """What each task goes through after its own work, in this order, before it lands as one commit. With git only."""
    verification: Verification | None = None
    """Checks of what has landed together, after each level. With git, on one shared branch."""
    hooks: Hooks | None = None
    """Commands before and after each level and each group of tasks."""
    job_metadata: JobMetadata = JobMetadata()
    """The project's labels and annotations that its Jobs and pods also get; in a cluster."""
    roles: Annotated[list[Role], Field(max_length=50)] = []
    """What does the work; each role is a pod template."""
    limits: Annotated[list[Limit], Field(max_length=50)] = []
    """Limits of providers or credentials, which roles draw from."""
    notify: Notify | None = None
    """A command or a webhook that is notified when something waits for a person, and at the end. In a local run only."""
    budgets: Annotated[list[Budget], Field(max_length=8)] = []
    """The most that the project may spend. When a budget is used up, running attempts finish and no further one starts; with a larger limit it continues. In a cluster with spec.git and executor Job only."""
    prompt: Annotated[str, Field(max_length=65_536)] | None = None
    """The prompt of agents, a Jinja2 template of task, attempt, dependencies, feedback, outputs, project and role; by default one with all of that. Not with executor Workflow."""
    defaults: Defaults = Defaults()
    """Values for tasks that do not set their own."""
    tasks: Annotated[list[Task], Field(max_length=MAX_TASKS_HERE, json_schema_extra={"maxItems": MAX_TASKS})] = []
    """The tasks. An atomic list: one owner writes all of it."""
    retries: Annotated[list[Retry], Field(max_length=MAX_TASKS_HERE, json_schema_extra={"maxItems": MAX_TASKS})] = []
    """Earlier results that no longer count, by task; written by pproj retry and pproj rerun."""
    recheck: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 0
    """Number of times that failed checks and hooks were to run again, as written by pproj retry: no task runs again by
    it. A local run checks again whenever it is started."""
    approvals: Annotated[
        list[Approval], Field(max_length=MAX_TASKS_HERE, json_schema_extra={"maxItems": MAX_TASKS})
    ] = []
    """Tasks with approval that a person has approved; written by pproj approve."""
    answers: Annotated[list[TaskAnswer], Field(max_length=ANSWERS_MAX)] = []
    """Answers to questions of tasks; written by pproj answer. Of two to the same question the first one counts."""
    skip: Annotated[list[TaskId], Field(max_length=MAX_TASKS_HERE, json_schema_extra={"maxItems": MAX_TASKS})] = []
    """Ids of tasks that are not run, as written by pproj skip: what depends on them runs without them, after what
    they depend on. A running attempt is stopped."""

    def role(self, name: str | None) -> Role | None:
        """The role of that name; None if no role has it, as in a local run with a command."""
        return next((role for role in self.roles if role.name == name), None)

    @field_validator("conflicts", "defaults", "job_metadata", "workspace", mode="before")
    @classmethod
    def _null_is_default(cls, value: object) -> object:
        """YAML's ``defaults:`` with nothing below it means the defaults."""
        return {} if value is None else value


def is_followed(spec: Spec) -> bool:
    """Whether a cluster follows the pull request of a project: its feedback goes back to tasks."""
    return bool(spec.git and spec.git.forge and spec.git.pull_request and spec.git.pull_request.feedback)
