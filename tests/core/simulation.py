"""A small world in which ``plan`` is driven as a shell drives it, with everything that can go wrong.

The world holds the truth: attempts that are asked for, begin, end, are stopped or vanish, each as a function
of (seed, task, attempt). The shell sees of it what has been delivered, late and not all of it, forgets
everything when it restarts but an older ledger, looks up what it does not see, and does what the plan says.
``simulate`` runs until nothing is left to happen and returns what happened, for the laws to judge.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from itertools import count, takewhile
from random import Random
from typing import Any, NamedTuple

from parallelproject.core.graph.graph import CompiledGraph, compile_graph
from parallelproject.core.planner.agent_usage import AgentUsage
from parallelproject.core.planner.attempt import NEW, QUESTIONS_MAX, Attempt, Phase
from parallelproject.core.planner.constraints.verified_work import VerifiedWork, is_verified
from parallelproject.core.planner.outputs import Outputs
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.model.problem import ProblemsError
from parallelproject.model.spec import Approval, Budget, Retry, Role, Spec, Task, TaskAnswer
from parallelproject.model.status import Reason, TaskState

START = 1_000_000
FINAL = ("InvalidPodTemplate", Reason.NEEDS_INPUT.value)
STEPS_MAX = 20_000

Observed = Mapping[str, Sequence[Attempt]]


class Key(NamedTuple):
    task: str
    number: int


class Edit(NamedTuple):
    """A change of the spec: what, and two numbers that say how."""

    at: int
    kind: str
    a: int = 0
    b: int = 0


REPAIRS_MAX = 4
EDITS = ("add", "remove", "change", "parallelism", "role", "suspend", "resume", "stop", "retry", "skip", "policy")


@dataclass(frozen=True)
class Chaos:
    """How much goes wrong; the default is a world in which all is seen at once."""

    failing: float = 0.0
    """Share of the attempts that fail."""
    late: int = 0
    """Most seconds until something is seen or done."""
    refused: float = 0.0
    """Share of the launches that are refused."""
    vanishing: float = 0.0
    """Share of the attempts whose trace is lost; the work may go on for a while after."""
    overlooked: float = 0.0
    """Chance that a restart does not see a running attempt that is written down."""
    lazy: float = 0.0
    """Chance that no plan is made although something was seen."""
    asking: float = 0.0
    """Share of the attempts that end with a question to a person."""
    person: int = 0
    """Most seconds until a person has approved or answered what a plan waits for."""
    rejecting: float = 0.0
    """Share of the attempts at gates that reject the work, of those that end well."""
    spends: int = 0
    """Most cents that an attempt spends."""
    restarts: tuple[int, ...] = ()
    """When the shell is killed and started again."""
    edits: tuple[Edit, ...] = ()
    breaking: float | None = None
    """Share of the verifications that find a task whose landed work has to be repaired, of the first few; None: nothing
    is verified."""


@dataclass
class Work:
    """One attempt, as it truly is."""

    key: Key
    phase: Phase = Phase.LAUNCHING
    running: bool = True
    stopping: bool = False
    there: bool = True
    """Whether a look at the world finds it."""
    started: float | None = None
    ended: float | None = None
    reason: str | None = None
    version: int = 0
    outputs: Outputs = ()
    """What it puts out if it succeeds."""
    cents: int = 0
    """What it spends, known at its end."""
    step: str = ""
    is_gate: bool = False
    is_last: bool = True

    @property
    def says_usage(self) -> bool:
        """Whether what it has spent is known: nobody knows that of one that is lost."""
        return self.cents > 0 and self.ended is not None and self.phase is not Phase.LOST

    def seen(self) -> Attempt:
        code = 1 if self.phase is Phase.FAILED else None
        name = f"{self.key.task}-{self.key.number}"
        return Attempt(
            self.key.number,
            self.phase,
            self.running,
            self.stopping,
            self.started,
            self.ended,
            self.reason,
            code,
            name,
            usage=AgentUsage(usd=Decimal(self.cents) / 100) if self.says_usage else None,
            outputs=self.outputs if self.phase is Phase.SUCCEEDED else (),
            step=self.step,
        )


@dataclass
class Planned:
    """One call of plan, with all that it was given."""

    now: float
    graph: CompiledGraph
    spec: Spec
    prior: Ledger
    observed: dict[str, tuple[Attempt, ...]]
    plan: Plan
    after_restart: bool = False
    older: list[Ledger] = field(default_factory=list)
    """After a restart: every ledger written down before."""


@dataclass
class Launched:
    """A launch that was carried out, and how the world truly was before it."""

    planned: Planned
    key: Key
    running: list[Key]
    succeeded: set[str]
    failures: dict[str, int]
    last_failure: float | None
    """When the last attempt of the task that failed did."""
    given_up: set[str]
    """Tasks that failed with a reason that another attempt cannot fix."""
    asked: int = 0
    """Number of the last attempt that ended, if it ended with a question."""


@dataclass(repr=False)
class History:
    plans: list[Planned] = field(default_factory=list)
    launches: list[Launched] = field(default_factory=list)
    works: dict[Key, Work] = field(default_factory=dict)

    @property
    def end(self) -> Planned:
        return self.plans[-1]

    @property
    def final(self) -> dict[str, tuple[TaskState, str | None, int, int]]:
        """By task: its state and why, attempts and failures."""
        end = self.end
        found = {}
        for i, task_id in enumerate(end.graph.ids):
            record = end.plan.ledger.records.get(task_id)
            counted = (record.attempts, record.failures) if record else (0, 0)
            found[task_id] = (end.plan.states[i], end.plan.reasons[i], *counted)
        return found


def simulate(spec: Spec, seed: int, chaos: Chaos | None = None) -> History:
    """Runs a project to its end, and to that of all edits and restarts.

    Raises:
        AssertionError: it never ends, nothing more happens although it has not ended, or what runs is launched again.
    """
    return _World(spec, seed, chaos or Chaos()).run()


def outputs_of_attempt(seed: int, key: Key) -> Outputs:
    """What an attempt puts out if it succeeds: nothing, or one of two values."""
    value = Random(f"{seed}/{key.task}/{key.number}/outputs").choice(["x", "y", None])
    return () if value is None else (("out", value),)


class _World:
    def __init__(self, spec: Spec, seed: int, chaos: Chaos) -> None:
        self.spec, self.graph = spec, compile_graph(spec)
        self.seed, self.chaos = seed, chaos
        self.random = Random(seed)
        self.now = float(START)
        self.history = History()
        self.works = self.history.works
        self.queue: list[tuple[float, int, Callable[[], None]]] = []
        self.turn = count()
        # What the shell has; a restart takes all of it away.
        self.life = 0
        self.verified = None if chaos.breaking is None else VerifiedWork()
        self.verifies, self.repairs = False, 0
        self.ledger = Ledger(verified=self.verified)
        self.view: dict[Key, Attempt] = {}
        self.versions: dict[Key, int] = defaultdict(int)
        self.in_flight: dict[Key, None] = {}  # in order, so that all is the same in every process
        self.looking_up: set[Key] = set()
        self.told: dict[str, tuple[Attempt, ...]] = {}
        self.is_new = True
        self.dirty = True
        self.wake_at: float | None = None
        self.written = [Ledger()]
        for at in chaos.restarts:
            self.at(START + at, self.restart)
        for edit in chaos.edits:
            self.at(START + edit.at, partial(self.edit, edit))

    def run(self) -> History:
        for _ in range(STEPS_MAX):
            if self.dirty and not (self.queue and self.random.random() < self.chaos.lazy):
                self.plan()
                continue
            if not self.queue:
                if self.history.end.plan.completed:
                    return self.history
                if self.history.end.plan.is_exhausted:
                    self.edit(Edit(0, "budget"))
                    continue
                assert self.spec.suspend, "nothing will happen any more, and it has not ended"
                self.edit(Edit(0, "resume"))
                continue
            self.now, _, happen = heapq.heappop(self.queue)
            happen()
        raise AssertionError("it does not end")

    # -- time

    def at(self, when: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self.queue, (max(when, self.now), next(self.turn), happen))

    def soon(self, happen: Callable[[], None]) -> None:
        self.at(self.now + self.random.randint(0, self.chaos.late), happen)

    def soon_in_this_life(self, happen: Callable[[], None]) -> None:
        life = self.life
        self.soon(lambda: happen() if life == self.life else None)

    # -- the shell

    def observed(self) -> dict[str, tuple[Attempt, ...]]:
        """What is seen; the same objects as long as it is the same, as from the executors."""
        found: dict[str, list[Attempt]] = defaultdict(list)
        for key in self.in_flight:
            step = self.works[key].step if key in self.works else ""
            found[key.task].append(Attempt(key.number, Phase.LAUNCHING, running=True, step=step))
        for key, attempt in self.view.items():
            found[key.task].append(attempt)
        before = self.told
        self.told = {}
        for task_id, attempts in found.items():
            now = tuple(attempts)
            self.told[task_id] = before[task_id] if before.get(task_id) == now else now
        return dict(self.told)

    def plan(self) -> None:
        observed = self.observed()
        made = plan(self.graph, self.spec, self.ledger, observed, self.now)
        planned = Planned(self.now, self.graph, self.spec, self.ledger, observed, made, self.is_new)
        if self.is_new:
            planned.older = list(self.written)
        self.history.plans.append(planned)
        self.is_new = self.dirty = False
        self.ledger = made.ledger
        self.soon_in_this_life(lambda: self.written.append(made.ledger))
        for launch in made.launches:
            self.launch(planned, Key(self.graph.ids[launch.task], launch.number))
        for stop in made.stops:
            key = Key(stop.id, stop.attempt.number)
            if self.random.random() >= self.chaos.refused:
                self.view[key] = self.view[key]._replace(stopping=True)
                self.soon(partial(self.stop, key))
            else:
                self.soon_in_this_life(self.touch)
        for id_, number, *_ in made.unseen:
            key = Key(id_, number)
            if key not in self.looking_up:
                self.looking_up.add(key)
                self.soon_in_this_life(partial(self.look_up, key))
        for i, reason in made.people.items():
            record = made.ledger.records.get(self.graph.ids[i], NEW)
            act = partial(self.help, self.graph.ids[i], reason, record.inquiry.attempt)
            self.at(self.now + self.random.randint(0, self.chaos.person), act)
        snapshot = made.ledger.snapshot
        if self.verified is not None and snapshot is not None and not self.verifies:
            self.verifies = not is_verified(self.verified, snapshot) or self.ended_levels() > self.verified.levels
            if self.verifies:
                self.at(self.now + self.random.randint(0, 9), self.verify)
        if made.wake_at is not None and made.wake_at != self.wake_at:
            self.wake_at = made.wake_at
            self.at(made.wake_at, self.touch)

    def touch(self) -> None:
        self.dirty = True

    def launch(self, planned: Planned, key: Key) -> None:
        assert key not in self.works, f"{key} is launched again"
        works = self.works.values()
        failures: dict[str, int] = defaultdict(int)
        for work in works:
            failures[work.key.task] += work.phase in (Phase.FAILED, Phase.LOST) and not self.is_question(work)
        ended = [w for w in works if w.key.task == key.task and w.phase in (Phase.FAILED, Phase.LOST)]
        mine = [w for w in ended if not self.is_question(w)]
        self.history.launches.append(
            Launched(
                planned,
                key,
                running=[work.key for work in works if work.running],
                succeeded={work.key.task for work in works if work.phase is Phase.SUCCEEDED},
                failures=failures,
                last_failure=max((w.ended for w in mine if w.ended is not None), default=None),
                given_up={w.key.task for w in works if w.reason in FINAL and not self.is_question(w)},
                asked=max((w.key.number for w in ended), default=0) if ended and self.is_open(ended) else 0,
            )
        )
        self.works[key] = self.work(planned, key)
        self.in_flight[key] = None
        self.soon(lambda: self.begin(key))

    def work(self, planned: Planned, key: Key) -> Work:
        task, snapshot = planned.graph.index[key.task], planned.plan.ledger.snapshot
        steps = planned.graph.steps_of(task)
        if snapshot is None or not steps:
            return Work(key)
        found = snapshot.standing(task)
        gates = {step.name for step in steps if step.is_gate}
        return Work(key, step=found.next or "", is_gate=found.next in gates, is_last=found.is_last)

    def is_question(self, work: Work) -> bool:
        """Whether an attempt has ended with a question, of those that count as no failure."""
        if work.reason != Reason.NEEDS_INPUT or work.phase is not Phase.FAILED:
            return False
        before = [w for key, w in self.works.items() if key.task == work.key.task and key.number < work.key.number]
        return sum(w.reason == Reason.NEEDS_INPUT and w.phase is Phase.FAILED for w in before) < QUESTIONS_MAX

    def is_open(self, ended: list[Work]) -> bool:
        """Whether the last of some attempts asks."""
        return self.is_question(max(ended, key=lambda work: work.key.number))

    def help(self, task: str, reason: str, asked: int) -> None:
        """A person does what a plan waits for, unless that is done; what is wanted by now counts no more."""
        if reason == Reason.WAITING_FOR_APPROVAL and all(given.id != task for given in self.spec.approvals):
            change: dict[str, Any] = {"approvals": [*self.spec.approvals, Approval(id=task)]}
        elif reason == Reason.WAITING_FOR_INPUT:
            if any((given.id, given.attempt) == (task, asked) for given in self.spec.answers):
                return
            change = {"answers": [*self.spec.answers, TaskAnswer(id=task, attempt=asked, text="yes")]}
        else:
            return
        self.spec = self.spec.model_copy(update=change)
        self.graph = compile_graph(self.spec)
        self.dirty = True

    def look_up(self, key: Key) -> None:
        self.looking_up.discard(key)
        work = self.works.get(key)
        if work:
            self.deliver(work.seen(), key, work.version)
        self.dirty = True

    def deliver(self, seen: Attempt, key: Key, version: int) -> None:
        """Something is seen; what is older than what was seen before is left aside."""
        if version >= self.versions[key]:
            self.versions[key] = version
            self.in_flight.pop(key, None)
            self.view[key] = seen
            self.dirty = True

    def restart(self) -> None:
        """All is forgotten but an older ledger. What was asked for is by now there or refused."""
        for work in list(self.works.values()):
            if work.phase is Phase.LAUNCHING:
                self.begin(work.key)
        traceless = [w.key for w in self.works.values() if not w.there]
        usable = [
            ledger
            for ledger in self.written
            if all(t in ledger.records and ledger.records[t].attempts >= n for t, n in traceless)
        ]
        if not usable:
            return  # nobody could know of an attempt that left no trace and was never written down
        self.life += 1
        self.ledger = replace(self.random.choice(usable), verified=self.verified)
        self.written = usable
        self.view, self.in_flight, self.looking_up = {}, {}, set()
        self.versions.clear()
        self.wake_at = None
        for key, work in self.works.items():
            record = self.ledger.records.get(key.task)
            running = record and record.state is TaskState.RUNNING and record.attempts == key.number
            running = running and work.phase is Phase.ACTIVE
            overlooked = running and self.random.random() < self.chaos.overlooked
            if (work.there and not overlooked) or (work.phase is Phase.LOST and work.running):
                self.view[key], self.versions[key] = work.seen(), work.version
        self.is_new = self.dirty = True

    # -- the world

    def changed(self, work: Work) -> None:
        work.version += 1
        seen, version = work.seen(), work.version
        self.soon_in_this_life(lambda: self.deliver(seen, work.key, version))

    def begin(self, key: Key) -> None:
        work = self.works.get(key)
        if work is None or work.phase is not Phase.LAUNCHING:
            return
        if self.random.random() < self.chaos.refused:
            del self.works[key]
            self.soon_in_this_life(lambda: self.refused(key))
            return
        fate = Random(f"{self.seed}/{key.task}/{key.number}")
        length, fails, reason = fate.randint(1, 12), fate.random() < self.chaos.failing, fate.random()
        asks = fate.random() < self.chaos.asking
        work.outputs = outputs_of_attempt(self.seed, key)
        work.phase, work.started = Phase.ACTIVE, self.now
        work.cents = Random(f"{self.seed}/{key.task}/{key.number}/cents").randint(0, self.chaos.spends)
        self.changed(work)
        self.at(self.now + length, lambda: self.end(work, fails or asks, reason, asks=asks))
        if self.random.random() < self.chaos.vanishing:
            self.at(self.now + self.random.randint(0, length), lambda: self.vanish(work))

    def refused(self, key: Key) -> None:
        if key not in self.works:
            self.in_flight.pop(key, None)
            self.dirty = True

    def end(self, work: Work, fails: bool, reason: float, *, asks: bool = False) -> None:
        if work.phase is Phase.LOST:
            work.running = False
            self.changed(work)
        if work.phase is not Phase.ACTIVE:
            return
        work.running = False
        if fails and reason < 0.5:  # its slot is free before it is known how it ended
            self.changed(work)
        work.ended = self.now
        work.phase = Phase.FAILED if fails else self.verdict(work)
        work.reason = ("InvalidPodTemplate" if reason < 0.05 else "ExitCode") if fails else None
        work.reason = Reason.NEEDS_INPUT.value if asks else work.reason
        self.changed(work)

    def verdict(self, work: Work) -> Phase:
        """How an attempt ends well."""
        fate = Random(f"{self.seed}/{work.key.task}/{work.key.number}/verdict").random()
        if work.is_gate and fate < self.chaos.rejecting:
            return Phase.REJECTED
        if work.is_last:
            return Phase.SUCCEEDED
        return Phase.PASSED if work.is_gate else Phase.HELD

    def stop(self, key: Key) -> None:
        work = self.works[key]
        if work.phase is Phase.ACTIVE and not work.stopping:
            work.stopping = True
            self.changed(work)
            self.soon(lambda: self.stopped(work))

    def stopped(self, work: Work) -> None:
        if work.phase is Phase.ACTIVE:
            work.phase, work.running, work.ended = Phase.STOPPED, False, self.now
            self.changed(work)

    def vanish(self, work: Work) -> None:
        if work.phase is Phase.ACTIVE:
            work.phase, work.there, work.ended = Phase.LOST, False, self.now
            work.running = self.random.random() < 0.5
            self.changed(work)

    def verify(self) -> None:
        """Checks what has landed, as far as the shell knows: one of it has to be repaired, or all of it is good."""
        records, index = self.ledger.records, self.graph.index
        landed = {i: record.attempts for i, record in records.items() if record.state is TaskState.SUCCEEDED}
        known = sorted(landed.keys() & index.keys())
        self.verifies, self.dirty = False, True
        if known and self.repairs < REPAIRS_MAX and self.random.random() < (self.chaos.breaking or 0.0):
            self.repairs += 1
            needed = [i for i in known if any(map(self.is_midway, self.graph.children[index[i]]))]
            broken = self.random.choice(needed or known)
            others = [retry for retry in self.spec.retries if retry.id != broken]
            again = Retry(id=broken, rerun_after=landed[broken])
            self.spec = self.spec.model_copy(update={"retries": [*others, again]})
            self.graph = compile_graph(self.spec)
            return
        self.verified = VerifiedWork(self.ended_levels(), landed)
        self.ledger = replace(self.ledger, verified=self.verified)

    def is_midway(self, task: int) -> bool:
        return self.ledger.records.get(self.graph.ids[task], NEW).is_midway

    def ended_levels(self) -> int:
        """How many levels are over, by the last plan."""
        states = self.history.end.plan.states
        return sum(
            1
            for _ in takewhile(
                lambda tasks: not any(map(_is_open, map(states.__getitem__, tasks))), self.history.end.graph.levels
            )
        )

    def edit(self, edit: Edit) -> None:
        spec = edited(self.spec, edit)
        try:
            self.graph = compile_graph(spec)
        except ProblemsError:
            return  # it would be refused: the spec before it stays
        self.spec, self.dirty = spec, True


def _is_open(state: TaskState) -> bool:
    return state in (TaskState.PENDING, TaskState.RUNNING)


def _raised(budget: Budget) -> Budget:
    """More of all: nothing is short for ever."""
    per_role = {role: str(Decimal(limit) * 2 + 1) for role, limit in budget.per_role.items()}
    return budget.model_copy(update={"limit": str(Decimal(budget.limit) * 2 + 1), "per_role": per_role})


def edited(spec: Spec, edit: Edit) -> Spec:
    tasks = list(spec.tasks)
    a, b = edit.a, edit.b
    i = a % len(tasks) if tasks else 0
    change: dict[str, Any] = {}
    match edit.kind:
        case "add":
            # Ids come back, and new ones stand before and after those that are there.
            free = [n for n in range(14) if f"t{n}" not in {task.id for task in tasks}]
            if not free:
                return spec
            above = [task.id for task in tasks if (int(task.id[1:]) + b) % 4 == 0]
            role = spec.roles[a % len(spec.roles)].name if spec.roles else None
            new = Task(id=f"t{free[a % len(free)]}", dependencies=above, priority=b % 3 - 1, role=role)
            change = {"tasks": [*tasks[:i], new, *tasks[i:]]}
        case "remove" if tasks:
            gone = tasks.pop(i).id
            kept = [t.model_copy(update={"dependencies": [d for d in t.dependencies if d != gone]}) for t in tasks]
            change = {"tasks": kept}
        case "change" if tasks:
            more = tasks[b % len(tasks)]
            updates: list[dict[str, Any]] = [
                {"priority": b % 5},
                {"files": more.files},
                {"dependencies": []},
                {"dependencies": [more.id]},
                {"max_attempts": b % 4 + 1},
                {"role": more.role},
            ]
            tasks[i] = tasks[i].model_copy(update=updates[b % len(updates)])
            change = {"tasks": tasks}
        case "parallelism":
            change = {"parallelism": b % 5 + 1}
        case "role" if spec.roles:
            roles = list(spec.roles)
            roles[a % len(roles)] = Role(name=roles[a % len(roles)].name, max_concurrent=b % 3 or None)
            change = {"roles": roles}
        case "suspend" | "resume":
            change = {"suspend": edit.kind == "suspend"}
        case "stop":
            change = {"stop": not spec.stop}
        case "retry" if tasks:
            others = [retry for retry in spec.retries if retry.id != tasks[i].id]
            change = {"retries": [*others, Retry(id=tasks[i].id, forgive=b % 4 + 1)]}
        case "skip" if tasks:
            change = {"skip": sorted({tasks[i].id} ^ set(spec.skip))}
        case "budget":
            change = {"budgets": [_raised(budget) for budget in spec.budgets]}
        case "policy":
            values = type(spec.failure_policy)
            change = {"failure_policy": list(values)[b % len(values)]}
    return spec.model_copy(update=change)
