"""What Jobs and pods report about attempts.

A pod that succeeded counts at once: the Job controller reports it up to a second later. A failure counts only when the
Job has failed, since a Job replaces a pod that was evicted.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from parallelproject.core.planner.agent_usage import sum_of
from parallelproject.core.planner.attempt import STOP_OVERDUE, Attempt, Phase
from parallelproject.core.planner.claim import Claim
from parallelproject.core.planner.outputs import Outputs
from parallelproject.core.steps.step import StepVerdict
from parallelproject.core.times import epoch
from parallelproject.core.verification.check_message import CheckEnd, read_end, setup_end
from parallelproject.core.verification.probe import ProbeOutcome
from parallelproject.core.verification.revert_message import read_revert_end
from parallelproject.executors.base.agent_session import AgentSession
from parallelproject.executors.base.delivered import NOT_DELIVERED, Delivered, declared_outputs, delivered
from parallelproject.executors.base.delivery_instruction import continues_held_work
from parallelproject.executors.job import delivery_pod, setup_pod
from parallelproject.git.plumbing.outcome import AGENT_FAILED, GATE_REJECTED
from parallelproject.model.names import (
    ANNOTATION_CHECK,
    ANNOTATION_CLAIM,
    ANNOTATION_CONTAINER,
    ANNOTATION_DELIVERY,
    ANNOTATION_PUBLISH,
    ANNOTATION_STOP,
    FINALIZER_RECORDED,
    KUBECTL_CONTAINER,
    LABEL_QUEUE,
)
from parallelproject.model.status import Reason

_FAILED_BY_STOP = {str(Reason.START_ERROR): Reason.START_ERROR, STOP_OVERDUE: Reason.DEADLINE_EXCEEDED}
"""Reasons on a Job for which the operator stopped the attempt as a failure."""

_OVERDUE = "The check was stopped: its activeDeadlineSeconds have passed."
_VERDICTS = frozenset({0, AGENT_FAILED, GATE_REJECTED})
"""Exit codes of the container that lands the work which count whatever the exit code of the task's own container is."""
_PHASES = {StepVerdict.HELD: Phase.HELD, StepVerdict.PASSED: Phase.PASSED}
_NOT_STARTED = frozenset({"StartError", "ContainerCannotRun"})
_PULLING = frozenset({"ErrImagePull", "ImagePullBackOff"})
"""The kubelet alternates between both while it retries."""
_ON_ITS_WAY = frozenset({"ContainerCreating", "PodInitializing"})


class JobView(NamedTuple):
    """The relevant part of a Job."""

    name: str
    uid: str
    version: int
    """Its resourceVersion: of two views the one with the higher is newer."""
    began: float | None
    """When it was created; of a Job that a queue has admitted, when it started: None at first."""
    ended: float | None
    outcome: str
    """Complete, Failed or empty while it is unfinished."""
    reason: str
    stopped_for: str
    claim: str = ""
    """The ``Claim`` that its task had when it was started, as text."""
    is_suspended: bool = False
    """Whether ``suspend`` or a parallelism of 0 keeps it from having a pod."""
    is_queued: bool = False
    """Whether it was created suspended, as by a queue, and has not started."""
    has_queue: bool = False
    """Whether a queue of Kueue admits it: only that resumes and suspends it."""
    waits_in_queue: bool = False
    """Whether that queue has not admitted it, or has taken that back."""
    is_idle: bool = False
    """Whether the Job controller reports that it is suspended and has no pod."""
    may_replace: bool = False
    """Whether the Job creates another pod after a failed one."""
    stop_undone: bool = False
    """Whether it was stopped, and someone reverted that before it ended."""
    deleting: bool = False
    """Whether it is deleted as soon as no finalizer holds it."""
    held: bool = False
    """Whether our finalizer holds it: its result is not known to be recorded."""
    moves_on: str = ""
    """The verdict by which its task moves on to another step if it ends well, Held or Passed; empty: its work has
    landed then. It is read from the pod template, which nobody can change any more."""

    def after(self, known: "JobView") -> "JobView":
        """This view, with the annotations of an earlier view: someone may have removed them since."""
        return self._replace(claim=self.claim or known.claim, stopped_for=self.stopped_for or known.stopped_for)

    @property
    def is_to_be_marked(self) -> bool:
        """Whether it must be marked as stopped before it can be deleted: in a queue it cannot end."""
        return self.waits_in_queue and not self.stopped_for

    @property
    def has_ended_by_stop(self) -> bool:
        """Whether it was stopped and deleted while suspended: it has no pod, and gets none."""
        return self.deleting and self.is_idle and bool(self.stopped_for)


