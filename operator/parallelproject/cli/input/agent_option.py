"""``--agent TYPE[:MODEL]``: the coding agent that does all tasks."""

import shutil
from typing import Annotated

import typer

from parallelproject.cli.output.failure import Failure
from parallelproject.model.spec import Agent
from parallelproject.model.suggest import did_you_mean

AgentOption = Annotated[
    str | None,
    typer.Option(
        "--agent",
        metavar="TYPE[:MODEL]",
        help="The coding agent that does the tasks, instead of --command: claude, codex, gemini, opencode, copilot, "
        "cursor, aider, goose or qwen.",
    ),
]


def found_agents() -> list[str]:
    """The agents whose program is on the PATH, by their short names, in the order of the catalog."""
    from parallelproject.agents.catalog import PRESETS  # here, because few runs need it

    return [preset.short for preset in PRESETS.values() if shutil.which(preset.program)]


def agent_of(text: str | None, command: str | None) -> Agent | None:
    """The agent that an option names.

    Raises:
        Failure: it names none, or a command is given as well.
    """
    if text is None:
        return None
    if command is not None:
        raise Failure("--agent and --command both say what runs a task", hint="give one of them", code=2)
    from parallelproject.agents.catalog import BY_NAME, PRESETS  # here, because few runs need it

    name, colon, model = text.partition(":")
    preset = BY_NAME.get(name.strip().lower())
    names = [preset.short for preset in PRESETS.values()]
    if preset is None:
        hint = did_you_mean(name, names) or f"one of: {', '.join(names)}"
        raise Failure(f'--agent: "{name}" is not an agent', hint=hint, code=2)
    if not colon:
        return Agent(type=preset.type)
    try:
        return Agent(type=preset.type, model=model)
    except ValueError:
        found = f'"{model}" is no name of a model' if model else "is empty"
        hint = f"--agent {name}, or --agent {name}:MODEL"
        raise Failure(f"--agent: the model after {name}: {found}", hint=hint, code=2) from None
