"""Compiles a spec into the graph that the planner walks: integers instead of names, made once per spec.

It refuses a spec whose fields are valid but that is invalid as a whole: duplicate ids, dependencies on tasks that do
not exist, cycles, unknown roles.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from parallelproject.core.graph.approvals import approved_tasks
from parallelproject.core.graph.conditions import NO_CONDITIONS, Conditions, check_conditions, compile_conditions
from parallelproject.core.graph.cycles import find_cycles
from parallelproject.core.graph.file_overlap import Conflict, FileLocks, conflicts, lock_files, normalise
from parallelproject.core.graph.groups import tasks_by_group
from parallelproject.core.graph.steps import check_steps, steps_by_task
from parallelproject.core.steps.step import OWN, TaskStep
from parallelproject.model.names import parameter_variable
from parallelproject.model.problem import Problem, ProblemsError, quoted
from parallelproject.model.spec import AfterMaxRepairs, HookKind, OnCheckFailure, Scheduling, Spec, Task, VerifyAfter
from parallelproject.model.suggest import did_you_mean

BOTTLENECKS = 5
"""Number of bottlenecks that are reported."""


@dataclass(frozen=True, slots=True, eq=False)
class CompiledGraph:
    """A checked spec with its tasks as integers, in spec order.

    Tuples are by task if not stated otherwise.
    """

    tasks: tuple[Task, ...]
    ids: tuple[str, ...]
    index: dict[str, int]
    """Id to task."""
    parents: tuple[tuple[int, ...], ...]
    """The tasks that it waits for."""
    children: tuple[tuple[int, ...], ...]
    """The tasks that wait for it."""
    level: tuple[int, ...]
    """Length of its longest chain of dependencies."""
    levels: tuple[tuple[int, ...], ...]
    """By level: its tasks, in plan order."""
    seconds: tuple[int, ...]
    """Its expected time: its estimate, else the median estimate of the others, else 1."""
    rank: tuple[int, ...]
    """Upward rank (Topcuoglu et al., HEFT, 2002): the longest expected time from its start to an end."""
    order: tuple[int, ...]
    """All tasks, by priority, then upward rank, then spec order: the order in which ready tasks start."""
    place: tuple[int, ...]
    """Its place in ``order``."""
    wave: tuple[int, ...]
    """Its level after tasks that write the same files are put into different waves."""
    waves: tuple[tuple[int, ...], ...]
    """By wave: its tasks, in plan order."""
    locks: FileLocks
    conflicts: tuple[Conflict, ...]
    critical_path: tuple[int, ...]
    """The chain of tasks with the longest expected time, in order."""
    bottlenecks: tuple[int, ...]
    """The tasks with the most expected work waiting for them, directly or indirectly; the most first."""
    role: tuple[str | None, ...]
    queue: tuple[str | None, ...]
    """The queue that admits its Jobs; None: they start at once."""
    files: tuple[tuple[str, ...], ...]
    """Its files, as normalised patterns."""
    max_attempts: tuple[int, ...]
    forgiven: dict[int, int]
    """Failures that no longer count, for the few tasks that have any."""
    forgiven_conflicts: dict[int, int] = field(default_factory=dict)
    """The same for conflicts, which are counted apart from failures."""
    forgiven_deferrals: dict[int, int] = field(default_factory=dict)
    """The same for attempts that were deferred: nothing waits because of them any more."""
    rerun_after: dict[int, int] = field(default_factory=dict)
    """By task: attempts up to this number no longer count, for the tasks that run again from the start."""
    skipped: frozenset[int] = frozenset()
    """The tasks that are not run, by ``spec.skip``."""
    condemned: frozenset[int] = frozenset()
    """The tasks whose work breaks a check and is not repaired any more."""
    unapproved: frozenset[int] = frozenset()
    """The tasks that a person has to approve before they start, and nobody has."""
    answered: frozenset[tuple[int, int]] = frozenset()
    """Tasks and numbers of their attempts whose questions a person has answered."""
    steps: tuple[tuple[TaskStep, ...], ...] = ()
    """Its steps after its own work; empty if no task has any."""
    forgiven_rejections: dict[int, int] = field(default_factory=dict)
    """Rejections by gates that no longer count, for the few tasks that have any."""
    conditions: Conditions = NO_CONDITIONS
    """What decides on tasks beyond that their dependencies have succeeded."""
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By name, the tasks of each group, in spec order."""

    def steps_of(self, task: int) -> tuple[TaskStep, ...]:
        """The steps of a task after its own work."""
        return self.steps[task] if self.steps else ()

    def role_at(self, task: int, step: str) -> str | None:
        """The role that runs a step of a task; None: only its command does."""
        if step == OWN:
            return self.role[task]
        return next((known.role for known in self.steps_of(task) if known.name == step), None)

    def with_repairs(self, floors: Mapping[str, int], condemned: Iterable[str]) -> "CompiledGraph":
        """The graph in which tasks run again to repair what they have landed.

        Args:
            floors: By task id, the number of the last attempt that no longer counts.
            condemned: Ids of tasks that have failed, whatever they have landed.
        """
        failed = frozenset(i for task in condemned if (i := self.index.get(task)) is not None)
        return replace(self.with_reruns(floors), condemned=failed)

    def with_reruns(self, floors: Mapping[str, int]) -> "CompiledGraph":
        """The graph in which tasks run again.

        Args:
            floors: By task id, the number of the last attempt that no longer counts. The highest one counts of those
                that are given for different reasons.
        """
        reruns = dict(self.rerun_after)
        for task, floor in floors.items():
            if (i := self.index.get(task)) is not None:
                reruns[i] = max(floor, reruns.get(i, 0))
        return replace(self, rerun_after=reruns)


