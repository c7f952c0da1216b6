"""Bugs that are put into the operator on purpose: a harness that finds none of them finds nothing.

Each is a few statements that are executed in the operator before it starts, and the runs of which one must catch it.
The same runs without the bug are in order.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.controller.cluster import rows
from tests.faults.graphs import ALL_GRAPHS
from tests.faults.lab import Lab, Run
from tests.faults.others import Disturbed
from tests.faults.plan import Action, Fault
from tests.faults.scenario import SECONDS, Outcome, run_one

_LONG_SECONDS = 3.0


@dataclass(frozen=True)
class Try:
    """A run that may catch a bug."""

    graph: str
    faults: tuple[Fault, ...] = ()
    in_turn: bool = False
    meanwhile: Callable[[Run], object] | None = None
    linger: float = 0

    def run(self, lab: Lab, patch: str = "", seconds: float = SECONDS) -> Outcome:
        """Makes it."""
        return run_one(
            lab,
            ALL_GRAPHS[self.graph],
            self.faults,
            in_turn=self.in_turn,
            patch=patch,
            meanwhile=self.meanwhile,
            seconds=seconds,
            linger=self.linger,
        )


@dataclass(frozen=True)
class Planted:
    """One bug."""

    name: str
    patch: str
    tries: tuple[Try | Disturbed, ...]
    """In this order, until one has caught it."""
    family: str = "other"
    """Of what rule it is: of each family, one is in a sample."""
    seconds: float = 60
    """Deadline of a run; short for bugs that make it hang."""

    def caught(self, lab: Lab) -> Outcome | None:
        """The first run that catches it; None where none does."""
        for each in self.tries:
            outcome = each.run(lab, self.patch, self.seconds)
            if outcome.violations:
                return outcome
        return None


def clean_up(run: Run) -> None:
    """Somebody deletes the Jobs that have succeeded, and the operator starts anew."""
    done: list[str] = []

    def recorded() -> bool:
        done[:] = [i for i, row in rows(run.namespace.get()).items() if row["state"] == "Succeeded"]
        return bool(done)

    run.namespace.until(recorded, "a success that is written down")
    for job in [job for task in done for job in run.namespace.jobs(task)]:
        path = f"/apis/batch/v1/namespaces/{run.namespace.name}/jobs/{job['metadata']['name']}"
        run.namespace.client("DELETE", path, {"propagationPolicy": "Background"})
        run.namespace.until(lambda path=path: run.namespace.is_gone(path), "the deletion")  # type: ignore[misc]
    run.kill()


def _silent(*resources: str) -> tuple[Fault, ...]:
    """Watches that say nothing for some seconds from the start."""
    return tuple(Fault(Action.DELAY, f"watch-{resource}", seconds=_LONG_SECONDS) for resource in resources)


def _old(*resources: str) -> tuple[Fault, ...]:
    """Lists from the project's beginning, as the second operator gets them."""
    return tuple(Fault(Action.OLD, f"list-{resource}", 2, seconds=_LONG_SECONDS) for resource in resources)


NAMES_BY_PROCESS = """
import os
import parallelproject.model.names as names
import parallelproject.controller.actions.lookup as lookup
import parallelproject.controller.reconcile.attempt_watch as attempt_watch
job_name = names.job_name
def mine(project, uid, key):
    return job_name(project, uid, key) + f"-{os.getpid()}"
names.job_name = lookup.job_name = attempt_watch._name_of = mine
"""
"""A patch: an attempt's object has another name for each process of the operator."""

