"""What Workflows report about attempts.

A Workflow may be megabytes, mostly of the tree of its nodes, and it changes with each of its pods. So only its
metadata is watched: Argo writes the phase into a label in the same update as into the status. The whole object is read
once for each attempt, when that label says that it has ended, and after others have changed its spec (to suspend it).
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from parallelproject.core.planner.attempt import STOP_OVERDUE, Attempt, Phase
from parallelproject.core.planner.claim import Claim
from parallelproject.core.planner.outputs import Outputs, outputs_of
from parallelproject.core.times import epoch
from parallelproject.executors.base.delivered import NOT_DELIVERED, Delivered, delivered, explanation, result_of
from parallelproject.executors.workflow.arguments import DELIVERY
from parallelproject.executors.workflow.manifest import STOP
from parallelproject.git.plumbing.outcome import Outcome
from parallelproject.model.names import (
    ANNOTATION_CLAIM,
    ANNOTATION_DELIVERY,
    ANNOTATION_RECORDED,
    ANNOTATION_STOP,
    FINALIZER_RECORDED,
)
from parallelproject.model.status import Reason

LABEL_PHASE, LABEL_COMPLETED = "workflows.argoproj.io/phase", "workflows.argoproj.io/completed"
"""Written by Argo's controller, see ``markWorkflowPhase`` in its ``operator.go``."""
SUCCEEDED, FAILED, ERROR, PENDING = "Succeeded", "Failed", "Error", "Pending"
_ENDS = frozenset({SUCCEEDED, FAILED, ERROR})
_EXIT_CODE = re.compile(r"\(exit code (\d{1,9})\)")
RESULT = "pproj-result"
"""The output of a Workflow that has the result of ``pproj-git``: a parameter with this ``globalName``."""
_OUR_CONTAINER = re.compile(r"(?:prepare|main): \w* ?\(exit code (\d{1,9})\)(?:: (.*))?", re.DOTALL)
"""The message of a pod in which a container that lands work failed, with its result."""
_HAS_LANDED = frozenset({Outcome.LANDED, Outcome.ALREADY_LANDED, Outcome.NO_CHANGE})
_NO_RESULT = f"its Workflow succeeded without the output {RESULT}, so it is not known whether its work landed"
_NO_REPORT = f"its Workflow ended without the output {RESULT}"
_DEADLINE = re.compile(r"deadline", re.IGNORECASE)
"""``Step exceeded its deadline``, ``Pod was active on the node longer than the specified deadline`` and the like."""
_FAILED_BY_STOP = {str(Reason.START_ERROR): Reason.START_ERROR, STOP_OVERDUE: Reason.DEADLINE_EXCEEDED}
"""Reasons for which the operator ends an attempt that count as failures."""
_MESSAGE_MAX = 1024
_REPORT_MAX = 4096
_CREATION_SECONDS = 1.0
"""Maximum difference between the times that the API server notes for one creation: both are whole seconds."""

Marks = tuple[tuple[str, str], ...]


class WorkflowEnd(NamedTuple):
    """How a Workflow ended, by its status."""

    phase: str
    message: str = ""
    started: float | None = None
    ended: float | None = None
    is_overdue: bool = False
    """Whether it took as long as its deadline allows."""
    has_landed: bool = True
    """Whether its work landed; True if it has none to land."""
    delivered: Delivered = NOT_DELIVERED
    """What happened to its work."""
    outputs: Outputs = ()
    """Its global outputs."""
    report: str = ""
    """What our container has written, in a Workflow that publishes."""


