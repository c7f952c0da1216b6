"""All that is seen of one project's attempts, kept up to date object by object.

Holds views, not objects: a project of thousands of tasks must fit into some megabytes. Attempts are worked
out again only for the task that something happened to.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from parallelproject.core.followups.job_history import FinishedJob
from parallelproject.core.followups.publishing import Told
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.executors.job.observation import Delivered, JobView, PodView, attempt_of
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.model.status import Reason


class Key(NamedTuple):
    """One attempt of one task."""

    task: str
    number: int


PUBLISHING = ""
"""The "task" of attempts at publishing. No task has this id, and it is a label value: all that keeps a task's attempts
single keeps theirs."""


REFUSED_FIRST, REFUSED_LONGEST = 4.0, 30.0
"""Seconds from a refused creation of a Job to the next one, doubled with each."""


class Refusal(NamedTuple):
    """A creation that the API server refused, and may allow later."""

    reason: Reason
    message: str
    """The API server's words, without the name of the Job: the same for all tasks that are refused for the same."""
    at: float
    """When it was tried last."""
    until: float
    """It is not tried again before."""
    tries: int
    claim: str


POD_SECONDS = 15
"""A Job that has no pod for so long is told of: the API server refuses it, or the Job controller is far behind."""


class Sightings:
    """Jobs, pods, requests under way and refusals of one project."""

    def __init__(self) -> None:
        self._jobs: dict[Key, JobView] = {}
        self._pods: dict[Key, dict[str, PodView]] = defaultdict(dict)
        self._gone: dict[Key, str] = {}  # with the uid of the Job that was deleted, if known
        self._launching: dict[Key, str] = {}  # with the claim
        self._refused: dict[Key, tuple[Reason, float, str]] = {}  # with the claim
        self._denied: dict[Key, Refusal] = {}  # also while they are tried again
        self._orphans: set[Key] = set()
        self._without_pod: dict[str, float] = {}  # by task whose Job is there and has no pod, since when
        self._settled_holds: dict[Key, bool] = {}  # Jobs that we hold and that have ended: whether they are deleted
        self._numbers: dict[str, set[int]] = defaultdict(set)
        self.attempts: dict[str, tuple[Attempt, ...]] = {}
        """By task id, every attempt that is seen."""
        self.unsettled: dict[str, tuple[Attempt, ...]] = {}
        """Those of tasks that are not settled: what ``plan`` is given."""
        self._publishing: list[Attempt] = []
        self.counts_finished = False
        """Whether it is a change, too, that a Job has ended whose pod had ended before."""
        self.changed = True
        """Whether that, or what is unconfirmed, is another than when this was last set to False. Most of what happens
        to Jobs and pods changes nothing: planning only when it does saves two plans of three."""

    def job_seen(self, key: Key, job: JobView) -> None:
        """A Job of ours is there. An older state than the one known is left aside: the answer to a creation
        may come after the watch has told how it ended."""
        self._launching.pop(key, None)
        self._denied.pop(key, None)
        known = self._jobs.get(key)
        is_older = known is not None and known.uid == job.uid and known.version >= job.version
        if known is not None and known.uid == job.uid:  # somebody else may have removed our annotations
            job = job._replace(claim=job.claim or known.claim, stopped_for=job.stopped_for or known.stopped_for)
        if not is_older and self._gone.get(key) != job.uid:
            self.changed |= self.counts_finished and bool(job.outcome) and (known is None or not known.outcome)
            self._jobs[key] = job
            self._gone.pop(key, None)
        self._refresh(key)

    def job_gone(self, key: Key, uid: str = "") -> None:
        """The Job is known to be deleted; if it had ended, how it ended still counts."""
        known = self._jobs.get(key)
        if uid and (known is None or known.uid != uid):
            return  # it was none of ours
        self._launching.pop(key, None)
        self._gone[key] = uid or (known.uid if known else "")
        self._refresh(key)
        for other, refusal in self._denied.items():
            if refusal.reason is Reason.WAITING_FOR_QUOTA:  # there is room for another Job
                self._denied[other] = refusal._replace(at=0.0, until=0.0)
                self._refresh(other)

    def pod_seen(self, key: Key, uid: str, pod: PodView) -> None:
        """A pod is there. One that no Job controls was never ours, or was made to outlive its Job and still is."""
        known = self._pods[key].get(uid) if key in self._pods else None
        if not pod.job_uid:
            if known is None:
                return
            pod = pod._replace(job_uid=known.job_uid)
        if pod != known:  # most of what happens to a pod is none of our business
            self._pods[key][uid] = pod
            self._refresh(key)

    def pod_gone(self, key: Key, uid: str) -> None:
        """A pod was deleted; a result that it had is kept."""
        pods = self._pods.get(key, {})
        if uid in pods and pods[uid].is_live:
            del pods[uid]
        self._refresh(key)

    def launching(self, key: Key, claim: str, now: float = 0.0) -> None:
        """A Job was asked for: it holds a slot, and what its task claims, until it is seen or refused."""
        self._launching[key] = claim
        if key in self._denied:
            self._denied[key] = self._denied[key]._replace(at=now)
        self._refresh(key)

    def denied(self, key: Key, reason: Reason, message: str, now: float, *, waits: bool = True) -> None:
        """The API server has refused to create the Job, and may allow it later.

        Args:
            key: The attempt. It does not count: the next one that is created has its number.
            reason: One of ``core.status.REFUSALS``.
            message: What the API server said.
            now: Seconds since the epoch.
            waits: Whether it is certainly not there and gives back its slot; else it is still being created.
        """
        tries = self._denied[key].tries + 1 if key in self._denied else 1
        claim = self._launching.get(key, "")
        until = now + min(REFUSED_LONGEST, REFUSED_FIRST * 2.0 ** min(tries - 1, 16))
        self._denied[key] = Refusal(reason, message, now, until, tries, claim)
        if waits:
            self._launching.pop(key, None)
        self._refresh(key)

    def allow(self) -> None:
        """Forgets all refusals: another spec is another request."""
        for key in list(self._denied):
            del self._denied[key]
            self._refresh(key)

    @property
    def refusals(self) -> Mapping[Key, Refusal]:
        """Creations that were refused last time."""
        return self._denied

    def refused(self, key: Key, reason: Reason | None, now: float) -> None:
        """The Job was certainly not made: for good with a reason, else to be planned again."""
        claim = self._launching.pop(key, "")
        if reason is not None:
            self._denied.pop(key, None)
            self._refused[key] = (reason, now, claim)
        self._refresh(key)

    def forget(self, key: Key) -> None:
        """Drops an attempt; for projects that are gone themselves."""
        self._jobs.pop(key, None)
        self._pods.pop(key, None)
        self._gone.pop(key, None)
        self._denied.pop(key, None)
        self._refresh(key)

    def publishings(self) -> list[Told]:
        """All attempts at publishing that are seen or under way."""
        found = []
        for attempt in self._publishing:
            key = Key(PUBLISHING, attempt.number)
            job, pods = self._jobs.get(key), self._pods.get(key, {}).values()
            refused = self._refused.get(key)
            claim = job.claim if job else refused[2] if refused else self._launching.get(key, "")
            if attempt.phase is Phase.REFUSED:
                continue
            has_ended = attempt.phase not in (Phase.LAUNCHING, Phase.ACTIVE)
            pod = next((pod for pod in pods if not pod.is_live), None)
            found.append(
                Told(
                    attempt.number, claim, has_ended, attempt.phase is Phase.SUCCEEDED, attempt.ended,
                    attempt.exit_code, attempt.exit_code == PolicyError.exit_code, pod.message if pod else "",
                )
            )  # fmt: skip
        return found

    def settle(self, tasks: Iterable[str]) -> None:
        """A plan has taken in all that is seen of these tasks; it need be told of them only when that changes."""
        for task in tasks:
            self.unsettled.pop(task, None)

    def troubles(self, now: float) -> dict[str, str]:
        """By task, what keeps an attempt that is there from beginning."""
        found = {
            task: attempt.reason
            for task, attempts in self.unsettled.items()
            for attempt in attempts
            if attempt.phase is Phase.ACTIVE and attempt.reason
        }
        late = {task: Reason.POD_NOT_CREATED for task, since in self._without_pod.items() if since + POD_SECONDS <= now}
        return {**late, **found}

    def next_trouble(self, now: float) -> float | None:
        """When it is to be told next that an attempt has no pod."""
        found = self._without_pod.values()
        return min((at for since in found if (at := since + POD_SECONDS) > now), default=None)

    @property
    def of_publishing(self) -> Sequence[Attempt]:
        """The attempts at publishing."""
        return self._publishing

    @property
    def is_empty(self) -> bool:
        """Whether nothing is seen or under way."""
        return not (self._jobs or self._pods or self._gone or self._launching)

    @property
    def unconfirmed(self) -> frozenset[Key]:
        """Attempts of which only pods are seen: their Job must be looked up."""
        return frozenset(self._orphans)

    def is_active(self, key: Key) -> bool:
        """Whether an attempt is there and not known to have ended."""
        return any(a.number == key.number and a.phase is Phase.ACTIVE for a in self._seen(key.task))

    def is_at_work(self, key: Key) -> bool:
        """Whether an attempt is seen that holds a slot."""
        return any(a.number == key.number and a.at_work for a in self._seen(key.task))

    def _seen(self, task: str) -> Sequence[Attempt]:
        return self._publishing if task == PUBLISHING else self.attempts.get(task, ())

    def job_name(self, key: Key) -> str | None:
        """Name of the attempt's Job, where it was seen."""
        job = self._jobs.get(key)
        return job.name if job else None

    def job(self, key: Key) -> JobView | None:
        """The attempt's Job, where it was seen and is not known to be gone."""
        return None if key in self._gone else self._jobs.get(key)

    def key_of(self, uid: str) -> Key | None:
        """The attempt of a Job that was seen, by the Job's uid. Looks through all of them."""
        return next((key for key, job in self._jobs.items() if job.uid == uid), None)

    def held(self) -> list[JobView]:
        """The Jobs that we hold."""
        return [job for key, job in self._jobs.items() if job.held and key not in self._gone]

    def releasable(self, is_recorded: Callable[[Attempt, str], bool]) -> Iterator[Key]:
        """Attempts whose Job need not be held any longer: what is known of them is written down, or their Job is being
        deleted before its end.

        Args:
            is_recorded: Says of an attempt that has ended, and its task, whether that is written down.
        """
        for key in self._settled_holds:
            attempt = next((a for a in self.attempts.get(key.task, ()) if a.number == key.number), None)
            if attempt is None or attempt.phase is Phase.ACTIVE or is_recorded(attempt, key.task):
                yield key

    def finished(self, is_recorded: Callable[[Attempt, str], bool]) -> list[FinishedJob]:
        """The Jobs of tasks that are there and have ended, and whose result is written down."""
        found = []
        for task, attempts in self.attempts.items():
            for attempt in attempts:
                job = self.job(Key(task, attempt.number))
                if job is not None and job.outcome and not job.deleting and is_recorded(attempt, task):
                    is_well = attempt.phase is Phase.SUCCEEDED
                    found.append(FinishedJob(task, attempt.number, is_well, attempt.ended or job.ended or 0.0))
        return found

    def conflict(self, key: Key) -> Delivered | None:
        """What an attempt's work met with that did not fit on what had landed; None where it did, or is not known."""
        found = [pod.delivered for pod in self._pods.get(key, {}).values()]
        return next((delivered for delivered in found if delivered.reason is Reason.CONFLICT), None)

    def _refresh(self, key: Key) -> None:
        self._numbers[key.task].add(key.number)
        known = key in self._jobs or key in self._gone or key in self._launching
        is_orphan = bool(self._pods.get(key)) and not known
        if is_orphan != (key in self._orphans):
            (self._orphans.add if is_orphan else self._orphans.discard)(key)
            self.changed = True
        own, attempts = None, []
        for number in sorted(self._numbers[key.task]):
            found = self._attempt(Key(key.task, number))
            own = found if number == key.number else own
            if found is not None:
                attempts.append(found)
        self._note_hold(key, own)
        if key.task == PUBLISHING:
            self._publishing, self.changed = attempts, True  # what a pod says of it is not in the attempt
            return
        self._note_pods(key.task, attempts)
        if tuple(attempts) == self.attempts.get(key.task, ()):
            return
        self.changed = True
        if attempts:
            self.attempts[key.task] = self.unsettled[key.task] = tuple(attempts)
        else:
            del self.attempts[key.task]
            self.unsettled.pop(key.task, None)

    def _note_hold(self, key: Key, found: Attempt | None) -> None:
        job = self.job(key)
        if found is None or job is None or not job.held or (found.phase is Phase.ACTIVE and not job.deleting):
            self._settled_holds.pop(key, None)
        elif self._settled_holds.get(key) is not job.deleting:
            self._settled_holds[key] = job.deleting
            self.changed = True

    def _note_pods(self, task: str, attempts: Sequence[Attempt]) -> None:
        """Since when a Job of a task has no pod. Noted when it changes: each plan asks for it, of hundreds of Jobs."""
        since = [
            attempt.started
            for attempt in attempts
            if attempt.phase is Phase.ACTIVE and attempt.at_work and not attempt.is_suspended
            if attempt.started is not None and not self._pods.get(Key(task, attempt.number))
        ]
        if since:
            self._without_pod[task] = min(since)
        else:
            self._without_pod.pop(task, None)

    def _attempt(self, key: Key) -> Attempt | None:
        job, pods = self._jobs.get(key), self._pods.get(key) or {}
        if job or pods or key in self._gone:
            return attempt_of(key.number, job, pods.values(), key in self._gone)
        denied = self._denied.get(key)
        if key in self._launching:
            attempt = Attempt(key.number, Phase.LAUNCHING, at_work=True, claim=self._launching[key])
            return attempt._replace(started=denied.at, reason=denied.reason) if denied else attempt
        if key in self._refused:
            reason, at, _ = self._refused[key]
            return Attempt(key.number, Phase.FAILED, started=at, ended=at, reason=reason)
        if denied:
            return Attempt(key.number, Phase.REFUSED, started=denied.at, ended=denied.until, reason=denied.reason)
        return None
