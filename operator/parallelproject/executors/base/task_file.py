"""The inputs of a task: its task file and its environment. Pure, and the same in a pod and on a laptop."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import NEW, Record
from parallelproject.core.planner.inputs import parameters_of
from parallelproject.model import names
from parallelproject.model.spec import Role, Spec
from parallelproject.model.status import TaskState


def task_document(
    project: str,
    graph: CompiledGraph,
    task: int,
    attempt: int,
    records: Mapping[str, Record],
    outputs: Mapping[str, Mapping[str, str]] | None = None,
    role: Role | None = None,
    fallback: str | None = None,
) -> dict[str, Any]:
    """The content of ``PPROJ_TASK_FILE``.

    Args:
        project: Name of the project.
        graph: The compiled spec.
        task: The task, as its number in the graph.
        attempt: Number of the attempt, from 1.
        records: By task id; at least those of its dependencies, and of the tasks whose outputs it takes.
        outputs: By task id and name, the outputs of its dependencies, if they are accessible: paths of files on one
            machine, values of Workflows.
        role: The role with its instructions and skills: see ``described_by``.
        fallback: The role that runs it in place of the role of the task.
    """
    described = graph.tasks[task]
    dependencies = []
    for parent in graph.parents[task]:
        record = records.get(graph.ids[parent], NEW)
        dependencies.append(
            {
                "id": graph.ids[parent],
                "state": _state(graph, task, parent, record),
                "attempts": record.attempts,
                "outputs": dict((outputs or {}).get(graph.ids[parent], {})),
                **({"commit": record.commit} if record.commit else {}),
            }
        )
    return {
        "project": project,
        "task": described.model_dump(by_alias=True, exclude_defaults=True, mode="json"),
        "attempt": attempt,
        "level": graph.level[task],
        "role": fallback or graph.role[task],
        "parameters": {name: value or "" for name, value in parameters_of(graph, task, records).items()},
        "dependencies": dependencies,
        **({"instructions": role.instructions} if role and role.instructions else {}),
        **({"skills": role.skills} if role and role.skills else {}),
    }


def _state(graph: CompiledGraph, task: int, parent: int, record: Record) -> str:
    """How a dependency has ended. No record says that one is skipped or has failed for good: but where a condition of
    the task expects that, it holds, and all others are passed."""
    if record.state is TaskState.SUCCEEDED:
        return record.state.value
    expected = graph.conditions.expected.get(task, {})
    if parent in expected:
        return expected[parent].value
    is_passed = parent in graph.skipped or parent in graph.conditions.tests
    return TaskState.SKIPPED.value if is_passed else record.state.value


def described_by(spec: Spec, role: str | None, fallback: str | None) -> Role | None:
    """The role whose instructions and skills an attempt gets. A fallback without any does the work of the task's role.

    Args:
        spec: The spec.
        role: The role of the task.
        fallback: The role that runs it in place of that.
    """
    acting = spec.role(fallback) if fallback else None
    return acting if acting and (acting.instructions or acting.skills) else spec.role(role)


def environment(
    project: str,
    graph: CompiledGraph,
    task: int,
    attempt: int,
    records: Mapping[str, Record],
    fallback: str | None = None,
) -> dict[str, str]:
    """The variables of an attempt, without those for paths; ``records`` and ``fallback`` as of ``task_document``."""
    values = parameters_of(graph, task, records)
    parameters = {names.parameter_variable(name): value or "" for name, value in values.items()}
    return parameters | {
        names.ENV_PROJECT: project,
        names.ENV_TASK_ID: graph.ids[task],
        names.ENV_ATTEMPT: str(attempt),
        names.ENV_LEVEL: str(graph.level[task]),
        names.ENV_ROLE: fallback or graph.role[task] or "",
        names.ENV_STEP: "",
        names.ENV_ROUND: "1",
    }


def check_feedback(number: int, found: str, printed: str, kept: str) -> str:
    """What the attempt after a check that failed gets.

    Args:
        number: Of the attempt whose work the check was of.
        found: How the check failed, with its command.
        printed: The end of what the check printed.
        kept: A line that says where the work is kept; may be empty.
    """
    lines = [f"The command of attempt {number} succeeded, but its work did not land: {found}"]
    lines += ["The check printed:", "", printed.rstrip("\n")] if printed.strip() else ["The check printed nothing."]
    return "\n".join([*lines, "", kept] if kept else lines) + "\n"


def gate_feedback(number: int, found: str, printed: str, *, by_itself: bool) -> str:
    """The feedback after a gate has rejected the work: for the step that changes the work, or for the gate itself.

    Args:
        number: Of the attempt of the gate.
        found: How it rejected the work.
        printed: Its report: what it wrote or printed.
        by_itself: Whether it is for the gate, which judges again.
    """
    if by_itself:
        lines = [f"You have judged this work before, in attempt {number}: {found}. It has been changed since."]
    else:
        lines = [f"The work did not land: {found} (attempt {number}). Change it so that it is accepted."]
    lines += ["Its report:", "", printed.rstrip("\n")] if printed.strip() else ["It gave no report."]
    return "\n".join(lines) + "\n"


def verification_feedback(
    check: str, command: Sequence[str], commit: str, other: str, printed: str, show: str, taken_out: str = ""
) -> str:
    """What a task gets whose landed work breaks a check of the verification.

    Args:
        check: Name of the check.
        command: Its command and arguments.
        commit: The commit that it failed on.
        other: What breaks it only together with this task's work: a task, or commits of others; may be empty.
        printed: The end of what the check printed.
        show: A command that shows the task's work; may be empty.
        taken_out: The commit that took the work off the branch; empty: it is still there.
    """
    others = other if other.startswith("commit") else f"the work of {other}"
    cause = f"together with {others}" if other else "alone"
    todo = "Your workspace has all that has landed. Repair it there: what you change lands as one more commit."
    if taken_out:
        todo = f"Commit {taken_out[:12]} took this work off the branch. Do the task again, without that fault."
    lines = [
        f"The work of this task has landed, and it breaks the check {check}, {cause}: with it the check fails, without "
        "it the check passes.",
        todo,
        f"Command: {shlex.join(command)}",
        f"It failed on {commit[:12]}.",
    ]
    if show:
        lines.append(f"The work: {show}")
    lines += ["The check printed:", "", printed.rstrip("\n")] if printed.strip() else ["The check printed nothing."]
    return "\n".join(lines) + "\n"


def review_feedback(findings: Sequence[str], show: str) -> str:
    """What a task gets when its pull request has feedback on what it has landed.

    Args:
        findings: What was found, one text each.
        show: A command that shows the task's work; may be empty.
    """
    lines = [
        "The work of this task has landed and is in a pull request. There is feedback on it.",
        "Your workspace has all that has landed. Act on the feedback there: what you change lands as one more commit.",
    ]
    if show:
        lines.append(f"The work: {show}")
    for at, text in enumerate(findings, 1):
        lines += ["", f"## {at} of {len(findings)}", "", text]
    return "\n".join(lines) + "\n"


def end_of(text: str, most: int) -> str:
    """The last whole lines of a text, of at most so many bytes."""
    found = text.encode(errors="replace")
    if len(found) <= most:
        return text
    kept = found[-most:]
    return kept[kept.find(b"\n") + 1 :].decode(errors="replace")


def conflict_feedback(number: int, paths: Sequence[str], kept: str) -> str:
    """The feedback for the attempt after a conflict.

    Args:
        number: Of the attempt whose work was in conflict.
        paths: The paths that both it and the landed work changed.
        kept: A line that says where its work is kept; may be empty.
    """
    lines = [
        f"Attempt {number} worked on an older state of the branch, and its work conflicts with work that landed "
        "since. Do the task again on the current files. Both changed:",
        *paths,
    ]
    return "\n".join([*lines, "", kept] if kept else lines) + "\n"