class PodView(NamedTuple):
    """The relevant part of a pod."""

    job_uid: str
    """Uid of the Job that controls it; labels alone prove nothing."""
    phase: str
    disrupted: bool
    ended: float | None
    exit_code: int | None
    container_reason: str
    delivered: Delivered = NOT_DELIVERED
    message: str = ""
    """The report of its container, if it publishes."""
    outputs: Outputs = ()
    """The outputs of its task."""
    said: tuple[str, str] = ("", "")
    """The reports of its containers, if it runs a check: of the one that checks out, and of the one that waits."""
    trouble: str | None = None
    """What keeps it from starting."""
    deleting: bool = False
    """Whether it was deleted; it may still run."""
    setup_code: int | None = None
    """The exit code of its setup, if it runs a check and setup has failed."""

    @property
    def is_live(self) -> bool:
        """Whether it may still run."""
        return self.phase not in ("Succeeded", "Failed")

    def after(self, known: "PodView | None") -> "PodView | None":
        """Like ``JobView.after``. A pod that no Job controls never belonged to an attempt, or was detached from its
        Job."""
        if self.job_uid:
            return self
        return None if known is None else self._replace(job_uid=known.job_uid)


def view_job(job: Mapping[str, Any]) -> JobView:
    """Reads a Job."""
    metadata, spec, status = job["metadata"], job.get("spec") or {}, job.get("status") or {}
    marks = metadata.get("annotations") or {}
    stopped_for = marks.get(ANNOTATION_STOP, "")
    suspend, has_slots = spec.get("suspend") is True, spec.get("parallelism") != 0
    has_queue = LABEL_QUEUE in (metadata.get("labels") or {})
    is_idle = not (status.get("active") or status.get("terminating")) and any(
        c.get("type") == "Suspended" and c.get("status") == "True" for c in status.get("conditions") or ()
    )
    outcome, reason, ended = "", "", None
    for condition in status.get("conditions") or ():
        if condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True":
            outcome, reason = condition["type"], condition.get("reason") or ""
            ended = epoch(status.get("completionTime") or condition.get("lastTransitionTime"))
    return JobView(
        name=metadata["name"],
        uid=metadata["uid"],
        version=int(metadata["resourceVersion"]),
        # A queue may admit it after days, and each time it starts again; the Job controller notes when.
        began=epoch(status.get("startTime") if has_queue and not suspend else metadata.get("creationTimestamp")),
        ended=ended,
        outcome=outcome,
        reason=reason,
        stopped_for=stopped_for,
        claim=marks.get(ANNOTATION_CLAIM, ""),
        is_suspended=suspend or not has_slots,
        is_queued=suspend and metadata.get("generation") == 1,  # each change of the spec increments it
        has_queue=has_queue,
        waits_in_queue=suspend and has_queue,
        is_idle=is_idle,
        may_replace=spec.get("backoffLimit") != 0,
        stop_undone=bool(stopped_for) and (suspend or has_slots or spec.get("activeDeadlineSeconds") != 1),
        deleting="deletionTimestamp" in metadata,
        held=FINALIZER_RECORDED in (metadata.get("finalizers") or ()),
        moves_on=_moves_on(spec),
    )


