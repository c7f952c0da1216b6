"""How far a task is in its steps, in words. Pure."""

from collections.abc import Iterator

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import Record
from parallelproject.core.planner.snapshot import standing_of
from parallelproject.core.steps.standing import Standing
from parallelproject.core.steps.step import OWN
from parallelproject.model.status import Reason, TaskState

_TIMES = {1: "once", 2: "twice"}


def rejection_words(graph: CompiledGraph, task: int, record: Record, after: str = "") -> str:
    """What follows from the last rejection of a task's work; empty if none is open.

    Args:
        graph: The compiled spec.
        task: The task.
        record: Its record.
        after: After what time it was rejected, in words with a blank before.
    """
    found = standing_of(graph, task, record)
    if found.rejection is None:
        return ""
    gate = found.rejection.step
    most = next(step.max_rounds for step in graph.steps_of(task) if step.name == gate)
    if found.refused:
        times = _TIMES.get(found.rejections, f"{found.rejections} times")
        return f"{gate} rejected it{after}, {times} in all, and its maxRounds is {most}"
    counted = f" (round {found.rejections} of {most})" if found.rejections else ""  # forgiven ones do not count
    return f"{gate} rejected it{after}{counted}; {_maker(found)} runs again"


def failed_by_gate(graph: CompiledGraph, task: int, record: Record) -> str:
    """Why a task has failed, where that is a rejection: one may be open while a later attempt has failed otherwise."""
    return rejection_words(graph, task, record) if record.reason == Reason.GATE_FAILED else ""


def step_lines(graph: CompiledGraph, task: int, record: Record) -> list[str]:
    """How far a task is that is between its first step and its landing, a sentence each."""
    if not record.steps or record.state is TaskState.SUCCEEDED:
        return []
    found = standing_of(graph, task, record)
    if found.rejection:
        return [rejection_words(graph, task, record)]
    if record.state is TaskState.RUNNING:
        step = f"step {record.step}" if record.step != OWN else "its own work"
        return [f"it is at {step}, in round {found.round}, and follows on the work of attempt {found.work}"]
    if found.next is None:
        return ["all its steps have passed: the work lands next"]
    if not found.work:
        return ["its work could not land, so it goes through all its steps again"]
    return [f"step {found.next} is next, on the work of attempt {found.work}; nothing has landed yet"]


def ends_shown(record: Record) -> Iterator[str]:
    """How the attempts at the steps of a task have ended, as in ``review: rejected (attempt 2)``."""
    for end in record.steps:
        yield f"{end.step or 'task'}: {end.verdict.value.lower()} (attempt {end.attempt})"
    if record.steps and record.state is TaskState.SUCCEEDED:
        yield f"{record.step or 'task'}: landed (attempt {record.attempts})"


def _maker(found: Standing) -> str:
    return f"step {found.next}" if found.next else "the task"
