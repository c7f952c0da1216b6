"""One run with faults, from a project's creation to the verdict.

The verdict comes from the API server's audit log (``laws``) and from the project's last status. A fault may cost time,
never an attempt: states, attempts and failures at the end are those of a run without.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from rig.deadline import until
from rig.errors import RigError
from rig.operator import USER
from tests.controller.audit import Json, by_user, history, is_release, is_restore, refusals, told, writes
from tests.controller.cluster import condition, rows
from tests.controller.laws import judge
from tests.faults.graphs import Graph
from tests.faults.lab import Lab, Run
from tests.faults.plan import Fault, InTurn, Listed, Plan
from tests.faults.proxy import Write

SECONDS = 240
"""A run that takes longer is stuck: ten times what it takes on two busy cores."""
_QUIET_SECONDS = 0.3
"""After the end, for so long nothing must be asked for before the run counts as over."""
_SETTLE_SECONDS = 120
"""Longest time from the end of the project until there is quiet."""
_POLL_SECONDS = 0.5
_NOT_THE_PROJECTS = frozenset({"leases", "events"})
_TAIL_LINES = 60
_REFUSED = frozenset({400, 403, 422})
"""Answers that a sound operator gets from nobody who does not refuse it on purpose."""


@dataclass
class Outcome:
    """How a run went."""

    graph: str
    faults: str
    seed: int
    violations: list[str] = field(default_factory=list)
    """Empty where all was well."""
    notes: list[str] = field(default_factory=list)
    """What is no violation, and yet not as it should be: an operator that ended by itself, a traceback."""
    writes: list[Write] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """Requests and events by name."""
    fired: list[Fault] = field(default_factory=list)
    """The faults that took place."""
    seconds: float = 0.0
    """From the operator's start to the end of the project."""
    starts: int = 0
    """Operator processes."""
    disturbances: int = 0
    """How often somebody else changed something of the project."""
    taken_over: int = 0
    """How often another operator took over from one that stood still."""
    tasks: int = 0
    """Attempts that the graph takes."""
    evidence: str = ""
    """Of a violation: the project's status and the end of the operator's log."""

    def __str__(self) -> str:
        return f"{self.graph}, {self.faults or 'no fault'}, seed {self.seed}"


def run_one(
    lab: Lab,
    graph: Graph,
    faults: Sequence[Fault] | Plan = (),
    seed: int = 0,
    *,
    in_turn: bool = False,
    patch: str = "",
    meanwhile: Callable[[Run], object] | None = None,
    seconds: float = SECONDS,
    linger: float = 0,
) -> Outcome:
    """Runs a graph to its end, or to a deadline, and judges it.

    Args:
        lab: Where.
        graph: What.
        faults: What goes wrong.
        seed: Told in the outcome, for plans that are drawn.
        in_turn: Whether each fault counts from where the one before it took place.
        patch: Python statements that are executed in each operator process before it starts.
        meanwhile: What else is done, from the operator's start on; the end is waited for afterwards.
        seconds: The deadline, of the end.
        linger: For how many seconds the operator is still looked at when all is over.
    """
    given = faults if isinstance(faults, Sequence) else ()
    plan: Plan = (InTurn(given) if in_turn else Listed(given)) if isinstance(faults, Sequence) else faults
    outcome = Outcome(graph.name, (" then " if in_turn else ", ").join(map(str, given)), seed, tasks=graph.jobs)
    with Run(lab, plan, patch=patch) as run:
        made = run.namespace.create(graph.spec)
        run.note_version(made["metadata"]["resourceVersion"])
        started = time.monotonic()
        run.start()
        try:
            if meanwhile is not None:
                meanwhile(run)
            last = wait_end(run, seconds=seconds)
            outcome.seconds = time.monotonic() - started
            wait_quiet(run)
            run.linger(linger)
        except RigError as error:
            outcome.seconds = time.monotonic() - started
            outcome.violations.append(f"stuck: {str(error).splitlines()[0]}")
            last = run.namespace.get()
        else:
            outcome.violations += compare(last, graph)
        outcome.violations += verdict(run, made, last)
        report(run, outcome, last)
    return outcome


def wait_end(run: Run, name: str = "p", seconds: float = SECONDS) -> Json:
    """Waits until a project has completed; the project then. RigError if it does not."""
    seen, asked, found = -1, 0.0, {}

    def ended() -> bool:
        nonlocal seen, asked, found
        if run.traffic.counts["patch-status"] == seen and time.monotonic() < asked + _POLL_SECONDS:
            return False
        seen, asked = run.traffic.counts["patch-status"], time.monotonic()
        found = run.namespace.get(name)
        return has_ended(found)

    until(ended, f"the end of project {name}", seconds=seconds)
    return found


