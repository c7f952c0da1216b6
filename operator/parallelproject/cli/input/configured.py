"""What ``.pproj.yaml`` gives to one call of a command, over which the command line goes."""

from pathlib import Path
from typing import Any, NamedTuple

import typer

from parallelproject.cli.input.config_file import FILE, KEYS, ConfigFile, find_config, read_config, say_used

_TYPED = "COMMANDLINE"


class Configured(NamedTuple):
    """What a file adds to a call."""

    config: ConfigFile
    defaults: dict[str, Any]
    """By parameter, in place of its default."""
    words: list[str]
    """Words that stand before those that were typed: of options that may be given again."""
    used: list[str]
    """The keys that count."""

    def say(self) -> None:
        """Says which file was used, and for what."""
        if self.used:
            say_used(self.config, self.used)


def configured(ctx: typer.Context) -> Configured | None:
    """What the file of the folder gives to a call that was read without it; None where there is no file.

    Raises:
        Failure: the file is wrong.
    """
    given = next((ctx.params[name] for name in ("file", "files") if _is_given(ctx, name)), None)
    first = Path(given[0] if isinstance(given, (list, tuple)) else given or ".")
    path = find_config(Path() if str(first) == "-" else first)
    if path is None:
        return None
    config = read_config(path)
    options = [(option, parameter.name) for parameter in ctx.command.params for option in parameter.opts]
    names: dict[str, str | None] = {option[2:]: name for option, name in options if option.startswith("--")}
    names[FILE] = next((p.name for p in ctx.command.params if p.name in ("file", "files")), None)
    defaults: dict[str, Any] = {}
    words: list[str] = []
    used: list[str] = []
    for key, value in config.values.items():
        name = names.get(key)
        if name is None:
            continue  # of another command
        if KEYS[key] is list:
            words += [word for each in value for word in (f"--{key}", each)]
        elif not _is_given(ctx, name):
            defaults[name] = [value] if name == "files" else value
        else:
            continue
        used.append(key)
    return Configured(config, defaults, words, used)


def _is_given(ctx: typer.Context, name: str) -> bool:
    """Whether a value was typed."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == _TYPED