def compile_graph(spec: Spec) -> CompiledGraph:
    """Checks a spec as a whole and builds its graph.

    Takes 0.1 s for 5,000 tasks with 15,000 dependencies.

    Raises:
        ProblemsError: every problem, with reasons DuplicateTask, UnknownDependency, CycleFound, InvalidSpec.
    """
    tasks = tuple(spec.tasks)
    ids = tuple(task.id for task in tasks)
    index = {task_id: i for i, task_id in enumerate(ids)}
    problems = _duplicates(ids)
    parents = _resolve(tasks, index, problems)
    problems += (
        _check_roles(spec)
        + _check_limits(spec)
        + _check_budgets(spec)
        + _check_fallbacks(spec)
        + _check_parameters(tasks)
        + _check_git(spec)
        + _check_hooks(spec)
        + check_steps(spec)
    )
    files = _normalise_files(tasks, problems)
    children: list[list[int]] = [[] for _ in tasks]
    for i, above in enumerate(parents):
        for parent in above:
            children[parent].append(i)
    topological, level = _levels(parents, children)
    if len(topological) < len(tasks):
        problems += _cycles(ids, parents)
    check_conditions(tasks, index, parents, topological, problems)
    if problems:
        raise ProblemsError(problems)
    forgiven, forgiven_conflicts, forgiven_deferrals = forgiven_by(spec, index)
    seconds = _expected_seconds(tasks)
    rank = upward_rank(topological, children, seconds)
    order = sorted(range(len(tasks)), key=lambda i: (-tasks[i].priority, -rank[i], i))
    place = [0] * len(order)
    for at, i in enumerate(order):
        place[i] = at
    locks = lock_files(files)
    role = tuple(role_of(spec, task) for task in tasks)
    wave = _waves(tasks, parents, level, locks)
    return CompiledGraph(
        tasks=tasks,
        ids=ids,
        index=index,
        parents=parents,
        children=tuple(map(tuple, children)),
        level=tuple(level),
        levels=_grouped(level, order),
        seconds=seconds,
        rank=tuple(rank),
        order=tuple(order),
        place=tuple(place),
        wave=wave,
        waves=_grouped(wave, order),
        locks=locks,
        conflicts=conflicts(locks),
        critical_path=critical_path(parents, children, rank),
        bottlenecks=_bottlenecks(topological, children, seconds),
        role=role,
        queue=_queues(spec, role),
        files=tuple(map(tuple, files)),
        max_attempts=tuple(task.max_attempts or spec.defaults.max_attempts for task in tasks),
        forgiven=forgiven,
        forgiven_conflicts=forgiven_conflicts,
        forgiven_deferrals=forgiven_deferrals,
        rerun_after={index[r.id]: r.rerun_after for r in spec.retries if r.rerun_after and r.id in index},
        skipped=skipped_by(spec, index),
        unapproved=unapproved_by(spec, index),
        answered=answered_by(spec, index),
        steps=steps_by_task(spec) if spec.steps else (),
        forgiven_rejections=forgiven_rejections_by(spec, index),
        conditions=compile_conditions(tasks, index, parents, children, level),
        groups=tasks_by_group(tasks),
    )