PLANTED = (
    Planted(
        "the cap is off by one",
        """
import parallelproject.controller.reconcile.reconcile as reconcile
plan = reconcile.plan
def more(graph, spec, *rest):
    return plan(graph, spec.model_copy(update={"parallelism": spec.parallelism + 1}), *rest)
reconcile.plan = more
""",
        (Try("diamonds"),),
        family="cap",
    ),
    Planted(
        "a Job that is there already counts as a failed attempt",
        """
import time
from parallelproject.controller.actions.lookup import Lookup
from parallelproject.model.status import Reason
async def adopt(self, project, key):
    project.observed.refused(key, Reason.POD_FAILED, time.time())
    return True
Lookup.adopt = adopt
""",
        (Try("chain", (Fault(Action.DOUBLE, "create-job"), *_silent("jobs", "pods"))),),
        family="attempts",
    ),
    Planted(
        "results are not merged with what is written down",
        """
import parallelproject.controller.projects.project as project
from parallelproject.core.planner.plan import Ledger
project.read_status = lambda status: Ledger()
""",
        (Try("failing", meanwhile=clean_up),),
        family="status",
        seconds=20,
    ),
    Planted(
        "the answer to a creation that was lost counts as a refusal",
        """
import parallelproject.kube.client as api
api.ApiError.is_definite = property(lambda self: True)
import parallelproject.controller.actions.creation as creation
import time
from parallelproject.model.status import Reason
create = creation.Creation._try_create
async def once(self, project, key, manifest):
    try:
        return await create(self, project, key, manifest)
    except api.ApiError as error:
        project.observed.refused(key, Reason.POD_FAILED, time.time())
        return True
creation.Creation._try_create = once
""",
        (Try("chain", (Fault(Action.DROP_AFTER, "create-job"), *_silent("jobs", "pods"))),),
        family="attempts",
    ),
    Planted(
        "a task that has failed is tried again before its Job has ended",
        """
import parallelproject.executors.job.executor as executor
from parallelproject.core.planner.attempt import Phase
attempt_of = executor.attempt_of
def hasty(number, job, pods, job_is_gone):
    pods = list(pods)
    found = attempt_of(number, job, pods, job_is_gone)
    if found.phase is Phase.ACTIVE and any(pod.phase == "Failed" for pod in pods):
        return found._replace(phase=Phase.FAILED, running=False, reason="PodFailed")
    return found
executor.attempt_of = hasty
""",
        (Try("mixed"),),
        family="attempts",
    ),
    Planted(
        "the status is written without the version that it was computed from",
        """
from parallelproject.kube.client import Api
request = Api.request
async def blind(self, method, path, body=None, **more):
    if method == "PATCH" and path.endswith("/status"):
        body = {"status": body["status"]}
    return await request(self, method, path, body, **more)
Api.request = blind
""",
        tuple(Try("chain", (Fault(Action.KILL_LATE, "patch-status", seconds=late),)) for late in (4, 16)),
        family="status",
    ),
    Planted(
        "the status is written although nothing has changed",
        """
import parallelproject.controller.projects.status_writer as writer
writer.says_the_same = lambda a, b: False
""",
        (Try("chain", linger=2),),  # longer than the operator waits between two writes
        family="status",
    ),
    Planted(
        "a Job that is not seen counts as lost without being looked up",
        """
from parallelproject.controller.actions.lookup import Lookup
def look_up(self, project, key):
    project.observed.gone(key)
    self._keeper.again(project)
Lookup.look_up = look_up
from parallelproject.kube.lease import Leader
async def none(self):
    await self.elected.wait()
    return ""
Leader.__call__ = none
""",
        tuple(Try("long", (Fault(Action.KILL_AFTER, "patch-status", k), *_old("jobs", "pods"))) for k in (2, 1)),
        family="lost",
    ),
    Planted(
        "a task waits for one of its dependencies and not for all",
        """
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.status import TaskState
def is_free(self, i):
    parents = self.graph.parents[i]
    return not parents or any(self.states[parent] is TaskState.SUCCEEDED for parent in parents)
Snapshot.is_free = is_free
""",
        (Try("mixed"),),
        family="order",
    ),
    Planted(
        "a task gets one attempt more than it may have",
        """
import parallelproject.core.planner.plan as plan
is_final = plan.is_final
def late(graph, spec, i, record):
    return is_final(graph, spec, i, record._replace(failures=record.failures - 1))
plan.is_final = late
""",
        (Try("mixed"),),
        family="attempts",
        seconds=20,
    ),
    Planted(
        "a Job's name is not the same for the next operator",
        NAMES_BY_PROCESS,
        (Try("chain", (Fault(Action.KILL_AFTER, "create-job", 2),)),),
        family="lost",
    ),
    Planted(
        "only a pod that runs holds a slot",
        """
import parallelproject.executors.job.executor as executor
attempt_of = executor.attempt_of
def idle(number, job, pods, job_is_gone):
    pods = list(pods)
    found = attempt_of(number, job, pods, job_is_gone)
    return found if any(pod.phase == "Running" for pod in pods) else found._replace(running=False)
executor.attempt_of = idle
""",
        (Try("diamonds"),),
        family="cap",
    ),
    Planted(
        "what happened before a list that follows on 410 is not looked at",
        """
from parallelproject.kube.reflector import Reflector
class Deaf:
    def seen(self, obj): pass
    def gone(self, obj): pass
list_ = Reflector._list
async def deaf(self):
    sink = self._sink
    self._sink = Deaf() if self.synced.is_set() else sink
    try:
        await list_(self)
    finally:
        self._sink = sink
Reflector._list = deaf
""",
        (Try("chain", tuple(Fault(Action.ANSWER, f"event-of-{of}", times=12, status=410) for of in ("jobs", "pods"))),),
        family="lost",
        seconds=15,
    ),
)
