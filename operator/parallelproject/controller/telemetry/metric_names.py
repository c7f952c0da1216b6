"""Every metric of the operator: its name, kind, labels and meaning. The reference page is generated from this.

No metric has a label for a project or a task: their number is unbounded. The namespace of a project is called
``project_namespace``, since most scrape configurations set ``namespace`` to the operator's own.
"""

from dataclasses import dataclass
from enum import StrEnum

NAMESPACE = "project_namespace"


class Kind(StrEnum):
    """What a metric counts as."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, in seconds."""


_MILLISECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

ATTEMPTS_STARTED = Metric(
    "parallelproject_attempts_started_total",
    Kind.COUNTER,
    "Attempts of tasks that this process saw first, including those that were refused for good. Attempts in a "
    "status from before the process started are not counted.",
    (NAMESPACE,),
)
RETRIES = Metric(
    "parallelproject_retries_total",
    Kind.COUNTER,
    "Started attempts that are not the first attempt of their task.",
    (NAMESPACE,),
)
ATTEMPTS_ENDED = Metric(
    "parallelproject_attempts_ended_total",
    Kind.COUNTER,
    "Attempts that ended, by result (Succeeded, Failed, Stopped) and, if they failed, the reason. Each once per "
    "process; a new process counts attempts that ended and were not recorded before. An attempt that counted "
    "as lost and is later found to have succeeded is counted as both.",
    (NAMESPACE, "result", "reason"),
)
LANDINGS = Metric(
    "parallelproject_landings_total",
    Kind.COUNTER,
    "Work of tasks to land in git, by outcome: Landed, or the reason why an attempt did not land (Conflict, "
    "Policy, BranchRewritten, AuthOrProtected, Exhausted, Transient). Without tasks that changed nothing.",
    (NAMESPACE, "outcome"),
)
PROJECTS = Metric(
    "parallelproject_projects",
    Kind.GAUGE,
    "Existing projects, by state: New (no status yet), Rejected, Suspended, Running, Succeeded, Failed, Stopped, "
    "DeadlineExceeded. Derived from their statuses, like all metrics of projects and tasks.",
    (NAMESPACE, "state"),
)
TASKS = Metric(
    "parallelproject_tasks",
    Kind.GAUGE,
    "Tasks of the existing projects, by state.",
    (NAMESPACE, "state"),
)
TASKS_BY_REASON = Metric(
    "parallelproject_tasks_by_reason",
    Kind.GAUGE,
    "Tasks with a reason, by state and reason: why it waits (Pending), what keeps its pod from "
    "starting (Running), why it failed or will not run. An unknown reason is reported as Other.",
    (NAMESPACE, "state", "reason"),
)
SLOTS_HELD = Metric(
    "parallelproject_slots_held",
    Kind.GAUGE,
    "Running attempts by the last plan, which limits apply to: from the request for a Job until its end is observed.",
    (NAMESPACE,),
)
PUBLICATIONS = Metric(
    "parallelproject_publications",
    Kind.GAUGE,
    "Projects with a forge, by status and reason of the condition Published.",
    (NAMESPACE, "status", "reason"),
)
BUDGET_SPENT = Metric(
    "parallelproject_budget_spent",
    Kind.GAUGE,
    "What the existing projects with a budget have spent of it, by unit: usd or tokens.",
    (NAMESPACE, "unit"),
)
BUDGET_LIMIT = Metric(
    "parallelproject_budget_limit",
    Kind.GAUGE,
    "Limits of the budgets of the existing projects, by unit: usd or tokens.",
    (NAMESPACE, "unit"),
)
BUDGETS_EXHAUSTED = Metric(
    "parallelproject_budgets_exhausted",
    Kind.GAUGE,
    "Projects that continue only with a larger budget: their condition BudgetExhausted is True.",
    (NAMESPACE,),
)
AGENT_TOKENS = Metric(
    "parallelproject_agent_tokens",
    Kind.GAUGE,
    "Tokens that the attempts of the existing projects have used, by direction (input, output). It only grows while "
    "its projects exist.",
    (NAMESPACE, "direction"),
)
AGENT_COST = Metric(
    "parallelproject_agent_cost_usd",
    Kind.GAUGE,
    "US dollars that the attempts of the existing projects have cost, as far as they say so. It only grows while its "
    "projects exist.",
    (NAMESPACE,),
)
QUEUE_DEPTH = Metric("parallelproject_queue_depth", Kind.GAUGE, "Projects that wait to be planned.")
QUEUE_OLDEST = Metric(
    "parallelproject_queue_oldest_seconds",
    Kind.GAUGE,
    "Longest time that a project has waited to be planned; 0 if none waits.",
)
QUEUE_DURATION = Metric(
    "parallelproject_queue_duration_seconds",
    Kind.HISTOGRAM,
    "Time from an event of a project to its plan.",
    buckets=_SECONDS,
)
RECONCILE_DURATION = Metric(
    "parallelproject_reconcile_duration_seconds",
    Kind.HISTOGRAM,
    "Time to plan one project and to start what the plan decides, without requests, which run concurrently.",
    buckets=_MILLISECONDS,
)
PLAN_DURATION = Metric(
    "parallelproject_plan_duration_seconds",
    Kind.HISTOGRAM,
    "Time of the plan alone, which is a part of the reconcile.",
    buckets=_MILLISECONDS,
)
RECONCILES_FAILING = Metric(
    "parallelproject_reconciles_failing",
    Kind.GAUGE,
    "Projects whose last reconcile ended with an error of the operator; it is retried.",
)
RELEASE_DURATION = Metric(
    "parallelproject_release_duration_seconds",
    Kind.HISTOGRAM,
    "Time from the event that lets a task start (the end of a dependency or of what held its slot, an edit, the end of "
    "a wait; for shared limits: the assignment to the project) to the API server's answer to the "
    "creation of its Job, including all tries. It starts when the project is queued, so it is an upper "
    "bound; the time until the end of a pod is observed is not included.",
    buckets=_SECONDS,
)
STATUS_DELAY = Metric(
    "parallelproject_status_delay_seconds",
    Kind.HISTOGRAM,
    "Time from the first plan in a written status to the API server's answer: pacing, write and tries.",
    buckets=_SECONDS,
)
STATUS_OLDEST = Metric(
    "parallelproject_status_oldest_unwritten_seconds",
    Kind.GAUGE,
    "Longest time that a status has been behind its plans; 0 if none is.",
)
API_REQUESTS = Metric(
    "parallelproject_api_requests_total",
    Kind.COUNTER,
    "Requests to the API server, by verb, resource and HTTP code; code error if there was no answer. Without those "
    "of kopf's watch of ParallelProjects, but with those of the operator's own watch of their metadata.",
    ("verb", "resource", "code"),
)
API_DURATION = Metric(
    "parallelproject_api_request_duration_seconds",
    Kind.HISTOGRAM,
    "Time of requests to the API server, without watches, until the whole answer is read.",
    ("verb", "resource"),
    _SECONDS,
)
WATCH_RESTARTS = Metric(
    "parallelproject_watch_restarts_total",
    Kind.COUNTER,
    "Ends of watches of projects, Jobs, pods and namespaces, each followed by a new one: ended (normal, every five "
    "minutes), broken, expired (all is listed again).",
    ("resource", "cause"),
)
WATCH_SILENCE = Metric(
    "parallelproject_watch_silence_seconds",
    Kind.GAUGE,
    "Time since the API server's last answer on the watch of a resource; bookmarks come every minute. Absent until the "
    "first answer.",
    ("resource",),
)
WATCH_SYNCED = Metric(
    "parallelproject_watch_synced",
    Kind.GAUGE,
    "1 while all objects of a resource are known; 0 before the first list, and while the API server refuses the watch, "
    "for example if the CRD or a right is missing. Only the leader has it.",
    ("resource",),
)
CLOCK_SKEW = Metric(
    "parallelproject_clock_skew_seconds",
    Kind.GAUGE,
    "Seconds by which the operator's clock is ahead of the API server's, derived from its answers; within a second "
    "it may be 0. Waits and deadlines use the API server's clock.",
)
KOPF_RESTARTS = Metric(
    "parallelproject_kopf_restarts_total",
    Kind.COUNTER,
    "Number of restarts of kopf's watch of ParallelProjects, after an error or because it delivered nothing. Each "
    "deletion of the CRD counts.",
)
PROJECTS_MISSED = Metric(
    "parallelproject_projects_missed_total",
    Kind.COUNTER,
    "States of projects that kopf's watch did not deliver within a second, and that were read instead.",
)
TRACES = Metric(
    "parallelproject_traces_total",
    Kind.COUNTER,
    "Traces of projects that have ended: exported, failed, or dropped because too many waited.",
    ("result",),
)
LEADER = Metric(
    "parallelproject_leader",
    Kind.GAUGE,
    "1 while this process is the leader, 0 while it is standby.",
)
BUILD = Metric(
    "parallelproject_build_info", Kind.GAUGE, "Always 1; the labels have the version.", ("version", "python")
)
_PROCESS = (
    Metric("parallelproject_process_virtual_memory_bytes", Kind.GAUGE, "Virtual memory of the process."),
    Metric("parallelproject_process_resident_memory_bytes", Kind.GAUGE, "Resident memory of the process."),
    Metric(
        "parallelproject_process_start_time_seconds",
        Kind.GAUGE,
        "When the process started, in seconds since the epoch.",
    ),
    Metric("parallelproject_process_cpu_seconds_total", Kind.COUNTER, "Processor time of the process."),
    Metric("parallelproject_process_open_fds", Kind.GAUGE, "Open file descriptors."),
    Metric("parallelproject_process_max_fds", Kind.GAUGE, "Maximum number of open file descriptors."),
)
"""Metrics of the client library, on Linux."""

METRICS = (
    PROJECTS, TASKS, TASKS_BY_REASON, SLOTS_HELD, PUBLICATIONS, BUDGET_SPENT, BUDGET_LIMIT, BUDGETS_EXHAUSTED,
    AGENT_TOKENS, AGENT_COST, ATTEMPTS_STARTED, RETRIES, ATTEMPTS_ENDED, LANDINGS,
    RELEASE_DURATION, QUEUE_DEPTH, QUEUE_OLDEST, QUEUE_DURATION, RECONCILE_DURATION, PLAN_DURATION, RECONCILES_FAILING,
    STATUS_DELAY, STATUS_OLDEST, API_REQUESTS, API_DURATION, WATCH_SYNCED, WATCH_RESTARTS, WATCH_SILENCE, KOPF_RESTARTS,
    PROJECTS_MISSED, CLOCK_SKEW, TRACES, LEADER, BUILD, *_PROCESS,
)  # fmt: skip
"""All of them, in the order of the reference."""
