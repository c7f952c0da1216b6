"""Compiles what tasks say of the ends and outputs of others: their conditions, and the parameters that they take.

A task must depend on each task that it names, directly or by way of others: so that one has ended when the condition is
evaluated, and a cycle through an output cannot exist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from parallelproject.core.graph.cycles import find_cycles
from parallelproject.core.graph.walk import reachable
from parallelproject.model.conditions import EndState, Operator, When
from parallelproject.model.names import RESERVED_OUTPUTS
from parallelproject.model.problem import Problem, quoted
from parallelproject.model.spec import Task
from parallelproject.model.suggest import did_you_mean

_PROBLEMS_MAX = 100


class Test(NamedTuple):
    """One condition of a task. It holds if the task that it names has ended so, or the value is as it says."""

    task: int
    """The task that it names; -1 for a parameter."""
    end: EndState | None
    output: str
    """Empty: it is not on an output."""
    parameter: str
    """Empty: it is not on a parameter."""
    negated: bool
    """Whether the value must be none of ``values``."""
    values: frozenset[str]


class Source(NamedTuple):
    """Where a parameter of a task takes its value from."""

    parameter: str
    task: int
    output: str
    default: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """All of a graph; empty where no task has any."""

    tests: Mapping[int, tuple[Test, ...]] = field(default_factory=dict)
    """By task."""
    sources: Mapping[int, tuple[Source, ...]] = field(default_factory=dict)
    """By task."""
    expected: Mapping[int, Mapping[int, EndState]] = field(default_factory=dict)
    """By task: its dependencies that must not succeed, but end as Failed or Skipped."""
    needed: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """By task: its outputs that others name."""
    order: tuple[int, ...] = ()
    """The tasks with conditions or such parameters, and all that depend on one: by level, so each after what it depends
    on. A plan decides on these one by one."""
    members: frozenset[int] = frozenset()
    """Those of ``order``."""


NO_CONDITIONS = Conditions()


def check_conditions(
    tasks: Sequence[Task],
    index: Mapping[str, int],
    parents: Sequence[Sequence[int]],
    topological: Sequence[int],
    problems: list[Problem],
) -> None:
    """Adds a problem for each condition and each parameter that makes no sense in its graph.

    Args:
        tasks: The tasks.
        index: Id to task.
        parents: By task, its dependencies.
        topological: All tasks, each after those that it depends on; fewer where there is a cycle.
        problems: Gets the problems.
    """
    named: dict[int, dict[int, str]] = {}  # by task, the tasks that it names, and where
    found: list[Problem] = []
    for i, task in enumerate(tasks):
        if not task.when and not any(parameter.value_from for parameter in task.parameters):
            continue
        own = {parameter.name for parameter in task.parameters}
        for j, parameter in enumerate(task.parameters):
            if parameter.value_from is None:
                continue
            place = f"spec.tasks[{i}].parameters[{j}]"
            if parameter.value:
                found.append(Problem(f"{place}.value", "is given next to valueFrom", "remove one of the two"))
            if (problem := _reserved(parameter.value_from.output, f"{place}.valueFrom.output")) is not None:
                found.append(problem)
            _note(f"{place}.valueFrom.task", parameter.value_from.task, i, index, named, found)
        for j, when in enumerate(task.when):
            place = f"spec.tasks[{i}].when[{j}]"
            if (problem := _shape(when, place)) is not None:
                found.append(problem)
            elif when.task is not None:
                _note(f"{place}.task", when.task, i, index, named, found)
            elif when.parameter not in own:
                hint = did_you_mean(when.parameter or "", sorted(own)) or "add it to the parameters of the task"
                what = f"{quoted(when.parameter)} is not a parameter of the task"
                found.append(Problem(f"{place}.parameter", what, hint))
    problems += found[:_PROBLEMS_MAX]
    if named:
        problems += _without_dependency(tasks, parents, topological, named)


def compile_conditions(
    tasks: Sequence[Task],
    index: Mapping[str, int],
    parents: Sequence[Sequence[int]],
    children: Sequence[Sequence[int]],
    level: Sequence[int],
) -> Conditions:
    """The conditions of a graph that was checked.

    Args:
        tasks: The tasks.
        index: Id to task.
        parents: By task, its dependencies.
        children: By task, those that depend on it.
        level: By task, its level.
    """
    tests: dict[int, tuple[Test, ...]] = {}
    sources: dict[int, tuple[Source, ...]] = {}
    expected: dict[int, dict[int, EndState]] = {}
    needed: dict[int, set[str]] = {}
    for i, task in enumerate(tasks):
        if task.when:
            tests[i] = tuple(_test(when, index) for when in task.when)
            ends = {
                test.task: test.end
                for test in tests[i]
                if test.end in (EndState.FAILED, EndState.SKIPPED) and test.task in parents[i]
            }
            if ends:
                expected[i] = {parent: end for parent, end in ends.items() if end is not None}
        taken = tuple(
            Source(p.name, index[p.value_from.task], p.value_from.output, p.value_from.default)
            for p in task.parameters
            if p.value_from is not None
        )
        if taken:
            sources[i] = taken
        for test in tests.get(i, ()):
            if test.output:
                needed.setdefault(test.task, set()).add(test.output)
        for source in taken:
            needed.setdefault(source.task, set()).add(source.output)
    if not tests and not sources:
        return NO_CONDITIONS
    starts = tests.keys() | sources.keys()
    members = starts | set(reachable(starts, children))
    return Conditions(
        tests,
        sources,
        expected,
        {task: frozenset(names) for task, names in needed.items()},
        tuple(sorted(members, key=lambda i: (level[i], i))),
        frozenset(members),
    )


def _shape(when: When, place: str) -> Problem | None:
    """What is wrong with the fields of a condition by themselves."""
    if when.task is None and when.parameter is None:
        return Problem(place, "has neither task nor parameter", "add task, or parameter")
    if when.task is not None and when.parameter is not None:
        return Problem(place, "has task and parameter", "remove one of the two")
    named = [field for field, given in (("is", when.end), ("output", when.output)) if given]
    if when.parameter is not None and named:
        found = f"has {' and '.join(named)} next to parameter, and only a task has that"
        return Problem(place, found, "remove it, or give task in place of parameter")
    if when.task is not None and len(named) != 1:
        if named:
            return Problem(place, "has is and output", "remove one of the two")
        return Problem(place, "has neither is nor output", "add is: Succeeded, Failed or Skipped; or output")
    fields = (("operator", when.operator is not None), ("values", bool(when.values)))
    if when.end is not None:
        given = [field for field, is_set in fields if is_set]
        found = f"has {' and '.join(given)} next to is, which compares no value"
        return Problem(place, found, "remove that, or give output in place of is") if given else None
    lacking = [field for field, is_set in fields if not is_set]
    if lacking:
        found = f"compares a value, and has no {' and no '.join(lacking)}"
        return Problem(place, found, "give both, as in operator: In, values: [A]")
    return _reserved(when.output, f"{place}.output") if when.output else None


def _reserved(output: str, place: str) -> Problem | None:
    """That a name is not that of an output, if it is none."""
    if output not in RESERVED_OUTPUTS:
        return None
    found = f"{quoted(output)} is not an output: a file of this name in PPROJ_OUTPUTS is a message to pproj"
    return Problem(place, found, "have the task write the value to a file of another name, and give that name")


def _note(
    place: str,
    name: str,
    i: int,
    index: Mapping[str, int],
    named: dict[int, dict[int, str]],
    problems: list[Problem],
) -> None:
    other = index.get(name)
    if other is None:
        hint = did_you_mean(name, list(index)) or "correct it, or add the task"
        problems.append(Problem(place, f"{quoted(name)} is not a task", hint, "UnknownDependency"))
    else:
        named.setdefault(i, {}).setdefault(other, place)


def _without_dependency(
    tasks: Sequence[Task],
    parents: Sequence[Sequence[int]],
    topological: Sequence[int],
    named: Mapping[int, Mapping[int, str]],
) -> list[Problem]:
    """Tasks that are named by one that does not depend on them; those that could not: a cycle through an output."""
    if len(topological) < len(parents):
        return []  # a cycle of dependencies, which is a problem of its own
    above = _above(parents, topological)
    lacking = [
        (i, other, place)
        for i, others in named.items()
        for other, place in others.items()
        if i == other or not above[i] >> other & 1
    ]
    if not lacking:
        return []
    extra: dict[int, list[int]] = {}
    for i, other, _ in lacking:
        extra.setdefault(i, []).append(other)
    joined = [(*own, *extra.get(i, ())) for i, own in enumerate(parents)]
    problems, in_cycle = [], set()
    for cycle in find_cycles(joined).named:
        way = " → ".join(tasks[i].id for i in (*cycle, cycle[0]))
        pairs = set(zip(cycle, (*cycle[1:], cycle[0]), strict=True))
        in_cycle |= pairs
        place = next(place for i, other, place in lacking if (i, other) in pairs)
        what = f"a cycle through an output or a condition: {way}"
        problems.append(Problem(place, what, "remove it, or one of these dependencies", "CycleFound"))
    for i, other, place in lacking:
        if (i, other) not in in_cycle:
            what = f"{quoted(tasks[i].id)} does not depend on {quoted(tasks[other].id)}, so that may not have ended"
            hint = f"add {quoted(tasks[other].id)} to spec.tasks[{i}].dependencies"
            problems.append(Problem(place, what, hint))
    return problems[:_PROBLEMS_MAX]


def _above(parents: Sequence[Sequence[int]], topological: Sequence[int]) -> list[int]:
    """By task, all that it depends on, as bits."""
    above = [0] * len(parents)
    for i in topological:
        for parent in parents[i]:
            above[i] |= above[parent] | 1 << parent
    return above


def _test(when: When, index: Mapping[str, int]) -> Test:
    return Test(
        index[when.task] if when.task is not None else -1,
        when.end,
        when.output or "",
        when.parameter or "",
        when.operator is Operator.NOT_IN,
        frozenset(when.values),
    )
