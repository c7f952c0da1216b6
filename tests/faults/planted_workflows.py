"""Bugs that are put into the operator on purpose, in how it runs Workflows."""

from tests.faults.others import Disturbed
from tests.faults.plan import Action, Fault
from tests.faults.planted import NAMES_BY_PROCESS, Planted, Try

_SILENT = (Fault(Action.DELAY, "watch-workflows-names", seconds=3.0),)
"""The watch says nothing for some seconds from the start."""

PLANTED = (
    Planted(
        "a Workflow without a phase holds no slot",
        """
import parallelproject.executors.workflow.executor as executor
attempt_of = executor.attempt_of
def idle(number, found, is_gone):
    made = attempt_of(number, found, is_gone)
    return made if found is None or found.phase else made._replace(running=False)
executor.attempt_of = idle
""",
        (Try("workflow-diamonds", _SILENT),),
    ),
    Planted(
        "a Workflow that has ended has succeeded, before it is read",
        """
import parallelproject.executors.workflow.executor as executor
from parallelproject.core.planner.attempt import Phase
attempt_of = executor.attempt_of
def hasty(number, found, is_gone):
    made = attempt_of(number, found, is_gone)
    is_unread = found is not None and found.completed and found.result is None
    return made._replace(phase=Phase.SUCCEEDED) if is_unread else made
executor.attempt_of = hasty
""",
        (Try("workflow-mixed"),),
        seconds=30,
    ),
    Planted(
        "a Workflow is not read when it has ended",
        """
from parallelproject.executors.base.observed import ObservedAttempts
ObservedAttempts._is_to_be_read = lambda self, view: False
""",
        (Try("workflow-chain"),),
        seconds=15,
    ),
    Planted(
        "a Workflow that is there already counts as a failed attempt",
        """
import time
from parallelproject.controller.actions.lookup import Lookup
from parallelproject.model.status import Reason
async def adopt(self, project, key):
    project.observed.refused(key, Reason.WORKFLOW_FAILED, time.time())
    return True
Lookup.adopt = adopt
""",
        (Try("workflow-chain", (Fault(Action.DOUBLE, "create-workflow"), *_SILENT)),),
    ),
    Planted(
        "a Workflow's name is not the same for the next operator",
        NAMES_BY_PROCESS,
        (Try("workflow-chain", (Fault(Action.KILL_AFTER, "create-workflow", 2),)),),
    ),
    Planted(
        "the phase of a Workflow that failed is not looked at",
        """
import parallelproject.executors.workflow.observation as observation
result = observation._result
def always_well(spec, status, **more):
    found = result(spec, status, **more)
    return found._replace(phase="Succeeded") if found else None
observation._result = always_well
""",
        (Try("workflow-mixed"),),
        seconds=30,
    ),
)


def _others(actor: str, *seeds: int) -> tuple[Disturbed, ...]:
    """Runs without another fault: their seeds are even."""
    return tuple(Disturbed(actor, seed, workflows=True) for seed in seeds)


PLANTED_AMONG_OTHERS = (
    Planted(
        "nothing holds a Workflow until its result is recorded",
        """
import parallelproject.executors.workflow.executor as executor
manifest = executor.workflow_manifest
def bare(*arguments):
    made = manifest(*arguments)
    del made["metadata"]["finalizers"]
    return made
executor.workflow_manifest = bare
""",
        _others("sets-ttl", 2, 4, 6),
    ),
    Planted(
        "a Workflow that others suspend has failed",
        """
import parallelproject.executors.workflow.executor as executor
from parallelproject.core.planner.attempt import Phase
attempt_of = executor.attempt_of
def hasty(number, found, is_gone):
    made = attempt_of(number, found, is_gone)
    return made._replace(phase=Phase.FAILED, running=False) if made.is_suspended else made
executor.attempt_of = hasty
""",
        _others("suspends", 2, 4, 6),
    ),
    Planted(
        "a Workflow that a policy denies has failed for good",
        """
from parallelproject.executors.base.optional import Refused
from parallelproject.executors.workflow.executor import WorkflowExecutor
from parallelproject.model.status import Reason
async def refusal(self, api, namespace, manifest, error):
    return Refused(Reason.INVALID_POD_TEMPLATE, str(error))
WorkflowExecutor.refusal = refusal
""",
        _others("denies", 2, 4, 6),
    ),
    Planted(
        "a Workflow that others delete is never released",
        """
from parallelproject.executors.workflow.executor import WorkflowExecutor
WorkflowExecutor.is_going = lambda self, found: False
""",
        _others("deletes", 2, 4),
    ),
    Planted(
        "labels that others removed from a Workflow are not restored",
        """
from parallelproject.controller.actions.lookup import Lookup
Lookup.restore = lambda self, project, key, uid: project.observed.gone(key)
""",
        _others("takes-labels", 2, 4),
    ),
)