def _moves_on(spec: Mapping[str, Any]) -> str:
    """See ``JobView.moves_on``."""
    template = (spec.get("template") or {}).get("metadata") or {}
    text = (template.get("annotations") or {}).get(ANNOTATION_DELIVERY)
    return _move_of(text) if isinstance(text, str) and '"step"' in text else ""


@lru_cache(maxsize=4096)  # a Job has the same text in all its states
def _move_of(instruction: str) -> str:
    try:
        step = json.loads(instruction)["step"]
        ends = step["last"] or step["onlyLands"]
        return "" if ends else (StepVerdict.PASSED if step["gate"] else StepVerdict.HELD).value
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""  # of a task without steps


def view_pod(pod: Mapping[str, Any]) -> PodView:
    """Reads a pod; its exit code is that of the task's container, else of the first container that failed.

    Containers are identified by name: admission may have put others before them. The containers that land the work
    report their result as a reason; their exit codes say nothing about the task.
    """
    status = pod.get("status") or {}
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    found = _delivered(pod) if ANNOTATION_DELIVERY in annotations else NOT_DELIVERED
    ends = []
    for container in status.get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated")
        if ended:
            ends.append((container.get("name"), ended))
    main = _main(pod)
    order = [main, *(c.get("name") for c in (pod.get("spec") or {}).get("containers") or ())]
    ends.sort(key=lambda end: order.index(end[0]) if end[0] in order else len(order))
    code, reason = None, ""
    for _, ended in ends:
        if ended.get("exitCode"):
            code, reason = ended["exitCode"], ended.get("reason") or ""
            break
    times = [at for at in (epoch(ended.get("finishedAt")) for _, ended in ends) if at is not None]
    owners = (pod.get("metadata") or {}).get("ownerReferences") or ()
    return PodView(
        job_uid=next((ref.get("uid") or "" for ref in owners if ref.get("controller")), ""),
        phase=status.get("phase") or "Pending",
        disrupted=any(
            c.get("type") == "DisruptionTarget" and c.get("status") == "True" for c in status.get("conditions") or ()
        ),
        ended=max(times, default=None),
        exit_code=code,
        container_reason=reason,
        delivered=found,
        message=_said(status, main) if ANNOTATION_PUBLISH in annotations else "",
        outputs=_outputs(annotations, status, main, found),
        said=_said_of_check(status) if ANNOTATION_CHECK in annotations else ("", ""),
        setup_code=_setup_code(pod) if ANNOTATION_CHECK in annotations else None,
        trouble=_trouble(
            status, main, waits_for_command=ANNOTATION_DELIVERY in annotations or ANNOTATION_CHECK in annotations
        ),
        deleting="deletionTimestamp" in (pod.get("metadata") or {}),
    )


def _main(pod: Mapping[str, Any]) -> str:
    """The name of the container that runs the task, or publishes."""
    marks = (pod.get("metadata") or {}).get("annotations") or {}
    if marked := marks.get(ANNOTATION_CONTAINER) or marks.get(KUBECTL_CONTAINER):
        return str(marked)
    # A pod of an older operator, which did not record it.
    containers: list[Mapping[str, Any]] = (pod.get("spec") or {}).get("containers") or [{}]
    return str(containers[0].get("name") or "")


def _trouble(status: Mapping[str, Any], main: str, *, waits_for_command: bool) -> str | None:
    """What keeps a pod from starting: a reason of the kubelet or the scheduler.

    Args:
        status: The pod's.
        main: The container that runs the task.
        waits_for_command: Whether one of our containers waits there for one that may never start.
    """
    if status.get("phase") not in (None, "Pending", "Running"):
        return None
    found = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    states = {container.get("name"): container.get("state") or {} for container in found}
    has_started = not {"running", "terminated"}.isdisjoint(states.get(main) or ())
    for name, state in states.items():
        waiting, ended = (state.get(key) or {} for key in ("waiting", "terminated"))
        if has_started and name not in (main, delivery_pod.GIT, delivery_pod.READER):
            continue  # a proxy that restarts does not keep the task from starting
        if name == main and ended.get("reason") in _NOT_STARTED and waits_for_command:
            return Reason.START_ERROR
        if reason := str(waiting.get("reason") or ""):
            if reason in _PULLING:
                return Reason.IMAGE_PULL_BACK_OFF
            if reason not in _ON_ITS_WAY:
                return reason[:64]
    scheduled: Mapping[str, Any] = next(
        (c for c in status.get("conditions") or () if c.get("type") == "PodScheduled"), {}
    )
    if scheduled.get("status") != "False":
        return None
    return next((r for r in (Reason.UNSCHEDULABLE, Reason.SCHEDULING_GATED) if r == scheduled.get("reason")), None)


