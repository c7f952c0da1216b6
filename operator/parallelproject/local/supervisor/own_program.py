"""The command line of one of our programs: nothing but the standard library, which is there in a fifth of the time."""

import sys
from pathlib import Path

import parallelproject

_SOURCE = str(Path(parallelproject.__file__).parent.parent)


def boot(module: str, call: str) -> str:
    """The code that imports ``main`` of one of our modules, from where it belongs, and calls it.

    Args:
        module: Its name in full.
        call: How it is called; its argument is ``sys.argv.pop()``.
    """
    return f"import sys; sys.path.insert(0, sys.argv.pop());from {module} import main; {call}"


def command_line(code: str, argument: str) -> list[str]:
    """The words that start the code of ``boot`` with an argument."""
    # -S: no other packages. -I: from where it belongs, not from the current directory.
    return [sys.executable, "-S", "-I", "-c", code, argument, _SOURCE]
