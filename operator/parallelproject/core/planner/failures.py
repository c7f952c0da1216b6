"""Which tasks have failed for good, which are skipped because of them, and which leave nothing to do."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.graph.walk import reachable
from parallelproject.core.planner.attempt import NEW, Attempt, Phase, Record, asks_for_later
from parallelproject.core.planner.snapshot import standing_of
from parallelproject.core.steps.step import OWN
from parallelproject.model.names import EX_TEMPFAIL
from parallelproject.model.spec import FailurePolicy, MergeConflict, Spec
from parallelproject.model.status import Reason, TaskState

FINAL_REASONS = frozenset(
    {
        Reason.INVALID_POD_TEMPLATE,
        Reason.NAME_CONFLICT,
        Reason.BRANCH_REWRITTEN,
        Reason.POLICY,
        Reason.AUTH_OR_PROTECTED,
        Reason.AGENT_AUTH,
        Reason.AGENT_DENIED,
        Reason.NEEDS_INPUT,
        Reason.SETUP_FAILED,
    }
)
"""Failures that another attempt cannot fix."""
ROLE_REASONS = frozenset({Reason.AGENT_AUTH, Reason.AGENT_DENIED})
"""Those that every other task of the role would meet as well."""
PROJECT_REASONS = frozenset({Reason.SETUP_FAILED})
"""Those that every other task would meet as well."""


def is_final(graph: CompiledGraph, spec: Spec, task: int, record: Record) -> bool:
    """Whether a task that has failed, met conflicts or was rejected gets no further attempt."""
    reruns = spec.conflicts.max_reruns if spec.conflicts.on_merge_conflict is MergeConflict.RERUN else 0
    if record.conflicts - graph.forgiven_conflicts.get(task, 0) > reruns:
        return True
    if record.steps and standing_of(graph, task, record).refused:
        return True
    failures = record.failures_that_count(graph.forgiven.get(task, 0))
    if record.inquiry.attempt:  # a question that is open is no failure
        return failures >= graph.max_attempts[task]
    return failures >= graph.max_attempts[task] or (
        failures > 0 and record.reason in FINAL_REASONS and not record.is_deferred
    )


def reported_once(
    graph: CompiledGraph, spec: Spec, records: Mapping[str, Record], observed: Mapping[str, Sequence[Attempt]]
) -> Mapping[str, Sequence[Attempt]]:
    """The observed attempts, where one alone reports a failure that every other task meets as well.

    All others that have met it ask to be run later: they cost nothing.

    Args:
        graph: The compiled spec.
        spec: The spec.
        records: What is recorded, by task id.
        observed: By task id, every observed attempt.
    """

    def ended_so(task: str, attempt: Attempt) -> bool:
        known = records.get(task, NEW)
        is_new = attempt.number > known.attempts or (
            attempt.number == known.attempts and known.state is TaskState.RUNNING
        )
        return is_new and attempt.phase is Phase.FAILED and reports_for_all(attempt.reason, attempt.exit_code)

    met = [
        (each.ended or 0.0, task, each)
        for task, attempts in observed.items()
        for each in attempts
        if each.reason in PROJECT_REASONS and ended_so(task, each)
    ]
    if not met:
        return observed
    has_reporter = any(
        record.state is not TaskState.RUNNING
        and reports_for_all(record.reason, record.exit_code)
        and task in graph.index
        and is_final(graph, spec, graph.index[task], record)
        for task, record in records.items()
    )
    found = dict(observed)
    met.sort(key=lambda each: each[:2])
    for _, task, each in met[0 if has_reporter else 1 :]:
        found[task] = [one._replace(exit_code=EX_TEMPFAIL) if one is each else one for one in found[task]]
    return found


def reports_for_all(reason: str | None, exit_code: int | None) -> bool:
    """Whether an attempt that failed so reports what every other task would meet as well."""
    return reason in PROJECT_REASONS and not asks_for_later(reason, exit_code)


def is_done(graph: CompiledGraph, task: int, state: TaskState, unmet: Collection[int] = ()) -> bool:
    """Whether nothing of a task is missing: it has succeeded, or it is skipped by request or by a condition.

    Args:
        graph: The compiled spec.
        task: The task.
        state: Its state.
        unmet: ``Plan.unmet``.
    """
    return state is TaskState.SUCCEEDED or (state is TaskState.SKIPPED and (task in graph.skipped or task in unmet))


def all_done(graph: CompiledGraph, states: Sequence[TaskState], unmet: Collection[int] = ()) -> bool:
    """Whether that holds for all tasks: then the whole has succeeded."""
    return all(is_done(graph, i, state, unmet) for i, state in enumerate(states))


def first_level_stopped(graph: CompiledGraph, policy: FailurePolicy, failed: Sequence[int]) -> int | None:
    """The first level whose tasks a policy keeps from starting after failures; None: it does with none."""
    if not failed or policy is FailurePolicy.CONTINUE:
        return None
    return 0 if policy is FailurePolicy.FAIL_FAST else 1 + min(graph.level[i] for i in failed)


def needed_roles(graph: CompiledGraph, task: int, record: Record) -> set[str | None]:
    """The roles without which a task that does not run cannot continue: those of its own work and of all its steps, or
    between two steps that of the next one. None is the own work of a task without a role.

    Args:
        graph: The compiled spec.
        task: The task.
        record: What is recorded of it.
    """
    steps = graph.steps_of(task)
    following = standing_of(graph, task, record).next if record.steps else OWN
    if following == OWN:
        return {graph.role[task], *(step.role for step in steps if step.role is not None)}
    return {step.role for step in steps if step.name == following and step.role is not None}


def barred_by(
    graph: CompiledGraph, roles: Collection[str | None], records: Mapping[str, Record], states: Sequence[TaskState]
) -> frozenset[int]:
    """The pending tasks that would fail at some step since all tasks of these roles would.

    Args:
        graph: The compiled spec.
        roles: Those roles.
        records: What is recorded, by task id.
        states: By task.
    """
    if not roles:
        return frozenset()
    pending = (i for i, state in enumerate(states) if state is TaskState.PENDING)
    if not graph.steps:
        return frozenset(i for i in pending if graph.role[i] in roles)
    return frozenset(i for i in pending if not needed_roles(graph, i, records.get(graph.ids[i], NEW)).isdisjoint(roles))


def skipped_after(
    graph: CompiledGraph,
    policy: FailurePolicy,
    failed: Sequence[int],
    states: Sequence[TaskState],
    barred: Collection[int] = (),
    midway: Collection[int] = (),
) -> dict[int, str]:
    """The pending tasks that are skipped because others have failed, and why.

    Args:
        graph: The compiled spec.
        policy: What a failure means for tasks that do not depend on it.
        failed: The tasks that have failed for good.
        states: By task.
        barred: The pending tasks that would fail as others of their roles have.
        midway: Those between two of their steps: they end as running ones do, unless they depend on a skipped task.
            With FailFast they do not.
    """
    if not failed:
        return {}

    def is_pending(i: int) -> bool:
        return states[i] is TaskState.PENDING

    def passes_on(i: int) -> bool:  # what depends on a skipped task waits for what that depends on
        return is_pending(i) or states[i] is TaskState.SKIPPED

    def below(tasks: Sequence[int]) -> Iterator[int]:
        return filter(is_pending, reachable(tasks, graph.children, passes_on))

    skipped: dict[int, str] = dict.fromkeys(below(failed), Reason.DEPENDENCY_FAILED)
    if barred:
        first_of = [i for i in sorted(barred) if is_pending(i)]
        skipped = (
            dict.fromkeys(below(first_of), Reason.DEPENDENCY_FAILED) | dict.fromkeys(first_of, Reason.STOPPED) | skipped
        )
    first = first_level_stopped(graph, policy, failed)
    if first is not None:
        spared = midway if policy is not FailurePolicy.FAIL_FAST else ()
        stopped = [i for i, at in enumerate(graph.level) if at >= first and is_pending(i) and i not in spared]
        # One between two steps that depends on one of these, since that is repaired, would wait for ever.
        for i in (*stopped, *(below(stopped) if spared else ())):
            skipped.setdefault(i, Reason.STOPPED)
    return skipped
