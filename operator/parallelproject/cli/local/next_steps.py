"""Why a task of a local run is in its state, in the words of such a run, and what to type next."""

import shlex
from dataclasses import replace
from typing import Any

from parallelproject.core.report.interrupted import INTERRUPTED
from parallelproject.core.report.why.answer import DEADLINE, Why
from parallelproject.local.read import command_of

Json = dict[str, Any]

_LINES = 20
"""Lines of a log that are shown of what has ended."""


def explained(found: Why) -> Why:
    """An answer where a run plans instead of the operator."""
    if found.reason == INTERRUPTED:
        return replace(found, answer="nothing runs: the run was interrupted", hint="retry")
    texts = (found.answer, *found.more)
    answer, *more = (text.replace("the operator", "the run").replace(DEADLINE, "--task-timeout") for text in texts)
    return replace(found, answer=answer, more=tuple(more))


def next_commands(found: Why, project: Json, directory: str) -> list[str]:
    """What to type next.

    Args:
        found: The answer.
        project: The run.
        directory: Its state directory, as one would type it here.
    """
    commands = []
    rows = (project.get("status") or {}).get("tasks") or ()
    number = next((row.get("attempts", 0) for row in rows if row.get("id") == found.task), 0)
    if number and found.look:
        follow = "-f" if found.look == "follow" else f"-n {_LINES}"
        commands.append(f"tail {follow} {shlex.quote(f'{directory}/logs/{found.task}.{number}.log')}")
    again = command_of(project)
    if again and found.hint == "retry":
        commands.append(again)
    if again and found.hint == "graph":
        commands.append(f"{again} --scheduling Graph")
    return commands