def forgiven_by(spec: Spec, index: Mapping[str, int]) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
    """By task, how many of its failures, conflicts and deferrals no longer count; only tasks that have any."""
    known = [(index[retry.id], retry) for retry in spec.retries if retry.id in index]
    return (
        {task: retry.forgive for task, retry in known if retry.forgive},
        {task: retry.forgive_conflicts for task, retry in known if retry.forgive_conflicts},
        {task: retry.forgive_deferrals for task, retry in known if retry.forgive_deferrals},
    )


def forgiven_rejections_by(spec: Spec, index: Mapping[str, int]) -> dict[int, int]:
    """The same for rejections by gates."""
    return {
        index[retry.id]: retry.forgive_rejections
        for retry in spec.retries
        if retry.id in index and retry.forgive_rejections
    }


def skipped_by(spec: Spec, index: Mapping[str, int]) -> frozenset[int]:
    """The tasks that are not run; ids without a task count for nothing."""
    return frozenset(index[task_id] for task_id in spec.skip if task_id in index)


def unapproved_by(spec: Spec, index: Mapping[str, int]) -> frozenset[int]:
    """The tasks that wait for an approval."""
    if not any(task.approval for task in spec.tasks):
        return frozenset()
    given = approved_tasks(
        ((approval.id, approval.after) for approval in spec.approvals),
        ((retry.id, retry.rerun_after) for retry in spec.retries),
    )
    return frozenset(index[task.id] for task in spec.tasks if task.approval and task.id not in given)


def answered_by(spec: Spec, index: Mapping[str, int]) -> frozenset[tuple[int, int]]:
    """The tasks and numbers of attempts whose questions are answered; ids without a task count for nothing."""
    return frozenset((index[answer.id], answer.attempt) for answer in spec.answers if answer.id in index)


def role_of(spec: Spec, task: Task) -> str | None:
    """The role that runs a task: its own, else the default one, else the only one."""
    if task.role or spec.defaults.role:
        return task.role or spec.defaults.role
    return spec.roles[0].name if len(spec.roles) == 1 else None


def _queues(spec: Spec, roles: Sequence[str | None]) -> tuple[str | None, ...]:
    """The queue of each task: that of its role, else that of the spec."""
    queues = {role.name: role.queue_name or spec.queue_name for role in spec.roles}
    return tuple(queues.get(role, spec.queue_name) if role else spec.queue_name for role in roles)


def upward_rank(topological: Sequence[int], children: Sequence[Sequence[int]], seconds: Sequence[int]) -> list[int]:
    """By task, its time and the longest one of the chains that follow it.

    Args:
        topological: All tasks, each after those that it depends on.
        children: By task, the tasks that wait for it.
        seconds: By task, its expected time.
    """
    rank = list(seconds)
    for i in reversed(topological):
        rank[i] += max((rank[child] for child in children[i]), default=0)
    return rank


