"""The command line of an agent: what a preset, a model and a user's arguments come to. Pure.

It is a command of ``/bin/sh``, so that the prompt comes from its file, whatever runs it: a supervisor, a container.
"""

import fnmatch
import shlex
from collections.abc import Iterable, Sequence

from parallelproject.agents.preset import Preset, PromptBy

_SESSION = "$(PPROJ_SESSION)"
_PROMPT = '"$PPROJ_PROMPT_FILE"'


def command_of(
    preset: Preset,
    model: str | None = None,
    arguments: Sequence[str] = (),
    max_usd: str | None = None,
    inherited: Iterable[str] = (),
    *,
    resumes: bool = False,
) -> tuple[str, ...]:
    """The command, in which ``$(VAR)`` stands for a variable of the attempt.

    Args:
        preset: The agent.
        model: By its own name at the agent; None: what the agent takes by default.
        arguments: Further ones, by the user.
        max_usd: The most that an attempt may cost; for agents with ``cost_arguments``.
        inherited: Names of the variables that it would inherit: those of an agent that has started us are unset.
        resumes: Whether it continues the session of ``PPROJ_SESSION``.
    """
    words = [preset.program, *preset.arguments]
    words += [*preset.model_arguments, model] if model else []
    words += [*preset.cost_arguments, max_usd] if max_usd else []
    words += [*arguments, *((*preset.resume_arguments, _SESSION) if resumes else ()), *preset.prompt_arguments]
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
