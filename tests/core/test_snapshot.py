"""Where every task stands is the same worked out from what changed as from scratch, and what was given out stays.

The steps are told to both ways, ``Snapshot.after`` and ``Snapshot.of``, in graphs large enough that one way updates
what the other derives; what is seen need not make sense, as after a restart, an edit, or by a stranger's hand.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import fields
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import CompiledGraph, compile_graph
from parallelproject.core.planner.attempt import NEW, Attempt, Phase, Record
from parallelproject.core.planner.claim import Claim, claim_of
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason, TaskState
from tests.core.examples import examples
from tests.core.projects import FILES, acyclic_parents, compiled
from tests.core.simulation import Edit, edited

ENDS = {"succeed": Phase.SUCCEEDED, "fail": Phase.FAILED, "stop": Phase.STOPPED, "lose": Phase.LOST}
STARTS = ("launch",) * 8 + ("skip", "late success", "forget")
EVENTS = (
    *("begin",) * 4,
    *("succeed",) * 8,
    *("hide",) * 4,
    *("fail", "fail", "stop", "lose", "linger", "free", "stopping", "refuse", "second", "queue"),
)
STRANGERS = ("t7", "stranger", "other")  # the first is at times in the spec
EDITS = ("add", "remove", "remove", "change", "skip", "skip")

STEPS = 25

seeds = st.integers(0, 2**32)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Mostly of so many tasks that the change of some is not that of most."""
    parents = draw(acyclic_parents(24, draw(st.sampled_from([1, 8, 16]))))
    tasks = [
        {
            "id": f"t{i}",
            "dependencies": [f"t{parent}" for parent in above],
            "role": draw(st.sampled_from(["one", "two"])),
            "files": draw(st.lists(st.sampled_from(FILES), max_size=2)),
        }
        for i, above in enumerate(parents)
    ]
    return parse_spec({"roles": [{"name": "one"}, {"name": "two"}], "tasks": tasks})


class World:
    """What is seen of attempts, task by task."""

    def __init__(self) -> None:
        self.attempts: dict[str, tuple[Attempt, ...]] = {}
        self.hidden: set[str] = set()
        self.settled: set[str] = set()

    @property
    def observed(self) -> dict[str, tuple[Attempt, ...]]:
        """The same objects as long as they are the same, as from the executors."""
        left_out = self.hidden | self.settled
        return {task_id: seen for task_id, seen in self.attempts.items() if seen and task_id not in left_out}

    def go_on(self, graph: CompiledGraph, snapshot: Snapshot, random: Random) -> None:
        """Something happens to some tasks, rather to those that are under way; one left out as settled is told of
        again when it does."""
        if random.random() < 0.3:
            self.hidden.clear()
        for _ in range(random.randint(0, 3)):
            under_way = [task_id for task_id, seen in self.attempts.items() if seen and is_under_way(seen[-1])]
            some = under_way if random.random() < 0.6 else random.choice([graph.ids, graph.ids, STRANGERS])
            task_id = random.choice(some or STRANGERS)
            self.happen(graph, snapshot, task_id, random.choice(EVENTS if task_id in under_way else STARTS))
            self.settled.discard(task_id)

    def happen(self, graph: CompiledGraph, snapshot: Snapshot, task_id: str, event: str) -> None:
        seen = self.attempts.get(task_id, ())
        if event in ("launch", "skip", "second"):
            newest = max([snapshot.records.get(task_id, NEW).attempts, *(attempt.number for attempt in seen)])
            claim = claim_of(graph, graph.index[task_id]) if task_id in graph.index else Claim("one", ("d/x",))
            new = Attempt(newest + (2 if event == "skip" else 1), Phase.LAUNCHING, running=True, claim=claim)
            self.attempts[task_id] = (*seen, new)
        elif event == "hide":
            self.hidden.add(task_id)
        elif event == "forget":
            self.attempts[task_id] = seen[1:]
        elif event == "late success":
            self.attempts[task_id] = (*(ended(attempt, Phase.SUCCEEDED) for attempt in seen[:1]), *seen[1:])
        else:
            self.attempts[task_id] = (*seen[:-1], *changed(seen[-1], event))


def is_under_way(attempt: Attempt) -> bool:
    return attempt.running or attempt.phase is Phase.ACTIVE


def changed(attempt: Attempt, event: str) -> tuple[Attempt, ...]:
    """An attempt under way after something happened to it; nothing where it was refused."""
    if event in ENDS:
        return (ended(attempt, ENDS[event]),)
    match event:
        case "refuse" if attempt.phase is Phase.LAUNCHING:
            return ()
        case "begin":
            return (attempt._replace(phase=Phase.ACTIVE, running=True, started=10.0, name=f"job-{attempt.number}"),)
        case "free":  # its slot is free before it is known how it ended
            return (attempt._replace(phase=Phase.ACTIVE, running=False),)
        case "stopping":
            return (attempt._replace(stopping=True),)
        case "queue":  # or a queue has taken back what it had admitted
            waits = attempt._replace(phase=Phase.ACTIVE, running=True, started=10.0, reason=Reason.WAITING_FOR_QUOTA)
            return (waits._replace(claim=(attempt.claim or Claim())._replace(slots=0)),)
        case "linger":  # it counts as lost, and still works
            return (ended(attempt, Phase.LOST)._replace(running=True),)
    return (attempt,)


