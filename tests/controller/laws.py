"""The laws of a run, judged from what was done.

Nothing here is taken from the operator: not its status, not its graph, not its view of Jobs and pods. A Job is
alive from its creation until it has finished or is gone; a task is running from the creation of its Job until its
pod has ended (by other than a disruption, after which its Job goes on) or the Job has. So is a hook, and a check of
what has landed. A task that goes through steps has succeeded when a pod has that was told to land the work.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import zip_longest

from tests.controller.audit import LABEL, Happened, Json
from tests.controller.hook_laws import HookPlace, HookWatch, place_of
from tests.controller.stepped_laws import SteppedTask, StepStart, start_of

GRACE_SECONDS = 2.0
"""What it takes at most until an edit of the spec is heard of."""


@dataclass
class _Job:
    task: str
    attempt: int
    uid: str
    ended: bool = False
    gone: bool = False
    pod_ended: bool = False
    succeeded: bool = False
    stopped: bool = False
    step: StepStart | None = None
    """Of a task that goes through steps: which one it is at."""
    hook: HookPlace | None = None
    has_verdict: bool = False
    """Whether its pod has ended, and said how its task goes on: that counts before the Job has ended."""

    @property
    def is_task(self) -> bool:
        return _OF_OTHERS not in self.task

    @property
    def lands(self) -> bool:
        """Whether its task has succeeded when it has."""
        return self.step is None or self.step.lands

    @property
    def alive(self) -> bool:
        return not self.ended and not self.gone and not self.has_verdict

    @property
    def running(self) -> bool:
        return self.alive and not self.pod_ended

    @property
    def name(self) -> str:
        return f"{self.task}#{self.attempt}"


_OF_OTHERS = " "
"""Is in the name of what is no task: ``Hook before-level-0``."""


@dataclass
class _World:
    """What is true at one revision."""

    jobs: dict[str, _Job] = field(default_factory=dict)
    by_task: dict[str, list[_Job]] = field(default_factory=lambda: defaultdict(list))
    stepped: dict[str, SteppedTask] = field(default_factory=dict)
    """The tasks that go through steps, of those that have started."""
    hooks: HookWatch = field(default_factory=HookWatch)
    pods: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By uid, of pods that have not ended: task and uid of the Job."""

    def succeeded(self, task: str) -> bool:
        return any(job.succeeded and job.lands for job in self.by_task[task])

    def runs(self, task: str) -> bool:
        return any(job.running for job in self.by_task[task])

    def running(self, but: Collection[str] = ()) -> dict[str, _Job]:
        """By its task, what runs."""
        return {job.task: job for job in self.jobs.values() if job.running and job.name not in but}


def judge(
    happened: Sequence[Happened],
    *,
    without_job: Iterable[str] = (),
    grace: float = GRACE_SECONDS,
    uninvited: Collection[str] = (),
) -> list[str]:
    """Every breach of a law, in words; empty where all was well.

    Args:
        happened: The ``history`` of the project.
        without_job: Tasks that failed for good before they had a Job, and so are done without any.
        uninvited: Attempts whose creation was asked for by an operator that was dead when it was done, which nobody can
            keep out: slots, roles and files are judged without them.
        grace: For so many seconds after an edit of the spec a creation may still follow the spec from before.
    """
    world = _World()
    specs: list[Happened] = []
    breaches: list[str] = []
    for change in happened:
        if change.kind == "spec":
            if not specs or specs[-1].value != change.value:
                specs.append(change)
        elif change.kind == "created":
            job = _read(change.value, change.uid)
            if job is None:
                continue
            breaches += _judge_task(world, job)
            if job.step is not None and specs:
                breaches += _judge_step(world, job, job.step, _Spec(specs[-1].value))
            world.jobs[change.uid] = job
            world.by_task[job.task].append(job)
            # The operator may not have seen the last edits: one of the specs it can have seen must allow it.
            seen = [s for s, after in zip_longest(specs, specs[1:]) if _in_force(after, change, grace)]
            judged = [_judge_start(world, job, _Spec(s.value), frozenset(without_job), uninvited) for s in seen]
            least: list[str] = min(judged, key=len, default=[f"{job.name} was created without a project"])
            breaches += least
        elif change.kind == "pod-created":
            breaches += _judge_pod(world, change)
        else:
            breaches += _apply(world, change)
    if specs:
        breaches += world.hooks.judge_end(_Spec(specs[-1].value).hooks, _hook_places(world, _Spec(specs[-1].value)))
    return [*breaches, *_judge_attempts(world, specs)]