class WorkflowView(NamedTuple):
    """The relevant part of a Workflow."""

    name: str
    uid: str
    version: int
    """Its resourceVersion: of two views the one with the higher is newer."""
    created: float | None
    changed: float | None
    """When it was last changed by anyone."""
    phase: str
    """Pending, Running, Succeeded, Failed or Error; empty before Argo's controller starts it."""
    completed: bool
    """Whether it has ended, by its label or its status."""
    stopped_for: str
    claim: str = ""
    delivers: bool = False
    """Whether it lands its work."""
    deleting: bool = False
    """Whether it is deleted as soon as no finalizer holds it."""
    finalizers: tuple[str, ...] = ()
    has_been_released: bool = False
    """Whether the operator has removed its finalizer at some time."""
    spec_marks: Marks = ()
    """The last writer of its spec, and when it wrote."""
    is_whole: bool = False
    """Whether the whole object was read, not only its metadata."""
    result: WorkflowEnd | None = None
    """How it ended; None before, and while only its metadata is known."""
    is_suspended: bool = False
    stop_undone: bool = False
    """Whether it was stopped, and another user took that back before it ended."""
    read_marks: Marks | None = None
    """``spec_marks`` when the whole object was last read; None before."""

    @property
    def held(self) -> bool:
        """Whether our finalizer holds it: its result may not be recorded."""
        return FINALIZER_RECORDED in self.finalizers

    @property
    def is_recorded(self) -> bool:
        """Whether its result is recorded. Others may remove our finalizer before that, and one that is being deleted is
        released before its end, which a finalizer of Argo can still delay."""
        return self.has_been_released and not self.held and not self.deleting

    @property
    def has_other_spec(self) -> bool:
        """Whether others have changed its spec since it was last read, or since it was created."""
        if self.read_marks is not None:
            return self.spec_marks != self.read_marks
        return any((epoch(time) or 0.0) > (self.created or 0.0) + _CREATION_SECONDS for _, time in self.spec_marks)

    @property
    def is_to_be_read(self) -> bool:
        """Whether the whole object must be read."""
        if self.is_whole or self.is_recorded or self.result is not None:
            return False
        return self.completed or self.has_other_spec

    def after(self, known: "WorkflowView") -> "WorkflowView":
        """This view, with earlier results and annotations that others may have removed since."""
        kept = self._replace(claim=self.claim or known.claim, stopped_for=self.stopped_for or known.stopped_for)
        kept = kept._replace(result=self.result or known.result, delivers=self.delivers or known.delivers)
        if self.is_whole:
            return kept
        # The watch may report it before the answer to its creation arrives: then it is as it was created.
        is_as_created = known.read_marks is None and not known.has_other_spec
        read_marks = known.spec_marks if is_as_created else known.read_marks
        return kept._replace(is_suspended=known.is_suspended, stop_undone=known.stop_undone, read_marks=read_marks)


def view_workflow(obj: Mapping[str, Any]) -> WorkflowView:
    """Reads a Workflow, or the metadata of one."""
    metadata = obj["metadata"]
    labels, marks = metadata.get("labels") or {}, metadata.get("annotations") or {}
    stopped_for = marks.get(ANNOTATION_STOP, "")
    fields = [each for each in metadata.get("managedFields") or () if isinstance(each, Mapping)]
    times = [at for each in fields if (at := epoch(each.get("time"))) is not None]
    spec_marks = tuple(
        (str(each.get("manager")), str(each.get("time"))) for each in fields if "f:spec" in (each.get("fieldsV1") or ())
    )
    found = WorkflowView(
        name=metadata["name"],
        uid=metadata["uid"],
        version=int(metadata["resourceVersion"]),
        created=epoch(metadata.get("creationTimestamp")),
        changed=max(times, default=None),
        phase=str(labels.get(LABEL_PHASE) or ""),
        completed=labels.get(LABEL_COMPLETED) == "true",
        stopped_for=stopped_for,
        claim=marks.get(ANNOTATION_CLAIM, ""),
        delivers=ANNOTATION_DELIVERY in marks,
        deleting="deletionTimestamp" in metadata,
        finalizers=tuple(metadata.get("finalizers") or ()),
        has_been_released=ANNOTATION_RECORDED in marks,
        spec_marks=spec_marks,
    )
    if "spec" not in obj:
        return found
    spec, status = _mapping(obj.get("spec")), _mapping(obj.get("status"))
    delivers = found.delivers or _has_instruction(spec)
    result = _result(spec, status, delivers=delivers)
    return found._replace(
        delivers=delivers,
        phase=str(status.get("phase") or ""),
        completed=result is not None,
        is_whole=True,
        result=result,
        is_suspended=spec.get("suspend") is True,
        stop_undone=bool(stopped_for) and spec.get("shutdown") != STOP,
        read_marks=spec_marks,
    )


def _result(spec: Mapping[str, Any], status: Mapping[str, Any], *, delivers: bool) -> WorkflowEnd | None:
    phase = str(status.get("phase") or "")
    if phase not in _ENDS:
        return None
    started, ended = (epoch(status.get(name)) for name in ("startedAt", "finishedAt"))
    deadline = spec.get("activeDeadlineSeconds")
    is_overdue = isinstance(deadline, int) and started is not None and ended is not None and ended - started >= deadline
    message = str(status.get("message") or "")
    end = WorkflowEnd(phase, message[:_MESSAGE_MAX], started, ended, is_overdue, outputs=_outputs(status))
    if delivers:
        return _with_delivery(end, message, status)
    failed = _OUR_CONTAINER.match(message)
    said = dict(_parameters(status, "outputs")).get(RESULT) or (failed[2] if failed else "") or ""
    return end._replace(report=said[:_REPORT_MAX])


def _has_instruction(spec: Mapping[str, Any]) -> bool:
    """Whether a Workflow was made to land work. Without ``spec.git`` its template may set the argument to a default."""
    return any(name == DELIVERY and value.startswith("{") for name, value in _parameters(spec, "arguments"))


def _outputs(status: Mapping[str, Any]) -> Outputs:
    """The parameters with a ``globalName``, which Argo copies into the status of the Workflow."""
    return outputs_of({name: value for name, value in _parameters(status, "outputs") if name != RESULT})