def ended(attempt: Attempt, phase: Phase) -> Attempt:
    reason = "ExitCode" if phase is Phase.FAILED else None
    return attempt._replace(phase=phase, running=False, ended=20.0, reason=reason)


def settled(snapshot: Snapshot) -> set[str]:
    """Said a second time: the tasks that have succeeded and of which no attempt is running."""
    return {
        task_id
        for task_id, seen in snapshot.seen.items()
        if snapshot.records.get(task_id, NEW).state is TaskState.SUCCEEDED
        and not any(attempt.running for attempt in seen)
    }


def facts(snapshot: Snapshot) -> dict[str, Any]:
    """All that matters to a plan.

    The order of dictionaries does not count, except that of ``strangers``, in which removed tasks are told.
    """
    found = {field.name: getattr(snapshot, field.name) for field in fields(snapshot) if field.name != "graph"}
    found["strangers"] = list(snapshot.strangers)
    return found


def as_given(snapshot: Snapshot) -> dict[str, Any]:
    """A deep copy of every field, as it is."""
    return {field.name: deepcopy(getattr(snapshot, field.name)) for field in fields(snapshot) if field.name != "graph"}


def told(observed: dict[str, tuple[Attempt, ...]], *, anew: bool) -> dict[str, Sequence[Attempt]]:
    """The same objects each time, as of a cluster, or new lists, as of a local run."""
    return {task_id: list(seen) if anew else seen for task_id, seen in observed.items()}


@examples(60)
@given(specs(), seeds, st.booleans())
def test_where_tasks_stand_is_the_same_from_what_changed_as_from_scratch(spec: Spec, seed: int, anew: bool) -> None:
    random, world, graph = Random(seed), World(), compile_graph(spec)
    snapshot = Snapshot.of(graph, {}, {})
    given_out = [(snapshot, as_given(snapshot))]
    for _ in range(STEPS):
        if random.random() < 0.1:
            spec, graph = after_edit(spec, graph, random)
            snapshot = Snapshot.of(graph, snapshot.records, told(world.observed, anew=anew))
            given_out.append((snapshot, as_given(snapshot)))
        if random.random() < 0.3:
            world.settled |= settled(snapshot)
        world.go_on(graph, snapshot, random)
        observed = told(world.observed, anew=anew)
        updated = snapshot.after(observed)
        assert facts(updated) == facts(Snapshot.of(graph, snapshot.records, observed))
        assert facts(updated) == facts(Snapshot.of(graph, updated.records, observed)), "as after a restart"
        assert updated.seen == world.observed
        assert list(updated.strangers) == [task_id for task_id in updated.records if task_id not in graph.index]
        snapshot = updated
        given_out.append((snapshot, as_given(snapshot)))
    for snapshot, before in given_out:
        assert as_given(snapshot) == before


def after_edit(spec: Spec, graph: CompiledGraph, random: Random) -> tuple[Spec, CompiledGraph]:
    """As it was where the new one would be refused."""
    new = edited(spec, Edit(0, random.choice(EDITS), random.randint(0, 99), random.randint(0, 99)))
    try:
        return new, compile_graph(new)
    except ProblemsError:
        return spec, graph


def test_a_commit_that_is_heard_of_after_the_success_is_written_down() -> None:
    graph = compile_graph(parse_spec({"tasks": [{"id": "a"}]}))
    ended = Attempt(1, Phase.SUCCEEDED)
    first = Snapshot.of(graph, {}, {"a": (ended,)})
    assert first.record(0).commit is None
    landed = (ended._replace(commit="9b1e77c"),)
    assert first.after({"a": landed}).record(0).commit == "9b1e77c"
    assert Snapshot.of(graph, first.records, {"a": landed}).record(0).commit == "9b1e77c"


@pytest.mark.parametrize(
    "seen",
    [
        Attempt(1, Phase.SUCCEEDED),
        Attempt(1, Phase.SUCCEEDED, running=True),  # its pod goes on
        Attempt(1, Phase.LOST, running=True),
        Attempt(2, Phase.LAUNCHING, running=True),
        Attempt(2, Phase.REFUSED, reason="RefusedByPolicy"),
        Attempt(2, Phase.ACTIVE, running=True, reason=Reason.JOB_SUSPENDED),
        Attempt(1, Phase.SUCCEEDED, commit="9b1e77c"),
    ],
    ids=["ended", "its pod runs on", "lost and running", "requested again", "refused", "suspended", "landed"],
)
def test_what_is_seen_of_a_task_that_has_succeeded_is_the_same_after_a_restart(seen: Attempt) -> None:
    graph = compile_graph(parse_spec({"tasks": [{"id": "a"}]}))
    before = Snapshot.of(graph, {}, {"a": (Attempt(1, Phase.SUCCEEDED),)})
    observed = {"a": (seen,)}
    assert facts(Snapshot.of(graph, before.records, observed)) == facts(before.after(observed))


def test_the_outputs_of_a_task_that_was_removed_and_added_again_are_read_at_once() -> None:
    graph, _ = compiled(tasks=[{"id": "a"}])
    done = Attempt(1, Phase.SUCCEEDED, started=1.0, ended=2.0, outputs=(("out", "x"),))
    recorded = {"a": Record(TaskState.SUCCEEDED, 1, started=1.0, ended=2.0)}  # those of removed tasks are forgotten
    assert Snapshot.of(graph, recorded, {"a": (done,)}).records["a"].outputs == (("out", "x"),)