def has_ended(project: Json) -> bool:
    """Whether a project, in its present generation, has completed."""
    done = condition(project, "Completed")
    return done.get("status") == "True" and done.get("observedGeneration") == project["metadata"]["generation"]


def wait_quiet(run: Run) -> None:
    """Waits until the operator, perhaps a new one, has everything before its eyes and nobody asks for more."""

    until(lambda: is_quiet(run), "the operator to watch and be quiet", seconds=_SETTLE_SECONDS)


def is_quiet(run: Run) -> bool:
    """Whether the operator has everything before its eyes and asks for no more."""
    return run.is_ready() and not run.traffic.late and time.monotonic() - run.traffic.last > _QUIET_SECONDS


def compare(project: Json, graph: Graph) -> list[str]:
    """What at the end is not as it is without faults."""
    found = {i: (row["state"], row.get("attempts", 0), row.get("failures", 0)) for i, row in rows(project).items()}
    different = [
        f"{i} ended as {found.get(i)}, and not as {wanted}" for i, wanted in graph.end.items() if found.get(i) != wanted
    ]
    hooks = [
        (row["hook"], row.get("level", row.get("group")), row["state"]) for row in project["status"].get("hooks", ())
    ]
    if hooks != graph.hook_runs:
        different.append(f"the hooks at the end are {hooks}, and not {graph.hook_runs}")
    failed = any(state == "Failed" for state, _, _ in graph.end.values())
    reason = condition(project, "Succeeded").get("reason")
    wanted = "TasksFailed" if failed else "AllSucceeded"
    return different + ([f"the reason at the end is {reason}, and not {wanted}"] if reason != wanted else [])


def verdict(run: Run, made: Json, last: Json, allowed: Collection[int] = (), *, may_restore: bool = False) -> list[str]:
    """Every breach of a law, from the audit log.

    Args:
        run: The run.
        made: The project as it was created.
        last: The project as it was seen last: the log is read once it is in there.
        allowed: Codes by which requests may be refused, since somebody refuses them on purpose.
        may_restore: Whether others may take labels and owners, also at the end: these are restored then.
    """
    events: list[Json] = []

    def is_logged() -> bool:
        nonlocal events
        events = run.events()
        return any(_version(event) == last["metadata"]["resourceVersion"] for event in reversed(events))

    until(is_logged, "the audit log", seconds=60)
    asked = by_user(events, USER)
    breaches = judge(history(events, made["metadata"]["uid"]), uninvited=run.traffic.uninvited)
    breaches += [f"refused: {line}" for code in _REFUSED - {*allowed} for line in refusals(asked, code)]
    return breaches + [f"written after the end: {line}" for line in _written_after_end(asked, may_restore)]


def _written_after_end(asked: Sequence[Json], may_restore: bool) -> Iterator[str]:
    ended = False
    for event in writes(asked):
        if not 200 <= event["responseStatus"]["code"] < 300 or event["objectRef"]["resource"] in _NOT_THE_PROJECTS:
            continue
        if ended and not (is_release(event) or (may_restore and is_restore(event))):
            yield told(event)
        answer = event.get("responseObject") or {}
        ended = ended or (event["objectRef"].get("subresource") == "status" and has_ended(answer))


def _version(event: Json) -> str | None:
    version: str | None = ((event.get("responseObject") or {}).get("metadata") or {}).get("resourceVersion")
    return version


def report(run: Run, outcome: Outcome, last: Json) -> None:
    """Fills in what is to be known of a run."""
    outcome.writes, outcome.fired = run.traffic.writes, run.traffic.fired
    outcome.counts = dict(run.traffic.counts)
    outcome.starts = run.starts
    log = run.output()
    outcome.notes += [f"the operator ended by itself with code {code}" for code in run.codes if code != -9]
    outcome.notes += sorted(set(_tracebacks(log)))
    if outcome.violations:
        tail = "\n".join(log.splitlines()[-_TAIL_LINES:])
        outcome.evidence = f"{json.dumps(last.get('status'), indent=1)}\n--- the operator's log\n{tail}"


def _tracebacks(log: str) -> Iterator[str]:
    """The last line of each traceback."""
    lines = iter(log.splitlines())
    for line in lines:
        if line.startswith("Traceback"):
            last = next((entry for entry in lines if entry and not entry.startswith((" ", "|", "+"))), "")
            yield f"traceback: {last}"