def _said_of_check(status: Mapping[str, Any]) -> tuple[str, str]:
    checked_out = _said({"containerStatuses": status.get("initContainerStatuses")}, delivery_pod.PREPARE)
    return checked_out, _said(status, delivery_pod.GIT)


def _said(status: Mapping[str, Any], main: str) -> str:
    found = [c for c in status.get("containerStatuses") or () if c.get("name") == main]
    ends = [(c.get("state") or {}).get("terminated") or {} for c in found]
    return next((str(ended["message"]) for ended in ends if ended.get("message")), "")


def _outputs(marks: Mapping[str, Any], status: Mapping[str, Any], main: str, found: Delivered) -> Outputs:
    """Those that the container reports which lands the work; without one, those of the task's own container."""
    if ANNOTATION_DELIVERY in marks or status.get("phase") != "Succeeded" or ANNOTATION_PUBLISH in marks:
        return found.outputs
    return declared_outputs(_said(status, main))


def _delivered(pod: Mapping[str, Any]) -> Delivered:
    """What the containers that land a pod's work report about it, in their termination messages."""
    status = pod.get("status") or {}
    agent = _main(pod)
    ends = {
        container.get("name"): (container.get("state") or {}).get("terminated") or {}
        for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    }
    if code := _setup_code(pod):
        metadata = pod.get("metadata") or {}
        if "deletionTimestamp" in metadata:  # that has cut it off, and says nothing of the other tasks
            return NOT_DELIVERED
        # On work that has not landed it may be that work that breaks it, which no other task has.
        is_own = continues_held_work((metadata.get("annotations") or {}).get(ANNOTATION_DELIVERY) or "")
        return Delivered(Reason.EXIT_CODE if is_own else Reason.SETUP_FAILED, exit_code=code)
    last = (delivery_pod.GIT, delivery_pod.READER)
    for name in (delivery_pod.PREPARE, setup_pod.AFTER_SETUP, *last):
        ended = ends.get(name) or {}
        code = ended.get("exitCode")
        if code is None:
            continue
        is_cause = code and not (ends.get(agent) or {}).get("exitCode")
        if is_cause or (name in last and code in _VERDICTS):
            return delivered(code, str(ended.get("message") or ""))
    return NOT_DELIVERED


def _setup_code(pod: Mapping[str, Any]) -> int | None:
    """The exit code of a pod's setup, if that has failed. A container of a template may have its name: ours is not
    alone."""
    found = {each.get("name"): each for each in (pod.get("status") or {}).get("initContainerStatuses") or ()}
    state = (found.get(setup_pod.SETUP) or {}).get("state") or {}
    code = (state.get("terminated") or {}).get("exitCode")
    return code if code and setup_pod.AFTER_SETUP in found else None


def attempt_of(number: int, job: JobView | None, pods: Iterable[PodView], job_is_gone: bool) -> Attempt:
    """The state of an attempt.

    Args:
        number: Its number.
        job: Its Job, if one is or was observed.
        pods: Pods with its labels; more than one if some were evicted. If the Job is known, only those that it
            controls count.
        job_is_gone: Whether the Job is known to be deleted. Only then can the attempt be lost: a Job that is only
            not observed may exist.
    """
    found = _attempt_of(number, job, pods, job_is_gone)
    claim = Claim.from_json(job.claim) if job else None
    return found._replace(fallback=claim.fallback) if claim and claim.is_fallback else found