def _in_force(next_spec: Happened | None, change: Happened, grace: float) -> bool:
    return next_spec is None or change.seconds - next_spec.seconds < grace


def _attempt(job: Json) -> tuple[str, int]:
    """The task and the number of an attempt; of a hook, or of a run of a check, what it is."""
    labels = job["metadata"]["labels"]
    kind, step, number = (labels.get(f"{LABEL}/{name}", "") for name in ("kind", "step", "attempt"))
    if kind == "Verify":  # several run at once
        return f"Verify{_OF_OTHERS}{step}{_OF_OTHERS}{number}", int(number)
    if kind == "Hook":
        return f"Hook{_OF_OTHERS}{step}", int(number)
    return labels.get(f"{LABEL}/task", ""), int(number)


def _read(job: Json, uid: str) -> _Job | None:
    """A Job; None of one that publishes, which takes no slot."""
    kind = job["metadata"]["labels"].get(f"{LABEL}/kind", "Task")
    if kind == "Publish":
        return None
    made = _Job(*_attempt(job), uid)
    if kind == "Hook":
        made.hook = place_of(job)
    elif kind == "Task":
        made.step = start_of(job, made.name)
    return made


def _apply(world: _World, change: Happened) -> Iterator[str]:
    if change.kind.startswith("pod-"):
        world.pods.pop(change.uid, None)
        owners = (change.value.get("metadata") or {}).get("ownerReferences") or ()
        job = next((world.jobs[o["uid"]] for o in owners if o["uid"] in world.jobs), None)
        if job is not None and change.kind in ("pod-succeeded", "pod-failed"):
            if job.step is not None and not job.pod_ended and job.task in world.stepped:
                yield from world.stepped[job.task].end(change.value)
                job.has_verdict = world.stepped[job.task].has_verdict
            job.pod_ended = True
            job.succeeded |= change.kind == "pod-succeeded"
            if job.hook is not None and not job.stopped:
                world.hooks.ended[job.hook] = job.succeeded
        return
    job = world.jobs.get(change.uid)
    if job is not None:
        job.stopped |= change.kind == "stopped"
        job.gone |= change.kind == "gone"
        job.ended |= change.kind in ("complete", "failed")
        job.succeeded |= change.kind == "complete"


def _judge_step(world: _World, new: _Job, start: StepStart, spec: "_Spec") -> Iterator[str]:
    """What may not be of an attempt at a step; nobody changes steps while they run."""
    if new.task not in world.stepped:
        world.stepped[new.task] = SteppedTask(new.task, spec.steps(new.task), spec.attempts(new.task))
    before = world.by_task[new.task]
    yield from world.stepped[new.task].begin(start, was_stopped=bool(before) and before[-1].stopped)


def _judge_task(world: _World, new: _Job) -> Iterator[str]:
    """What may never be, whatever the spec says."""
    for job in world.by_task[new.task]:
        if job.alive:
            yield f"{new.name} was created while {job.name} was alive"
        if job.attempt == new.attempt:
            yield f"{new.name} was created twice"
    if world.succeeded(new.task):
        yield f"{new.name} was created after {new.task} had succeeded"


def _judge_pod(world: _World, change: Happened) -> Iterator[str]:
    owner = next(o["uid"] for o in change.value["metadata"]["ownerReferences"])
    task, _ = _attempt(change.value)
    for other, job in world.pods.values():
        if other == task:
            name = world.jobs[job].name if job in world.jobs else job
            yield f"a pod of {task} was created while one of {name} was alive"
    world.pods[change.uid] = (task, owner)