def critical_path(
    parents: Sequence[Sequence[int]], children: Sequence[Sequence[int]], rank: Sequence[float]
) -> tuple[int, ...]:
    """The longest chain, down from the greatest upward rank; ties go to spec order."""
    heads = [i for i, above in enumerate(parents) if not above]
    path: list[int] = []
    while heads:
        path.append(max(heads, key=lambda i: (rank[i], -i)))
        heads = list(children[path[-1]])
    return tuple(path)


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts ``5.2`` before ``5.10``."""
    parts = re.findall(r"\d+|\D+", text)
    return tuple((0, int(p), "") if p.isascii() and p.isdigit() else (1, 0, p) for p in parts)


def _duplicates(ids: Sequence[str]) -> list[Problem]:
    again = [task_id for task_id, count in Counter(ids).items() if count > 1]
    return [
        Problem(
            f"spec.tasks[{[i for i, other in enumerate(ids) if other == task_id][1]}].id",
            f"{quoted(task_id)} is already the id of spec.tasks[{ids.index(task_id)}]",
            "give each task its own id",
            "DuplicateTask",
        )
        for task_id in again[:100]
    ]


def _resolve(tasks: Sequence[Task], index: dict[str, int], problems: list[Problem]) -> tuple[tuple[int, ...], ...]:
    """Dependencies as integers, each once; adds a problem for each that is not a task."""
    resolved = []
    ids = list(index)
    same: dict[str, list[int]] = {}  # all tasks with a duplicate id, so that it hides no cycle
    if len(ids) < len(tasks):
        for i, task in enumerate(tasks):
            same.setdefault(task.id, []).append(i)
    for i, task in enumerate(tasks):
        above: dict[int, None] = {}
        for j, dependency in enumerate(task.dependencies):
            place = f"spec.tasks[{i}].dependencies[{j}]"
            parent = index.get(dependency)
            if parent is not None:
                above.update(dict.fromkeys(same.get(dependency, (parent,))))
            elif len(problems) < 100:
                hint = did_you_mean(dependency, ids) or "remove it, or add the task"
                problems.append(Problem(place, f"{quoted(dependency)} is not a task", hint, "UnknownDependency"))
        resolved.append(tuple(above))
    return tuple(resolved)


def _check_roles(spec: Spec) -> list[Problem]:
    names = [role.name for role in spec.roles]
    problems = [
        Problem(f"spec.roles[{i}].name", f"{quoted(name)} is used twice", "give each role its own name")
        for i, name in enumerate(names)
        if name in names[:i]
    ]
    if not names:
        return problems  # a local run with --command: roles are only names
    used = [(f"spec.tasks[{i}].role", task.role) for i, task in enumerate(spec.tasks) if task.role]
    if spec.defaults.role:
        used.append(("spec.defaults.role", spec.defaults.role))
    checks = spec.verification.checks if spec.verification else []
    used += [(f"spec.verification.checks[{i}].role", check.role) for i, check in enumerate(checks) if check.role]
    for place, name in used:
        if name not in names and len(problems) < 100:
            hint = did_you_mean(name, names) or f"one of: {', '.join(names)}"
            problems.append(Problem(place, f"{quoted(name)} is not a role", hint))
    if len(names) > 1 and not spec.defaults.role:
        for i, task in enumerate(spec.tasks):
            if not task.role and len(problems) < 100:
                hint = "name one, or set spec.defaults.role"
                problems.append(Problem(f"spec.tasks[{i}].role", "is missing, and the spec has several roles", hint))
    return problems


def _check_limits(spec: Spec) -> list[Problem]:
    names = [limit.name for limit in spec.limits]
    problems = []
    for i, limit in enumerate(spec.limits):
        place = f"spec.limits[{i}]"
        if limit.name in names[:i]:
            problems.append(Problem(f"{place}.name", f"{quoted(limit.name)} is used twice", "give each its own name"))
        most, least = limit.max_concurrent, limit.adaptive.min if limit.adaptive else 1
        if most is not None and least > most:
            found = f"{least} is more than maxConcurrent, which is {most}"
            problems.append(Problem(f"{place}.adaptive.min", found, "lower it, or raise maxConcurrent"))
    for i, role in enumerate(spec.roles):
        if role.limit is not None and role.limit not in names:
            hint = did_you_mean(role.limit, names) or "add it to spec.limits, or remove it"
            problems.append(Problem(f"spec.roles[{i}].limit", f"{quoted(role.limit)} is not a limit", hint))
    return problems


def _check_budgets(spec: Spec) -> list[Problem]:
    units = [budget.unit for budget in spec.budgets]
    roles = [role.name for role in spec.roles]
    problems = []
    for i, budget in enumerate(spec.budgets):
        place = f"spec.budgets[{i}]"
        if budget.unit in units[:i]:
            problems.append(Problem(f"{place}.unit", f"{quoted(budget.unit)} is used twice", "leave one of them"))
        for name in budget.per_role:
            if name not in roles:
                hint = did_you_mean(name, roles) or "name one of spec.roles, or remove it"
                problems.append(Problem(f"{place}.perRole", f"{quoted(name)} is not a role", hint))
    return problems


def _check_fallbacks(spec: Spec) -> list[Problem]:
    problems = []
    with_agent = [role.name for role in spec.roles if role.agent]
    for i, role in enumerate(spec.roles):
        for j, name in enumerate(role.fallbacks):
            place = f"spec.roles[{i}].fallbacks[{j}]"
            if name == role.name or name in role.fallbacks[:j]:
                problems.append(Problem(place, f"{quoted(name)} is the role itself or named twice", "remove it"))
            elif name not in with_agent:
                others = [other for other in with_agent if other != role.name]
                hint = did_you_mean(name, others) or "name a role that has an agent"
                problems.append(Problem(place, f"{quoted(name)} is not a role with an agent", hint))
        if role.fallbacks and not role.agent:
            problems.append(Problem(f"spec.roles[{i}].fallbacks", "is only for a role with an agent", "remove it"))
    return problems


def _check_git(spec: Spec) -> list[Problem]:
    problems = _check_verification(spec)
    if spec.git is None:
        return problems
    for i, retry in enumerate(spec.retries):
        if retry.rerun_after:
            found = f"{retry.rerun_after}: with spec.git, work that has landed is never repeated"
            hint = "remove it; to run all again, submit it under another name with another spec.git.branch"
            return [*problems, Problem(f"spec.retries[{i}].rerunAfter", found, hint)]
    if not spec.git.is_by_level:
        return problems
    place = "spec.git.pullRequest.scope"
    if spec.git.is_by_task:
        found = "Level: with strategy BranchPerTask each task has its own pull request"
        return [*problems, Problem(place, found, "remove one of the two")]
    if spec.scheduling is not Scheduling.LEVELS:
        found = f"Level: with scheduling {spec.scheduling} levels do not end in order"
        return [*problems, Problem(place, found, "set spec.scheduling: Levels, or scope: Project")]
    return problems


def _check_verification(spec: Spec) -> list[Problem]:
    if spec.verification is None:
        return []
    checks, place = spec.verification.checks, "spec.verification"
    names = [check.name for check in checks]
    problems = [
        Problem(f"{place}.checks[{i}].name", f"{name} is the name of another check", "give each its own name")
        for i, name in enumerate(names)
        if name in names[:i]
    ]
    if spec.verification.every is not None and spec.verification.after is not VerifyAfter.LANDINGS:
        hint = "set after: Landings, or remove it"
        problems.append(Problem(f"{place}.every", f"{spec.verification.every}: needs after: Landings", hint))
    after = spec.verification.after_max_repairs
    if after is not AfterMaxRepairs.FAIL and spec.verification.on_failure is not OnCheckFailure.REPAIR:
        found = f"{after}: with onFailure {spec.verification.on_failure} no task repairs its work"
        problems.append(Problem(f"{place}.afterMaxRepairs", found, "set onFailure: Repair, or remove it"))
    if spec.git is not None and spec.git.is_by_task:
        found = "verifies one shared branch, and with strategy BranchPerTask each task has its own"
        problems.append(Problem(place, found, "remove one of the two"))
    return problems


def _check_hooks(spec: Spec) -> list[Problem]:
    roles = [role.name for role in spec.roles]
    problems = []
    for kind in HookKind if spec.hooks and roles else ():
        hook = spec.hooks.of(kind) if spec.hooks else None
        if hook and hook.role and hook.role not in roles:
            hint = did_you_mean(hook.role, roles) or f"one of: {', '.join(roles)}"
            problems.append(Problem(f"spec.hooks.{kind}.role", f"{quoted(hook.role)} is not a role", hint))
    return problems


def _check_parameters(tasks: Sequence[Task]) -> list[Problem]:
    problems: list[Problem] = []
    for i, task in enumerate(tasks):
        seen: dict[str, str] = {}
        for j, parameter in enumerate(task.parameters):
            variable = parameter_variable(parameter.name)
            if variable in seen and len(problems) < 100:
                found = f"{quoted(parameter.name)} and {quoted(seen[variable])} are both {variable}"
                problems.append(Problem(f"spec.tasks[{i}].parameters[{j}].name", found, "rename one"))
            seen[variable] = parameter.name
    return problems


def _normalise_files(tasks: Sequence[Task], problems: list[Problem]) -> list[list[str]]:
    files: list[list[str]] = []
    for i, task in enumerate(tasks):
        files.append([])
        for j, pattern in enumerate(task.files):
            try:
                files[i].append(normalise(pattern, f"spec.tasks[{i}].files[{j}]"))
            except ProblemsError as error:
                problems += error.problems if len(problems) < 100 else []
    return files


def _cycles(ids: Sequence[str], parents: Sequence[Sequence[int]]) -> list[Problem]:
    found = find_cycles(parents)
    problems = []
    for cycle in found.named:
        names = [ids[i] for i in cycle]
        shown = names if len(names) <= 10 else [*names[:6], f"… {len(names) - 9} more …", *names[-3:]]
        way = " → ".join([*shown, names[0]])
        what = f"cycle of {len(names)}: {way}" if len(names) > 1 else f"{quoted(names[0])} depends on itself"
        hint = "remove one of these dependencies" if len(names) > 1 else "remove that dependency"
        problems.append(Problem(f"spec.tasks[{cycle[0]}].dependencies", what, hint, "CycleFound"))
    if not found.complete:
        more = f"the graph may have more cycles than these {len(found.named)}"
        problems.append(Problem("spec.tasks", more, "", "CycleFound"))
    return problems


def _levels(parents: Sequence[Sequence[int]], children: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """A topological order (Kahn, 1962) and each task's level."""
    waiting = [len(above) for above in parents]
    level = [0] * len(parents)
    topological = [i for i, count in enumerate(waiting) if not count]
    for i in topological:
        for child in children[i]:
            waiting[child] -= 1
            level[child] = max(level[child], level[i] + 1)
            if not waiting[child]:
                topological.append(child)
    return topological, level