def _attempt_of(number: int, job: JobView | None, pods: Iterable[PodView], job_is_gone: bool) -> Attempt:
    pods = [pod for pod in pods if job is None or pod.job_uid == job.uid]
    if job and job.has_queue and job.outcome != "Complete":
        # Deleted when the queue took back what it had admitted: how such a pod ends says nothing.
        pods = [pod for pod in pods if pod.is_live or not pod.deleting]
    name = job.name if job else None
    started = job.began if job else None
    stopped = bool(job and job.stopped_for)
    ended = max((pod.ended for pod in pods if pod.ended is not None), default=job.ended if job else None)
    if job and job.ended is not None and started is not None and ended is not None and ended < started:
        ended = job.ended  # a node's clock is behind; the Job's times are the control plane's
    used = sum_of(pod.delivered.usage for pod in pods)  # also of pods that were evicted
    spent_as = Claim.from_json(job.claim) if job and used else None
    live = any(pod.is_live for pod in pods)
    has_succeeded = any(pod.phase == "Succeeded" for pod in pods)
    # Of a Job that is complete while its pod seems to run, the watch of pods is behind: the outputs are still to come.
    if job and (has_succeeded or (job.outcome == "Complete" and not live)):
        landed = next((pod.delivered for pod in pods if pod.delivered.commit), NOT_DELIVERED)
        return Attempt(
            number,
            _phase_at_success(job, pods),
            started=started,
            ended=ended,
            name=name,
            commit=landed.commit,
            notes=landed.notes,
            outputs=next((pod.outputs for pod in pods if pod.outputs), ()),
            claim=spent_as,
            usage=used,
        )
    failed = next((pod for pod in pods if pod.phase == "Failed" and not pod.disrupted), None)
    # A failed pod is the last one if no other pod can follow: a Job that is resumed, or has tries left, creates another
    # pod.
    is_last = (
        job is not None and failed is not None and not (live or failed.deleting or job.is_suspended or job.may_replace)
    )
    has_failed = job is not None and (job.outcome == "Failed" or job.has_ended_by_stop) and not live
    if job and failed and (is_last or has_failed) and failed.delivered.verdict is StepVerdict.REJECTED:
        # A gate says that only if it has ended by itself. It counts at once, as a success does.
        return Attempt(
            number, Phase.REJECTED, False, False, started, ended or job.ended, Reason.GATE_FAILED,
            failed.delivered.exit_code, name, claim=spent_as, usage=used,
        )  # fmt: skip
    if job and has_failed:
        asks = failed is not None and failed.delivered.reason is Reason.NEEDS_INPUT  # it has ended by itself
        if stopped and job.stopped_for not in _FAILED_BY_STOP and not asks:
            return Attempt(
                number, Phase.STOPPED, started=started, ended=ended or job.ended, name=name, claim=spent_as, usage=used
            )
        why, code, until, question = Reason.POD_FAILED, None, None, ""
        if stopped and job.stopped_for in _FAILED_BY_STOP:
            because = _FAILED_BY_STOP[job.stopped_for]
            return Attempt(
                number, Phase.FAILED, False, False, started, ended or job.ended, because, None, name, claim=spent_as,
                usage=used,
            )  # fmt: skip
        if job.reason == "DeadlineExceeded" and not stopped:
            why = Reason.DEADLINE_EXCEEDED
        elif failed and failed.delivered.reason:
            found = failed.delivered
            why, code, until = found.reason or why, found.exit_code, found.retry_at
            question = found.question
        elif failed and failed.exit_code is not None:
            why, code = Reason.EXIT_CODE, failed.exit_code
        return Attempt(
            number, Phase.FAILED, False, False, started, ended or job.ended, why, code, name, retry_at=until,
            claim=spent_as, usage=used, question=question,
        )  # fmt: skip
    if job_is_gone and not live:
        if job and job.stopped_for in _FAILED_BY_STOP:
            because = _FAILED_BY_STOP[job.stopped_for]
            return Attempt(
                number, Phase.FAILED, False, False, started, ended, because, None, name, claim=spent_as, usage=used
            )  # fmt: skip
        phase = Phase.STOPPED if stopped else Phase.LOST
        return Attempt(number, phase, started=started, ended=ended, name=name, claim=spent_as, usage=used)
    if job is None:
        return Attempt(number, Phase.ACTIVE, True, reason=_trouble_of(pods))
    # A Job that has failed has ended its pods first: their report will follow. The last pod, if it has failed, releases
    # the slot a second before its Job reports it.
    running = not job.outcome and not is_last
    stopping = stopped and not job.stop_undone
    reason: str | None = _trouble_of(pods)
    claim = Claim.from_json(job.claim)
    is_for_queue = claim is not None and not claim.slots
    if claim is not None and is_for_queue and (live or not job.waits_in_queue):
        claim = claim._replace(slots=1)
    if job.deleting:
        reason = Reason.JOB_TERMINATING
    elif job.waits_in_queue and is_for_queue:
        reason = Reason.WAITING_FOR_QUOTA
    elif job.is_suspended and not stopping:
        reason = Reason.JOB_SUSPENDED
    return Attempt(
        number, Phase.ACTIVE, running, stopping, started, reason=reason, name=name, claim=claim,
        is_queued=job.is_queued or job.waits_in_queue,
    )  # fmt: skip