def _parameters(of: Mapping[str, Any], kind: str) -> list[tuple[str, str]]:
    """The arguments of a spec, or the outputs of a status."""
    found = _mapping(of.get(kind)).get("parameters")
    entries = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    return [(str(each.get("name") or ""), str(each.get("value") or "")) for each in entries]


def _with_delivery(end: WorkflowEnd, message: str, status: Mapping[str, Any]) -> WorkflowEnd:
    """Adds the result of the containers that land the work: of the output, else of the message of a failed pod.

    Argo waits for the outputs of a pod only if that has succeeded.
    """
    text = dict(_parameters(status, "outputs")).get(RESULT, "")
    if found := result_of(text):
        outcome, work = found
        return end._replace(message=explanation(text) or end.message, has_landed=outcome in _HAS_LANDED, delivered=work)
    if failed := _OUR_CONTAINER.match(message):
        text = failed[2] or ""
        work = delivered(int(failed[1]), text)
        return end._replace(message=explanation(text) or end.message, has_landed=False, delivered=work)
    return end._replace(message=end.message or _NO_RESULT, has_landed=False)


def attempt_of(number: int, found: WorkflowView | None, is_gone: bool) -> Attempt:
    """The state of an attempt.

    Args:
        number: Its number.
        found: Its Workflow, if one is or was observed.
        is_gone: Whether that is known to be deleted. Only then can the attempt be lost.
    """
    if found is None:
        return Attempt(number, Phase.LOST)
    result = found.result
    is_unread = result is None and found.completed and found.phase in _ENDS
    if is_unread and found.is_recorded:
        result = WorkflowEnd(found.phase, ended=found.changed)
    elif is_unread and is_gone and not (found.delivers and found.phase == SUCCEEDED):
        result = WorkflowEnd(found.phase, ended=found.changed)  # its status can no longer be read
    if result is not None:
        return _ended(number, found, result)
    if is_gone:
        if found.stopped_for in _FAILED_BY_STOP:
            because = _FAILED_BY_STOP[found.stopped_for]
            return Attempt(number, Phase.FAILED, started=found.created, reason=because, name=found.name)
        phase = Phase.STOPPED if found.stopped_for else Phase.LOST
        return Attempt(number, phase, started=found.created, name=found.name)
    stopping = bool(found.stopped_for) and not found.stop_undone
    reason: str | None = None
    if found.deleting:
        reason = Reason.JOB_TERMINATING
    elif found.is_suspended and not stopping:
        reason = Reason.JOB_SUSPENDED
    elif found.phase == PENDING:
        reason = Reason.WORKFLOW_PENDING
    return Attempt(
        number, Phase.ACTIVE, not found.completed, stopping, found.created, reason=reason, name=found.name,
        claim=Claim.from_json(found.claim),
    )  # fmt: skip


def _ended(number: int, found: WorkflowView, result: WorkflowEnd) -> Attempt:
    started, ended = found.created, result.ended
    if started is not None and ended is not None:
        ended = max(started, ended)  # the clock of Argo's controller may be behind
    work = result.delivered
    if result.phase == SUCCEEDED and result.has_landed:
        return Attempt(
            number, Phase.SUCCEEDED, started=started, ended=ended, name=found.name, commit=work.commit,
            notes=work.notes, outputs=result.outputs,
        )  # fmt: skip
    if found.stopped_for and found.stopped_for not in _FAILED_BY_STOP:
        return Attempt(number, Phase.STOPPED, started=started, ended=ended, name=found.name)
    code = _EXIT_CODE.search(result.message)
    why, exit_code = Reason.WORKFLOW_ERROR if result.phase == ERROR else Reason.WORKFLOW_FAILED, None
    if found.stopped_for:
        why = _FAILED_BY_STOP[found.stopped_for]
    elif result.is_overdue or _DEADLINE.search(result.message):
        why = Reason.DEADLINE_EXCEEDED
    elif work.reason is not None:
        why = work.reason
    elif code is not None and int(code[1]):
        why, exit_code = Reason.EXIT_CODE, int(code[1])
    return Attempt(number, Phase.FAILED, False, False, started, ended, why, exit_code, found.name)


def report_of(found: WorkflowView) -> str:
    """The report of a Workflow that has published: JSON; empty if how it ended can no longer be read.

    One without a report has not published as far as is known. Argo has no outputs of a pod that failed, and none of
    one whose account may not report them.
    """
    result = found.result
    if result is None or result.report.startswith("{"):
        return "" if result is None else result.report
    reason = Reason.WORKFLOW_ERROR if result.phase == ERROR else Reason.WORKFLOW_FAILED
    return json.dumps({"reason": reason, "message": result.message or _NO_REPORT})


def said_at_end(found: WorkflowView) -> str:
    """The message of a Workflow that did not succeed."""
    result = found.result
    is_good = result is None or (result.phase == SUCCEEDED and result.has_landed)
    return "" if result is None or is_good or found.stopped_for else result.message


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