class _Spec:
    """What of a spec the laws are about, read anew."""

    def __init__(self, spec: Json) -> None:
        self.tasks: dict[str, Json] = {task["id"]: task for task in spec.get("tasks") or ()}
        self.skip = frozenset(spec.get("skip") or ())
        self.cap: int = spec.get("parallelism", 4)
        self.by_level = spec.get("scheduling", "Levels") == "Levels"
        self.role_caps = {r["name"]: r.get("maxConcurrent") for r in spec.get("roles") or ()}
        self.serializes = (spec.get("conflicts") or {}).get("onFileOverlap", "Serialize") == "Serialize"
        self._defaults: Json = spec.get("defaults") or {}
        self._forgiven = {r["id"]: r.get("forgive", 0) for r in spec.get("retries") or ()}
        self._levels: dict[str, int] = {}
        left = set(self.tasks)
        while free := {task for task in left if not left.intersection(self.parents(task))}:
            for task in free:
                self._levels[task] = max((self._levels.get(p, 0) + 1 for p in self.parents(task)), default=0)
            left -= free
        self.has_cycle = bool(left)
        self.hooks: Json = spec.get("hooks") or {}
        self._steps: list[Json] = spec.get("steps") or []

    def role(self, job: _Job) -> str:
        """The role whose limit an attempt counts for; that of a step with a command alone counts for none."""
        if not job.is_task:
            return ""
        if job.step is not None and job.step.step:
            return next((step.get("role") or "" for step in self._steps if step["name"] == job.step.step), "")
        only = next(iter(self.role_caps), "")
        return self.tasks.get(job.task, {}).get("role") or self._defaults.get("role") or only

    def steps(self, task: str) -> list[Json]:
        """Those of a task, after its own work."""
        chosen = self.tasks.get(task, {}).get("steps")
        return [step for step in self._steps if chosen is None or step["name"] in chosen]

    def group(self, task: str) -> str:
        return self.tasks[task].get("group") or ""

    def members(self, hook: HookPlace) -> list[str]:
        """The tasks of the level or the group of a hook."""
        return [task for task in self.tasks if hook.place in (self.level(task), self.group(task))]

    def parents(self, task: str) -> list[str]:
        return self.tasks[task].get("dependencies") or []

    def needs(self, task: str, has_succeeded: Callable[[str], bool]) -> set[str]:
        """What has to succeed before a task may start: its parents; those of a skipped one in its place."""
        found: set[str] = set()
        for parent in self.parents(task):
            is_passed = parent in self.skip and not has_succeeded(parent)
            found |= self.needs(parent, has_succeeded) if is_passed else {parent}
        return found

    def level(self, task: str) -> int:
        return self._levels[task]

    def attempts(self, task: str) -> int:
        most: int = self.tasks.get(task, {}).get("maxAttempts") or self._defaults.get("maxAttempts", 2)
        return most + int(self._forgiven.get(task, 0))

    def files(self, task: str) -> list[str]:
        return self.tasks.get(task, {}).get("files") or []


def _judge_start(
    world: _World, new: _Job, spec: _Spec, without_job: frozenset[str], uninvited: Collection[str]
) -> list[str]:
    """What the spec forbids; ``new`` is among the Jobs already."""
    if not new.is_task:
        return [*_judge_slots(world, new, spec, uninvited), *_judge_hook(world, new, spec, without_job)]
    if new.task not in spec.tasks:
        return [f"{new.name} was created and is no task"]
    if spec.has_cycle:
        return [f"{new.name} was created by a spec with a cycle"]
    breaches = [
        f"{new.name} was created before {parent} had succeeded"
        for parent in sorted(spec.needs(new.task, world.succeeded))
        if not world.succeeded(parent)
    ]
    if new.task in spec.skip:
        breaches.append(f"{new.name} was created although {new.task} is skipped")
    stopping = [task for task in spec.parents(new.task) if task in spec.skip and world.runs(task)]
    breaches += [f"{new.name} was created while {task}, which is skipped, was running" for task in stopping]
    breaches += _judge_slots(world, new, spec, uninvited)
    working = world.running(but=uninvited)
    keeping = {task for task, steps in world.stepped.items() if steps.is_midway}
    for other in sorted({*working, *keeping} - {new.task}) if spec.serializes and new.name not in uninvited else ():
        if overlap(spec.files(new.task), spec.files(other)):
            what = "was running" if other in working else "was between two steps"
            breaches.append(f"{new.name} was created while {other}, which writes the same files, {what}")
    if spec.by_level:
        level = spec.level(new.task)
        is_done = _done(world, spec, without_job)
        below = [task for task in spec.tasks if spec.level(task) < level and not is_done(task)]
        breaches += [
            f"{new.name} of level {level} was created before {task} of an earlier one was done" for task in below
        ]
    if spec.hooks:
        level = spec.level(new.task)
        below = [task for task in spec.tasks if spec.level(task) == level - 1 and world.by_task[task]]
        breaches += world.hooks.judge_task(
            new.name, spec.hooks, level, spec.group(new.task), waits_for_level_below=spec.by_level and bool(below)
        )
    return breaches


