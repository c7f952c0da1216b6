"""The command line of an agent: what a preset, a model and a user's arguments come to. Pure.

It is a command of ``/bin/sh``, so that the prompt comes from its file, whatever runs it: a supervisor, a container.
"""

import fnmatch
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

from parallelproject.agents.catalog import PRESETS
from parallelproject.agents.preset import Preset, PromptBy
from parallelproject.model.problem import Problem

if TYPE_CHECKING:
    from parallelproject.model.spec import Agent

_SESSION = "$(PPROJ_SESSION)"
_PROMPT = '"$PPROJ_PROMPT_FILE"'


def command_of(agent: "Agent", inherited: Iterable[str] = (), *, resumes: bool = False) -> tuple[str, ...]:
    """The command, in which ``$(VAR)`` stands for a variable of the attempt.

    Args:
        agent: The agent, for which ``cost_problem`` finds none.
        inherited: Names of the variables that it would inherit: those of an agent that has started us are unset.
        resumes: Whether it continues the session of ``PPROJ_SESSION``.
    """
    preset = PRESETS[agent.type]
    words = [preset.program, *preset.arguments]
    words += [*preset.model_arguments, agent.model] if agent.model else []
    words += [*preset.cost_arguments, agent.max_cost.usd] if agent.max_cost else []
    words += [*agent.args, *((*preset.resume_arguments, _SESSION) if resumes else ()), *preset.prompt_arguments]
    unset = to_unset(inherited)
    lines = [f"unset {' '.join(unset)}"] if unset else []
    lines += [f'export {name}="${{{name}-{value}}}"' for name, value in preset.environment.items()]
    # Only the shell knows the user: an image may name one.
    lines += [f'[ "$(id -u)" != 0 ] || export {name}={value}' for name, value in preset.environment_as_root.items()]
    match preset.prompt:
        case PromptBy.STDIN:
            lines.append(f'exec "$@" < {_PROMPT}')
        case PromptBy.ARGUMENT:
            lines.append(f'exec "$@" "$(cat {_PROMPT})"')
        case PromptBy.FILE:
            lines.append('exec "$@" < /dev/null')
    return ("/bin/sh", "-c", "\n".join(lines), preset.program, *words)


def cost_problem(agent: "Agent", place: str) -> Problem | None:
    """What is wrong with the limit of cost of an agent.

    Args:
        agent: The agent.
        place: Where it is in the spec.
    """
    preset = PRESETS[agent.type]
    if agent.max_cost is None or preset.cost_arguments:
        return None
    hint = "remove it, or use an agent that has one: ClaudeCode"
    return Problem(f"{place}.maxCost", f"{preset.title} has no limit of cost of its own", hint)


def to_unset(inherited: Iterable[str]) -> list[str]:
    """The variables among these that come from an agent that has started us."""

    def matches(name: str, patterns: Iterable[str]) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

    return sorted(
        name
        for name in inherited
        if matches(name, Preset.CLEANED_ALWAYS)
        and not matches(name, Preset.KEPT_ALWAYS)
        and shlex.quote(name) == name
        and name.isidentifier()
    )
