"""Why a task of a local run is in its state, in the words of such a run, and what to type next."""

import shlex
from dataclasses import replace
from typing import Any

from parallelproject.cli.output.program import typed
from parallelproject.core.report.interrupted import INTERRUPTED
from parallelproject.core.report.why.answer import DEADLINE, Why
from parallelproject.local.read import command_of
from parallelproject.model.status import Reason

Json = dict[str, Any]


def explained(found: Why) -> Why:
    """An answer where a run plans instead of the operator."""
    if found.reason == INTERRUPTED:
        return replace(found, answer="nothing runs: the run was interrupted", hint="retry")
    texts = (found.answer, *found.more)
    answer, *more = (text.replace("the operator", "the run").replace(DEADLINE, "--task-timeout") for text in texts)
    return replace(found, answer=answer, more=tuple(more))


def next_commands(found: Why, project: Json, options: str, is_active: bool) -> list[str]:
    """What to type next.

    Args:
        found: The answer.
        project: The run.
        options: The options that mean its state directory; they start with a blank.
        is_active: Whether anything of it is running: then it is asked, else it is started again.
    """
    commands = []
    name = project["metadata"]["name"]
    rows = (project.get("status") or {}).get("tasks") or ()
    number = next((row.get("attempts", 0) for row in rows if row.get("id") == found.task), 0)
    if number and found.look:
        follow = " -f" if found.look == "follow" else ""
        commands.append(f"{typed()} logs{options} {name} {shlex.quote(found.task)}{follow}")
    again = command_of(project)
    if found.hint == "retry" and (is_active or found.reason == Reason.SKIP_REQUESTED):
        commands.append(
            f"{typed()} retry{options} {name}{''.join(f' {shlex.quote(task)}' for task in found.tasks[:3])}"
        )
    if found.hint == "retry" and again and not is_active:
        commands.append(again)
    if found.hint == "approve":
        commands.append(f"{typed()} approve{options} {name} {shlex.quote(found.task)}")
    if found.hint == "answer":
        commands.append(f"{typed()} get{options} {name} {shlex.quote(found.task)}  # shows the whole question")
        commands.append(f"{typed()} answer{options} {name} {shlex.quote(found.task)} 'YOUR ANSWER'")
    if found.hint == "resume":
        commands.append(f"{typed()} resume{options} {name}")
    if found.hint == "graph" and again and not is_active:
        commands.append(f"{again} --scheduling Graph")
    return commands