def _expected_seconds(tasks: Sequence[Task]) -> tuple[int, ...]:
    known = [task.estimate_seconds for task in tasks if task.estimate_seconds]
    typical = round(median(known)) if known else 1
    return tuple(task.estimate_seconds or typical for task in tasks)


def _grouped(number: Sequence[int], order: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    groups: list[list[int]] = [[] for _ in range(max(number, default=-1) + 1)]
    for i in order:
        groups[number[i]].append(i)
    return tuple(map(tuple, groups))


def _waves(
    tasks: Sequence[Task], parents: Sequence[Sequence[int]], level: Sequence[int], locks: FileLocks
) -> tuple[int, ...]:
    """Levels with the writers of one path in different waves; tasks only move to later waves, so no cycle can
    result."""
    wave = [0] * len(tasks)
    taken = [0] * len(locks.patterns)  # by pattern: the waves that write it, as bits

    def turn(i: int) -> tuple[object, ...]:
        return level[i], -tasks[i].priority, natural_key(tasks[i].id), tasks[i].id  # "1" and "01" differ

    by_level = sorted(range(len(tasks)), key=turn)
    for i in by_level:
        first = 1 + max((wave[parent] for parent in parents[i]), default=-1)
        busy = 0
        for pattern in locks.of_task[i]:
            busy |= taken[pattern]
        free = ~(busy >> first)
        wave[i] = first + (free & -free).bit_length() - 1
        for pattern in locks.touched[i]:
            taken[pattern] |= 1 << wave[i]
    return tuple(wave)


def _bottlenecks(
    topological: Sequence[int], children: Sequence[Sequence[int]], seconds: Sequence[int]
) -> tuple[int, ...]:
    """The tasks with the most expected work that depends on them, counted exactly with bit sets."""
    below = [0] * len(seconds)
    for i in reversed(topological):
        for child in children[i]:
            below[i] |= below[child] | (1 << child)
    # Work is a weighted count of bits, with one set of tasks for each binary digit of the seconds.
    digits = [
        sum(1 << i for i, length in enumerate(seconds) if length >> digit & 1)
        for digit in range(max(seconds, default=0).bit_length())
    ]
    work = [sum((mask & digit).bit_count() << d for d, digit in enumerate(digits)) for mask in below]
    most = sorted((i for i in range(len(seconds)) if work[i]), key=lambda i: (-work[i], i))
    return tuple(most[:BOTTLENECKS])
