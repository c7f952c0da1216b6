"""The program as the user types it, for the commands that we suggest. Prints nothing."""

import shlex
import shutil
from pathlib import Path

NAME = "pproj"


class _Typed:
    """What was typed."""

    program = NAME


def remember(program: str) -> None:
    """Suggestions start with this from now on."""
    _Typed.program = program


def typed() -> str:
    """How a suggested command starts: ``pproj``, ``.venv/bin/pproj``, ``kubectl pproj``."""
    return _Typed.program


def is_plugin() -> bool:
    """Whether kubectl has started it: then a cluster is meant."""
    return _Typed.program.startswith("kubectl ")


def as_typed(path: str) -> str:
    """The program for the path that it was started by; its plain name where the PATH leads to it."""
    name = Path(path).name
    if name.startswith("kubectl-"):
        return name.replace("-", " ", 1)
    if name != NAME:
        return NAME  # started as a module, or by a test
    found = shutil.which(NAME)
    try:
        plain = found is not None and Path(found).samefile(path)
    except OSError:
        plain = True
    return NAME if plain else shlex.quote(path)
