"""Bugs that are put into the operator on purpose, in how it treats Jobs that wait in a queue of Kueue."""

from rig.deadline import until
from tests.faults.lab import Run
from tests.faults.plan import Action, Fault
from tests.faults.planted import NAMES_BY_PROCESS, Planted, Try

_SECONDS = 60


def drain(run: Run) -> None:
    """The queue takes back all that it has admitted as soon as a task runs, and admits again when that is suspended."""
    space = run.namespace

    def is_suspended() -> bool:
        return all(job["spec"]["suspend"] for job in space.jobs() if not job["status"].get("completionTime"))

    until(
        lambda: any(pod["status"].get("phase") == "Running" for pod in space.pods()), "a task to run", seconds=_SECONDS
    )
    run.lab.set_queue(space.name, stopPolicy="HoldAndDrain")
    until(is_suspended, "all Jobs to be suspended", seconds=_SECONDS)
    run.lab.set_queue(space.name, stopPolicy="None")


DRAINED = Try("queue-long", meanwhile=drain)

PLANTED = (
    Planted(
        "a Job that Kueue suspends again has failed",
        """
import parallelproject.executors.job.executor as executor
from parallelproject.core.planner.attempt import Phase
attempt_of = executor.attempt_of
ran = set()
def hasty(number, job, pods, job_is_gone):
    pods = list(pods)
    made = attempt_of(number, job, pods, job_is_gone)
    if job is not None and not job.waits_in_queue:
        ran.add(job.uid)
    is_evicted = job is not None and made.waits_for_quota and job.uid in ran
    return made._replace(phase=Phase.FAILED, running=False, ended=job.began) if is_evicted else made
executor.attempt_of = hasty
""",
        (DRAINED,),
    ),
    Planted(
        "a pod that an eviction ends has failed its attempt",
        """
import parallelproject.executors.job.executor as executor
from parallelproject.core.planner.attempt import Phase
attempt_of = executor.attempt_of
def hasty(number, job, pods, job_is_gone):
    pods = list(pods)
    made = attempt_of(number, job, pods, job_is_gone)
    failed = made.phase is Phase.ACTIVE and any(pod.phase == "Failed" for pod in pods)
    return made._replace(phase=Phase.FAILED, running=False, ended=job.began) if failed else made
executor.attempt_of = hasty
""",
        (DRAINED,),
    ),
    Planted(
        "a Job that waits is stopped as one that a person has suspended for too long",
        """
from parallelproject.core.planner.snapshot import Snapshot
surplus_for = Snapshot.surplus_for
def hasty(self, task, attempt):
    return "Stopped" if attempt.waits_for_quota else surplus_for(self, task, attempt)
Snapshot.surplus_for = hasty
""",
        (DRAINED,),
        seconds=30,
    ),
    Planted(
        "Jobs have no label of their queue",
        """
import parallelproject.executors.job.task_job as task_job
labels = task_job.queue_labels
class Hidden(dict):
    def __ror__(self, other):
        return other
task_job.queue_labels = lambda spec, queue: Hidden(labels(spec, queue))
""",
        (Try("queue-chain"),),
        seconds=15,
    ),
    Planted(
        "after a restart the attempt of a row that waits counts as ended",
        """
import parallelproject.controller.projects.project as project
import parallelproject.core.report.status as status
read_row = status.read_row
def hasty(row):
    return read_row({key: value for key, value in row.items() if key != "queued"})
status.read_row = project.read_row = hasty
""",
        tuple(Try("queue-mixed", (Fault(Action.KILL_AFTER, "patch-status", nth),)) for nth in (3, 4, 5, 2, 6)),
    ),
    Planted(
        "the name of a Job is not the same for the next operator",
        NAMES_BY_PROCESS,
        (Try("queue-chain", (Fault(Action.KILL_AFTER, "create-job", 2),)),),
    ),
)
