"""Why a task stands where it stands: one answer from a spec and the status rows. Pure; decides nothing.

The planner has written each row's reason. What is added here is who and what stands behind it: which dependency,
who holds the slots, which path, until when.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from parallelproject.core.followups.publishing import merged_levels
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.admission.backoff import backoff_ends
from parallelproject.core.planner.attempt import NEW, Record
from parallelproject.core.report.deletion import deletion_of
from parallelproject.core.report.status import condition, read_row
from parallelproject.core.times import duration, iso
from parallelproject.model.problem import quoted
from parallelproject.model.spec import FailurePolicy, MergeConflict, Spec
from parallelproject.model.status import REFUSALS, Reason, TaskState
from parallelproject.model.suggest import did_you_mean

NAMED = 8
"""Most tasks named in one sentence."""
_PENDING, _RUNNING = TaskState.PENDING.value, TaskState.RUNNING.value
_SUCCEEDED, _FAILED, _SKIPPED = TaskState.SUCCEEDED.value, TaskState.FAILED.value, TaskState.SKIPPED.value


_DELIVERY: dict[str | None, str] = {
    Reason.CONFLICT.value: "its work does not fit on what has landed since it began; it is kept in the repository",
    Reason.BRANCH_REWRITTEN.value: (
        "the branch no longer contains the commit that its work is based on: somebody has pushed by force or deleted it"
    ),
    Reason.POLICY.value: "its work, or what was asked for, may not land; what may be kept of it is in the repository",
    Reason.AUTH_OR_PROTECTED.value: "the repository refuses us: the credentials are wrong, or the branch is protected",
    Reason.EXHAUSTED.value: "the branch moved at every try; the work is safe in the repository, and only has to land",
    Reason.TRANSIENT.value: "the repository could not be reached for long, or the container that lands was cut off",
}
"""What lies behind a failure to land."""


_TROUBLE: dict[str, str] = {
    Reason.UNSCHEDULABLE.value: "no node takes its pod: none has room, or its template asks for one that is not there",
    Reason.IMAGE_PULL_BACK_OFF.value: "an image of its pod cannot be pulled: the name is wrong, or a secret is missing",
    Reason.POD_NOT_CREATED.value: (
        "its Job has no pod: the API server refuses it (Pod Security, a quota, a policy), or the Job controller is far "
        "behind; the events of the Job say which"
    ),
    Reason.SCHEDULING_GATED.value: "its pod has scheduling gates: whoever has set them has to remove them",
    Reason.JOB_SUSPENDED.value: (
        "its Job is suspended, or has a parallelism of 0: it keeps its slot and its files until somebody resumes the "
        "Job, or the task or the project is stopped"
    ),
    Reason.JOB_TERMINATING.value: "its Job is being deleted; the next attempt follows when it is gone",
    Reason.START_ERROR.value: "its command cannot be started; the attempt is being stopped",
}
"""What keeps a pod from beginning."""


_REFUSAL: dict[str, str] = {
    Reason.REFUSED_BY_POLICY.value: (
        "an admission policy or webhook of the cluster denies it: change the role's podTemplate, or the policy"
    ),
    Reason.WAITING_FOR_QUOTA.value: "a ResourceQuota of the namespace is used up: raise it, or remove other Jobs",
    Reason.FAILED_CREATE.value: "the API server, its webhooks or the rights of the operator stand in the way",
}
"""What lies behind a Job that is refused and may be allowed later."""
_WITH_LOGS = frozenset({Reason.EXIT_CODE.value, Reason.POD_FAILED.value})
"""Failures whose pod is still there. The Job controller deletes the pods of a Job that it ends."""
_WITHOUT_JOB = frozenset({Reason.LOST.value, Reason.INVALID_POD_TEMPLATE.value, Reason.NAME_CONFLICT.value})
"""Failures of an attempt that has no Job, or none any more."""
_HELD = frozenset({Reason.JOB_SUSPENDED.value, Reason.JOB_TERMINATING.value})
"""Reasons of an attempt whose Job others have changed."""
_LOOK_AT_JOB = _HELD | {Reason.POD_NOT_CREATED.value}
"""Reasons that the Job explains, and no pod."""


class UnknownTaskError(Exception):
    """The project has no such task."""

    def __init__(self, task: str, mend: str) -> None:
        super().__init__(f"{quoted(task)} is not a task")
        self.mend = mend
        """``did you mean "api-schema"?``, where one is close."""


@dataclass(frozen=True, slots=True)
class Why:
    """The answer."""

    task: str
    state: str
    """Pending, Running, Succeeded, Failed or Skipped."""
    reason: str
    """The word for it, as in the row; empty where the state says it all."""
    answer: str
    """A sentence."""
    more: tuple[str, ...] = ()
    """Further sentences."""
    tasks: tuple[str, ...] = ()
    """The tasks that it is because of."""
    job: str = ""
    """The Job of the last attempt."""
    mend: str = ""
    """What could be done about it: ``retry``, ``resume``, ``resume-job``, ``graph`` or nothing."""
    look: str = ""
    """What there is to look at: ``logs`` or ``follow`` (of the Job's pod), ``pod``, ``job`` or nothing."""
    container: str = ""
    """The container whose log it is; empty: all of them."""


def not_accepted(task: str, status: Mapping[str, Any]) -> Why | None:
    """The answer where the spec was not accepted; None where it was."""
    accepted = condition(status, "Accepted")
    if accepted.get("status") != "False":
        return None
    reason = str(accepted.get("reason") or "InvalidSpec")
    row: Mapping[str, Any] = next((row for row in status.get("tasks") or () if row.get("id") == task), {})
    found = str(accepted.get("message") or "the spec is not valid")
    answer = f"nothing starts, because the project is not accepted: {found}"
    return Why(task, str(row.get("state") or _PENDING), reason, answer)


def deleted(found: Why, metadata: Mapping[str, Any]) -> Why:
    """The answer, where the project was deleted and somebody's finalizers keep it: that comes before any other."""
    deletion = deletion_of(metadata)
    if deletion is None or found.state in (_SUCCEEDED, _FAILED):
        return found
    what = "it is being stopped" if found.state == _RUNNING else "it does not start any more"
    return replace(found, reason="Deleted", answer=f"{what}: the project was {deletion.message}", more=(), mend="")


def why(graph: CompiledGraph, spec: Spec, status: Mapping[str, Any], task: str, now: float) -> Why:
    """Why a task stands where it stands.

    Args:
        graph: The compiled spec.
        spec: The spec.
        status: The project's status.
        task: Id of the task.
        now: Seconds since the epoch, for telling how long ago something was.

    Raises:
        UnknownTaskError: neither the spec nor the status has it.
    """
    return _Inquiry(graph, spec, status, now).answer(task)


class _Inquiry:
    """One look at a project."""

    def __init__(self, graph: CompiledGraph, spec: Spec, status: Mapping[str, Any], now: float) -> None:
        self.graph = graph
        self.spec = spec
        self.status = status
        self.now = now
        rows = status.get("tasks")
        found: list[Any] = rows if isinstance(rows, list) else []
        self.rows: dict[str, Mapping[str, Any]] = {
            row["id"]: row for row in found if isinstance(row, dict) and "id" in row
        }

    def answer(self, task: str) -> Why:
        row = self.rows.get(task)
        i = self.graph.index.get(task)
        if i is None:
            if row is None:
                raise UnknownTaskError(task, did_you_mean(task, self.graph.ids))
            return self._removed(task, row)
        if row is None:
            return Why(task, _PENDING, "", "the operator has not looked at it yet")
        state = str(row.get("state"))
        reason = str(row.get("reason") or "")
        tell: Callable[[int, str], Why] | None = {
            _RUNNING: self._running,
            _SUCCEEDED: self._succeeded,
            _FAILED: self._failed,
            _SKIPPED: self._skipped,
        }.get(state)
        if tell is not None:
            return tell(i, reason)
        waits: dict[str, Callable[[int, str], Why]] = {
            Reason.WAITING_FOR_DEPENDENCIES.value: self._dependencies,
            Reason.WAITING_FOR_LEVEL.value: self._level,
            Reason.WAITING_FOR_MERGE.value: self._merge,
            Reason.WAITING_FOR_SLOT.value: self._slot,
            Reason.WAITING_FOR_CAPACITY.value: self._capacity,
            Reason.WAITING_FOR_PROJECT.value: self._project,
            Reason.WAITING_FOR_FILES.value: self._files,
            Reason.WAITING_FOR_ROLE.value: self._role,
            Reason.BACKOFF.value: self._backoff,
            Reason.SUSPENDED.value: self._suspended,
            Reason.STARTING.value: self._starting,
            **dict.fromkeys(_REFUSAL, self._refused),
        }
        return waits.get(reason, self._other)(i, reason)

    # Pending.

    def _dependencies(self, i: int, reason: str) -> Why:
        open_ = [parent for parent in self.graph.parents[i] if self._state(parent) != _SUCCEEDED]
        if not open_:
            return self._say(i, reason, "its dependencies have just succeeded; it starts at the operator's next look")
        answer = f"it waits for {self._named(open_)}"
        causes = self._causes(open_)
        more = () if set(causes) <= set(open_) else (f"in the end that is because of {self._named(causes)}",)
        return self._say(i, reason, answer, *more, tasks=open_)

    def _level(self, i: int, reason: str) -> Why:
        mine = self.graph.level[i]
        open_ = [j for j in range(len(self.graph.ids)) if self.graph.level[j] < mine and self._is_open(j)]
        if not open_:
            return self._say(i, reason, "the levels before it are done; it starts at the operator's next look")
        lowest = min(self.graph.level[j] for j in open_)
        here = [j for j in open_ if self.graph.level[j] == lowest]
        answer = f"it is in level {mine}, and level {lowest} is not done: {self._named(here)}"
        more = "its own dependencies are done: with scheduling Graph it could start now"
        return self._say(i, reason, answer, more, tasks=here, mend="graph")

    def _merge(self, i: int, reason: str) -> Why:
        found = self.status.get("publication")
        merged = merged_levels(found)
        rows = self.status.get("levels")
        pull = rows[merged].get("pullRequest") if isinstance(rows, list) and merged < len(rows) else None
        which = f"the pull request of level {merged}"
        if pull:
            which += f", {pull.get('url')},"
        answer = f"it is in level {self.graph.level[i]}, which starts when {which} is merged"
        published = condition(self.status, "Published")
        said = f"{published.get('reason')}: {published.get('message')}".removesuffix(": ")
        return self._say(i, reason, answer, *([f"publishing says {said}"] if published else []))

    def _slot(self, i: int, reason: str) -> Why:
        holders = self._holders(self.spec.parallelism)
        place = {task: n for n, task in enumerate(self.graph.order)}
        ahead = [
            j
            for j, id in enumerate(self.graph.ids)
            if place[j] < place[i] and self.rows.get(id, {}).get("reason") == reason
        ]
        limit = self.spec.parallelism
        answer = f"parallelism is {limit} and {_holds(holders, 'all slots are', self._named)}"
        others = "one other is" if len(ahead) == 1 else f"{len(ahead)} others are"
        more = f"{others} before it in the queue" if ahead else "it is the next in the queue"
        return self._say(i, reason, answer, more, tasks=holders)

    def _capacity(self, i: int, reason: str) -> Why:
        told = condition(self.status, "Limited").get("message") or "what projects share is used up"
        own = len(self._at_work())
        more = f"{own} of them {'is' if own == 1 else 'are'} this project's, whose priority is {self.spec.priority}"
        return self._say(i, reason, f"it could start, but {told}", more)

    def _project(self, i: int, reason: str) -> Why:
        told = condition(self.status, "Suspended").get("message") or "another project goes first"
        return self._say(i, reason, f"it could start, but {told}")

    def _files(self, i: int, reason: str) -> Why:
        locks = self.graph.locks
        holders: dict[int, tuple[int, int]] = {}
        overlapping = {other for mine in locks.of_task[i] for other in locks.overlaps[mine]}
        for j in self._holders(1, lambda j: j != i and not overlapping.isdisjoint(locks.of_task[j])):
            written = set(locks.of_task[j])
            for mine in locks.of_task[i]:
                shared = written.intersection(locks.overlaps[mine])
                if shared:
                    holders.setdefault(j, (mine, min(shared, key=lambda p: (p != mine, p))))
        if not holders:
            return self._say(
                i,
                reason,
                "another task was writing its files, or an attempt from before an edit of the spec still is; "
                "after that it starts at the operator's next look",
            )
        parts = []
        for j, (mine, theirs) in list(holders.items())[:NAMED]:
            path, other = locks.patterns[mine], locks.patterns[theirs]
            as_what = "" if path == other else f" (as {other})"
            parts.append(f"{path}, which {self._told(j)} writes{as_what}")
        return self._say(i, reason, f"it writes {'; and '.join(parts)}", tasks=list(holders))

    def _role(self, i: int, reason: str) -> Why:
        role = self.graph.role[i]
        limit = next((r.max_concurrent for r in self.spec.roles if r.name == role), None)
        holders = self._holders(limit or 1, lambda j: self.graph.role[j] == role)
        held = _holds(holders, "that many are at work:", self._named)
        return self._say(i, reason, f"role {role} has maxConcurrent {limit} and {held}", tasks=holders)

    def _backoff(self, i: int, reason: str) -> Why:
        record = self._record(i)
        until = backoff_ends(self.graph, self.spec, i, record)
        most = self.graph.max_attempts[i] + self.graph.forgiven.get(i, 0)
        answer = f"attempt {record.attempts} failed ({_failure(record)}), {record.failures} of at most {most} failures"
        left = until - self.now
        when = f"the next attempt starts at {iso(int(until))}, in {duration(left)}" if left > 0 else "its wait is over"
        return self._say(i, reason, answer, when, job=record.job)

    def _suspended(self, i: int, reason: str) -> Why:
        return self._say(i, reason, "the project is suspended: no new task starts", mend="resume")

    def _starting(self, i: int, reason: str) -> Why:
        number = self._record(i).attempts + 1
        return self._say(i, reason, f"its turn has come: attempt {number} is being created")

    def _refused(self, i: int, reason: str) -> Why:
        number = self._record(i).attempts + 1
        said = str(condition(self.status, "Refused").get("message") or "")
        more = (said, _REFUSAL[reason], "it is tried again by itself, after half a minute at most")
        answer = f"attempt {number} cannot be created: the API server refuses its Job"
        return self._say(i, reason, answer, *filter(None, more))

    def _other(self, i: int, reason: str) -> Why:
        return self._say(i, reason, f"it waits: {reason}" if reason else "it waits for the operator's next look")

    # At work, and after.

    def _running(self, i: int, reason: str) -> Why:
        record = self._record(i)
        answer = f"attempt {record.attempts} is at work{self._since(record)}"
        more = []
        if reason:
            verb = "is held" if reason in _HELD else "cannot begin"
            answer = f"attempt {record.attempts} {verb}{self._since(record)}"
            more.append(_TROUBLE.get(reason, f"a container of its pod is not started: {reason}"))
            if reason == Reason.IMAGE_PULL_BACK_OFF and (images := self._images(i)):
                more.append(f"it asks for {images}")
        if record.job:
            answer += f", as Job {record.job}"
        if record.failures:
            more.append(f"{_times(record.failures)} failed before, the last one with {_failure(record)}")
        look = "follow" if not reason else "job" if reason in _LOOK_AT_JOB else "pod"
        mend = "resume-job" if reason == Reason.JOB_SUSPENDED else ""
        found = self._say(i, reason, answer, *more, *_conflicts(record), job=record.job, mend=mend)
        return replace(found, look=look, container=self._container(i))

    def _container(self, i: int) -> str:
        """The container that runs a task: others may stand before it in a pod."""
        role = next((role for role in self.spec.roles if role.name == self.graph.role[i]), None)
        return role.pod_template.spec.containers[0].name if role and role.pod_template else ""

    def _images(self, i: int) -> str:
        """Those that the template of a task names."""
        role = next((role for role in self.spec.roles if role.name == self.graph.role[i]), None)
        if role is None or role.pod_template is None:
            return ""
        containers = role.pod_template.spec.containers
        return ", ".join(dict.fromkeys(filter(None, (container.image for container in containers))))

    def _succeeded(self, i: int, reason: str) -> Why:
        record = self._record(i)
        answer = f"attempt {record.attempts} succeeded"
        if record.started is not None and record.ended is not None:
            answer += f" at {iso(int(record.ended))}, after {duration(record.ended - record.started)}"
        if record.commit:
            answer += f", and landed as {record.commit}"
        return self._say(i, reason, answer, *_conflicts(record), *_beside(record))

    def _failed(self, i: int, reason: str) -> Why:
        record = self._record(i)
        tried = f"all {record.attempts} attempts" if record.attempts > 1 else "its only attempt"
        answer = f"{tried} failed; the last one with {_failure(record)}"
        if record.ended is not None:
            answer += f", at {iso(int(record.ended))}"
        more = [_DELIVERY[record.reason]] if record.reason in _DELIVERY else []
        if record.reason == Reason.CONFLICT.value:
            again = self.spec.conflicts.on_merge_conflict is MergeConflict.RERUN
            limit = f"maxReruns is {self.spec.conflicts.max_reruns}" if again else "onMergeConflict is Fail"
            more.append(f"it was in conflict {_count(record.conflicts)}, and {limit}")
        job = None if record.reason in _WITHOUT_JOB else record.job
        if job:
            more.append(f"the Job of the last attempt is {job}")
        waiting = self._skipped_after(i)
        if waiting:
            more.append(f"{self._named(waiting, states=False)} did not run because of it")
        found = self._say(i, reason, answer, *more, job=job, mend="retry")
        landing = record.reason in _DELIVERY
        look = "logs" if landing or record.reason in _WITH_LOGS else "job"
        return replace(found, look=look, container="" if landing else self._container(i))

    def _skipped(self, i: int, reason: str) -> Why:
        if reason == Reason.DEPENDENCY_FAILED.value:
            failed = [j for j in self._above(i) if self._state(j) == _FAILED]
            answer = f"it depends on {self._named(failed)}" if failed else "a task that it depends on failed"
            return self._say(i, reason, answer, tasks=failed, mend="retry")
        turn = "while it was at work" if self._record(i).attempts else "before its turn came"
        if self.spec.stop:
            return self._say(i, reason, f"the project was stopped {turn}", mend="retry")
        ended = str(condition(self.status, "Completed").get("reason") or "")
        if ended == Reason.DEADLINE_EXCEEDED.value:
            limit = self.spec.active_deadline_seconds or 0
            return self._say(i, reason, f"the project's deadline ({duration(limit)}) was over {turn}")
        failed = [j for j in range(len(self.graph.ids)) if self._state(j) == _FAILED]
        policy = self.spec.failure_policy
        if failed and policy is not FailurePolicy.CONTINUE:
            answer = f"{self._named(failed)}, and with failurePolicy {policy} no further level starts then"
            if policy is FailurePolicy.FAIL_FAST:
                answer = f"{self._named(failed)}, and with failurePolicy {policy} all else is stopped then"
            return self._say(i, reason, answer, tasks=failed, mend="retry")
        return self._say(i, reason, f"the project ended {turn}", mend="retry")

    def _removed(self, task: str, row: Mapping[str, Any]) -> Why:
        record = read_row(row)
        answer = "it is no longer in the spec; "
        answer += "its attempt is being stopped" if row.get("state") == _RUNNING else "its result is kept"
        return Why(task, str(row.get("state")), str(row.get("reason") or ""), answer, job=record.job or "")

    # What the answers are made of.

    def _say(
        self,
        i: int,
        reason: str,
        answer: str,
        *more: str,
        tasks: Sequence[int] = (),
        job: str | None = None,
        mend: str = "",
    ) -> Why:
        named = tuple(self.graph.ids[j] for j in tasks)
        return Why(self.graph.ids[i], self._state(i), reason, answer, more, named, job or "", mend)

    def _state(self, i: int) -> str:
        return str(self.rows.get(self.graph.ids[i], {}).get("state") or _PENDING)

    def _record(self, i: int) -> Record:
        row = self.rows.get(self.graph.ids[i])
        return read_row(row) if row else NEW

    def _is_open(self, i: int) -> bool:
        return self._state(i) in (_PENDING, _RUNNING)

    def _at_work(self) -> list[int]:
        """Those that hold a slot: running, or just being started."""
        return self._holders(0)

    def _holders(self, needed: int, counts: Callable[[int], bool] = lambda i: True) -> list[int]:
        """Tasks that hold a slot, of those that count: running, or just being started.

        Where they are fewer than needed, also those whose refused creation may be tried at this moment: their rows do
        not say so.
        """
        reasons = {i: self.rows.get(id, {}).get("reason") for i, id in enumerate(self.graph.ids) if counts(i)}
        found = [i for i, reason in reasons.items() if self._state(i) == _RUNNING or reason == Reason.STARTING]
        tried = [i for i, reason in reasons.items() if reason in REFUSALS]
        return found + tried[: max(0, needed - len(found))]

    def _causes(self, tasks: Sequence[int]) -> list[int]:
        """Of the tasks and all that they wait for, those that wait for no dependency themselves."""
        seen = dict.fromkeys(tasks)
        open_ = list(seen)
        causes = []
        for i in open_:  # grows while it is walked
            above = [parent for parent in self.graph.parents[i] if self._state(parent) != _SUCCEEDED]
            if not above:
                causes.append(i)
            for parent in above:
                if parent not in seen:
                    seen[parent] = None
                    open_.append(parent)
        return causes

    def _above(self, i: int) -> list[int]:
        """All that it depends on, directly or not, the nearest first."""
        seen = dict.fromkeys(self.graph.parents[i])
        for j in (open_ := list(seen)):
            for parent in self.graph.parents[j]:
                if parent not in seen:
                    seen[parent] = None
                    open_.append(parent)
        return list(seen)

    def _skipped_after(self, i: int) -> list[int]:
        failed = Reason.DEPENDENCY_FAILED.value
        return [
            j
            for j, id in enumerate(self.graph.ids)
            if self.rows.get(id, {}).get("reason") == failed and self.graph.level[j] > self.graph.level[i]
            and i in self._above(j)
        ]  # fmt: skip

    def _named(self, tasks: Sequence[int], states: bool = True) -> str:
        """``a (Running since 12 s), b (Pending: Backoff) and 3 others``."""
        shown = [self._told(i) if states else self.graph.ids[i] for i in tasks[:NAMED]]
        if len(tasks) > NAMED:
            shown.append(f"{len(tasks) - NAMED} others")
        return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)

    def _told(self, i: int) -> str:
        state, record = self._state(i), self._record(i)
        row = self.rows.get(self.graph.ids[i], {})
        if state == _RUNNING:
            what = f"running{self._since(record, short=True)}"
        elif state == _FAILED:
            what = f"failed: {_failure(record)}"
        elif row.get("reason"):
            what = f"{state.lower()}: {row['reason']}"
        else:
            what = state.lower()
        return f"{self.graph.ids[i]} ({what})"

    def _since(self, record: Record, short: bool = False) -> str:
        if record.started is None:
            return ""
        long = duration(max(0.0, self.now - record.started))
        return f" for {long}" if short else f" since {iso(int(record.started))}, for {long}"