def _judge_slots(world: _World, new: _Job, spec: _Spec, uninvited: Collection[str]) -> Iterator[str]:
    working = world.running(but=uninvited)
    if len(working) > spec.cap:
        yield f"{new.name} made it {len(working)} running tasks, over the cap of {spec.cap}"
    role = spec.role(new)
    of_role = [job for job in working.values() if job.is_task and spec.role(job) == role]
    cap = spec.role_caps.get(role)
    if cap and len(of_role) > cap:
        yield f"{new.name} made it {len(of_role)} tasks of role {role} running, over its cap of {cap}"


def _judge_hook(world: _World, new: _Job, spec: _Spec, without_job: frozenset[str]) -> Iterator[str]:
    if new.hook is not None:
        is_done, members = _done(world, spec, without_job), spec.members(new.hook)
        yield from world.hooks.judge_hook(new.hook, spec.hooks, members, world.runs, is_done)


def _hook_places(world: _World, spec: _Spec) -> dict[HookPlace, bool]:
    """Every hook that there may be, and whether a task of its level or group has started."""
    found = {}
    for task in spec.tasks if spec.hooks and not spec.has_cycle else ():
        places: list[int | str] = [spec.level(task), *filter(None, [spec.group(task)])]
        for place in places:
            where = "Group" if isinstance(place, str) else "Level"
            for when in ("before", "after"):
                hook = HookPlace(f"{when}{where}", place)
                found[hook] = any(world.by_task[each] for each in spec.members(hook))
    return found


def _done(world: _World, spec: _Spec, without_job: frozenset[str]) -> Callable[[str], bool]:
    """Whether a task has succeeded, failed for good, or will not run: it is skipped, or another has failed."""
    failed: dict[str, bool] = {}

    def has_failed(task: str) -> bool:
        if task not in failed:
            jobs = world.by_task[task]
            steps = world.stepped.get(task)
            counted = sum(not job.stopped for job in jobs)
            spent = steps.has_failed if steps else counted >= spec.attempts(task)
            spent = spent and not any(job.alive for job in jobs)
            failed[task] = not world.succeeded(task) and (
                spent or task in without_job or any(map(has_failed, spec.needs(task, world.succeeded)))
            )
        return failed[task]

    def is_skipped(task: str) -> bool:
        return task in spec.skip and not world.runs(task)

    return lambda task: world.succeeded(task) or is_skipped(task) or has_failed(task)


def _judge_attempts(world: _World, specs: Sequence[Happened]) -> Iterator[str]:
    """At the end: no task had more attempts than any spec allowed; those that we stopped do not count."""
    read = [_Spec(spec.value) for spec in specs]
    for task, jobs in world.by_task.items():
        if task in world.stepped or not all(job.is_task for job in jobs):
            continue  # judged as they start
        counted = sum(not job.stopped for job in jobs)
        allowed = max((spec.attempts(task) for spec in read), default=0)
        if counted > allowed:
            yield f"{task} had {counted} attempts, over the {allowed} allowed"


def overlap(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two lists of files meet, as far as tests need it: equal, a glob of the other, or below its folder."""
    return any(
        a == b or fnmatchcase(a, b) or fnmatchcase(b, a) or a.startswith(f"{b}/") or b.startswith(f"{a}/")
        for a in some
        for b in others
    )
