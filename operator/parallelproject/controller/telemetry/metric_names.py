"""Every metric of the operator: its name, kind, labels and meaning. The reference page is made from this.

None has a label for a project or a task: there may be any number of them. The namespace of a project is called
``project_namespace``, since most ways to scrape set ``namespace`` to the operator's own.
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
    "Attempts of tasks that this process was the first to see, those refused for good included. What is recorded in a "
    "status when a process starts is not counted by it.",
    (NAMESPACE,),
)
RETRIES = Metric(
    "parallelproject_retries_total",
    Kind.COUNTER,
    "Those of the attempts started that are not the first of their task, whatever ended the one before.",
    (NAMESPACE,),
)
ATTEMPTS_ENDED = Metric(
    "parallelproject_attempts_ended_total",
    Kind.COUNTER,
    "Attempts that ended, by result (Succeeded, Failed, Stopped) and, where they failed, the reason. Each once in a "
    "process, however often it is seen; a process that starts counts what ended and was not recorded before. One that "
    "was given up as lost and turns out to have succeeded is counted as both.",
    (NAMESPACE, "result", "reason"),
)
LANDINGS = Metric(
    "parallelproject_landings_total",
    Kind.COUNTER,
    "Work of tasks that was to land in git, by outcome: Landed, or the reason why an attempt did not land (Conflict, "
    "Policy, BranchRewritten, AuthOrProtected, Exhausted, Transient). A task that changed nothing is not among them.",
    (NAMESPACE, "outcome"),
)
PROJECTS = Metric(
    "parallelproject_projects",
    Kind.GAUGE,
    "Projects that are there, by state: New (no status yet), Rejected, Suspended, Running, Succeeded, Failed, Stopped, "
    "DeadlineExceeded. As their statuses say, like all that is told of projects and tasks.",
    (NAMESPACE, "state"),
)
TASKS = Metric(
    "parallelproject_tasks",
    Kind.GAUGE,
    "Tasks of the projects that are there, by state.",
    (NAMESPACE, "state"),
)
TASKS_BY_REASON = Metric(
    "parallelproject_tasks_by_reason",
    Kind.GAUGE,
    "Those of the tasks that have a reason, by state and reason: why it waits (Pending), what keeps its pod from "
    "beginning (Running), why it failed or will not run. A word that is no reason of ours is told as Other.",
    (NAMESPACE, "state", "reason"),
)
SLOTS_HELD = Metric(
    "parallelproject_slots_held",
    Kind.GAUGE,
    "running attempts by the last plan, which caps are held against: from the request for a Job until its end is seen.",
    (NAMESPACE,),
)
PUBLICATIONS = Metric(
    "parallelproject_publications",
    Kind.GAUGE,
    "Projects with a forge, by status and reason of the condition Published.",
    (NAMESPACE, "status", "reason"),
)
QUEUE_DEPTH = Metric("parallelproject_queue_depth", Kind.GAUGE, "Projects that wait to be planned.")
QUEUE_OLDEST = Metric(
    "parallelproject_queue_oldest_seconds",
    Kind.GAUGE,
    "For how long the project has waited to be planned that has waited longest; 0 where none waits.",
)
QUEUE_DURATION = Metric(
    "parallelproject_queue_duration_seconds",
    Kind.HISTOGRAM,
    "From when something happened to a project to when it was planned.",
    buckets=_SECONDS,
)
RECONCILE_DURATION = Metric(
    "parallelproject_reconcile_duration_seconds",
    Kind.HISTOGRAM,
    "To plan one project and begin what the plan says; requests run beside it and are not in it.",
    buckets=_MILLISECONDS,
)
PLAN_DURATION = Metric(
    "parallelproject_plan_duration_seconds",
    Kind.HISTOGRAM,
    "The plan alone, a part of the reconcile.",
    buckets=_MILLISECONDS,
)
RECONCILES_FAILING = Metric(
    "parallelproject_reconciles_failing",
    Kind.GAUGE,
    "Projects whose last reconcile ended with an error of the operator itself; it is tried again.",
)
RELEASE_DURATION = Metric(
    "parallelproject_release_duration_seconds",
    Kind.HISTOGRAM,
    "From when what lets a task start was seen (the end of a dependency or of what held its slot, an edit, the end of "
    "a wait; of capacity that projects share: from when it was given to the project) to the API server's answer to the "
    "creation of its Job, all tries included. It begins when the project got into the queue, so it is rather too long "
    "than too short; how long the end of a pod took to be seen is not in it.",
    buckets=_SECONDS,
)
STATUS_DELAY = Metric(
    "parallelproject_status_delay_seconds",
    Kind.HISTOGRAM,
    "From the first plan that a written status tells of to the API server's answer: pace, write and tries.",
    buckets=_SECONDS,
)
STATUS_OLDEST = Metric(
    "parallelproject_status_oldest_unwritten_seconds",
    Kind.GAUGE,
    "For how long the status has not told all that was planned that is furthest behind; 0 where none is.",
)
API_REQUESTS = Metric(
    "parallelproject_api_requests_total",
    Kind.COUNTER,
    "Requests to the API server, by verb, resource and HTTP code; code error where there was no answer. Without those "
    "of kopf's watch of ParallelProjects; those of the watch of their metadata, which runs next to it, are there.",
    ("verb", "resource", "code"),
)
API_DURATION = Metric(
    "parallelproject_api_request_duration_seconds",
    Kind.HISTOGRAM,
    "Requests to the API server but watches, until the whole answer is read.",
    ("verb", "resource"),
    _SECONDS,
)
WATCH_RESTARTS = Metric(
    "parallelproject_watch_restarts_total",
    Kind.COUNTER,
    "Ends of watches of projects, Jobs, pods and namespaces, each followed by the next: ended (agreed, every five "
    "minutes), broken, expired (all is listed again).",
    ("resource", "cause"),
)
WATCH_SILENCE = Metric(
    "parallelproject_watch_silence_seconds",
    Kind.GAUGE,
    "Since the API server was last heard on the watch of a resource; bookmarks come every minute. None before the "
    "first answer.",
    ("resource",),
)
WATCH_SYNCED = Metric(
    "parallelproject_watch_synced",
    Kind.GAUGE,
    "1 while all objects of a resource are known; 0 before the first list, and while the API server refuses the watch, "
    "as where the CRD is missing or a right is not granted. Only the leader has it.",
    ("resource",),
)
CLOCK_SKEW = Metric(
    "parallelproject_clock_skew_seconds",
    Kind.GAUGE,
    "By how many seconds the operator's clock is ahead of the API server's, as far as its answers say; within a second "
    "it may be none. Waits and deadlines go by the latter.",
)
KOPF_RESTARTS = Metric(
    "parallelproject_kopf_restarts_total",
    Kind.COUNTER,
    "How often kopf's watch of ParallelProjects ended by an error, or brought nothing, and was started again. Each "
    "deletion of the CRD is one.",
)
PROJECTS_MISSED = Metric(
    "parallelproject_projects_missed_total",
    Kind.COUNTER,
    "States of projects that kopf's watch did not bring within a second, and that were read instead.",
)
TRACES = Metric(
    "parallelproject_traces_total",
    Kind.COUNTER,
    "Traces of projects that have ended: exported, failed, or dropped as too many waited.",
    ("result",),
)
LEADER = Metric(
    "parallelproject_leader",
    Kind.GAUGE,
    "1 while this process is the active one, 0 while it stands by.",
)
BUILD = Metric("parallelproject_build_info", Kind.GAUGE, "1; the labels tell what runs.", ("version", "python"))
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
    Metric("parallelproject_process_max_fds", Kind.GAUGE, "Most file descriptors that may be open."),
)
"""Of the client library, where the system is Linux."""

METRICS = (
    PROJECTS, TASKS, TASKS_BY_REASON, SLOTS_HELD, PUBLICATIONS, ATTEMPTS_STARTED, RETRIES, ATTEMPTS_ENDED, LANDINGS,
    RELEASE_DURATION, QUEUE_DEPTH, QUEUE_OLDEST, QUEUE_DURATION, RECONCILE_DURATION, PLAN_DURATION, RECONCILES_FAILING,
    STATUS_DELAY, STATUS_OLDEST, API_REQUESTS, API_DURATION, WATCH_SYNCED, WATCH_RESTARTS, WATCH_SILENCE, KOPF_RESTARTS,
    PROJECTS_MISSED, CLOCK_SKEW, TRACES, LEADER, BUILD, *_PROCESS,
)  # fmt: skip
"""All of them, in the order of the reference."""