def _holds(holders: Sequence[int], verb: str, named: Callable[[Sequence[int]], str]) -> str:
    """Who holds something; where nobody does any more, the status is a moment old."""
    if not holders:
        return "one has just become free: it starts at the operator's next look"
    return f"{verb} {'held by ' if verb.endswith('are') else ''}{named(holders)}"


def _failure(record: Record) -> str:
    """``ExitCode 3``, ``DeadlineExceeded``."""
    if record.reason == Reason.EXIT_CODE.value and record.exit_code is not None:
        return f"exit code {record.exit_code}"
    code = f" {record.exit_code}" if record.exit_code is not None else ""
    return f"{record.reason or 'no reason told'}{code}"


def _conflicts(record: Record) -> list[str]:
    """That it was run again after conflicts."""
    if not record.conflicts:
        return []
    return [f"its work did not fit on what had landed {_count(record.conflicts)}, and it was run again on that"]


def _beside(record: Record) -> list[str]:
    """What its work changed that nothing had announced."""
    undeclared, shared, kept = record.beside
    found = []
    if undeclared:
        found.append(f"it changed {_paths(undeclared)} besides the files that it declares")
    if shared:
        found.append(
            f"it changed {_paths(shared)} that other work changed while it ran: that merged, but only declared files "
            "are kept apart"
        )
    if kept:
        pieces = "a piece of work" if kept == 1 else f"{kept} pieces of work"
        found.append(f"it left {pieces} elsewhere than in its files, as on a branch of its own: kept, not landed")
    return found


def _paths(count: int) -> str:
    return "a path" if count == 1 else f"{count} paths"


def _count(times: int) -> str:
    return "once" if times == 1 else "twice" if times == 2 else f"{times} times"


def _times(count: int) -> str:
    return "one attempt" if count == 1 else f"{count} attempts"