def _phase_at_success(job: JobView, pods: Iterable[PodView]) -> Phase:
    """What the success of a Job is for its task. Where no pod says it, its template does: nothing counts as landed that
    was only to be held or judged. Pods that were replaced do not count."""
    for pod in pods:
        if pod.phase == "Succeeded" and pod.delivered.is_done:
            return Phase.SUCCEEDED
        if pod.phase == "Succeeded" and pod.delivered.verdict in _PHASES:
            return _PHASES[pod.delivered.verdict]
    return _PHASES[StepVerdict(job.moves_on)] if job.moves_on else Phase.SUCCEEDED


def judgement_of(pods: Iterable[PodView]) -> Delivered | None:
    """How a gate has rejected the work; None: nothing is known of it."""
    return next((pod.delivered for pod in pods if pod.delivered.verdict is StepVerdict.REJECTED), None)


def failure_of(pods: Iterable[PodView]) -> Delivered | None:
    """What the next attempt gets of a failed one: a conflict with landed work, or how its agent failed; None: nothing
    is known."""
    reported = (pod.delivered for pod in pods)
    return next((found for found in reported if found.reason is Reason.CONFLICT or found.explanation), None)


def session_of(pods: Iterable[PodView]) -> AgentSession | None:
    """The session of an attempt's agent, if a pod reports one."""
    return next((found for pod in pods if (found := pod.delivered.session)), None)


def check_end(attempt: Attempt, job: JobView | None, pods: Iterable[PodView]) -> CheckEnd | None:
    """How a run of a check has ended; None: no pod says it.

    A check that its deadline has ended has failed. One that was asked to end for any other reason did not run.
    """
    for pod in pods:
        if pod.is_live or (job is not None and pod.job_uid != job.uid):
            continue
        if reverted := read_revert_end(pod.said[1]):  # which is true, whatever has ended the pod
            return reverted
        if pod.disrupted:
            continue
        found = read_end(*pod.said)
        if found is None and pod.setup_code and not pod.deleting:
            found = setup_end(pod.said[0], pod.setup_code)
        if found is None:
            continue
        if found.is_stopped and attempt.reason == Reason.DEADLINE_EXCEEDED:
            return found._replace(outcome=ProbeOutcome.FAILED, printed=f"{found.printed}{_OVERDUE}\n")
        return found
    return None


def _trouble_of(pods: Iterable[PodView]) -> str | None:
    return next((pod.trouble for pod in pods if pod.is_live and pod.trouble), None)
