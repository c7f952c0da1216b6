"""Programs that are run to their end."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rig.errors import RigError

_SHOWN = 3000
"""Characters of the end of its output that are reported of a failed program."""


def run(
    argv: Sequence[str | Path], environment: Mapping[str, str] | None = None, *, what: str = "", hint: str = ""
) -> str:
    """Run a program to its end; what it says on its standard output.

    Args:
        argv: The program and its arguments.
        environment: Variables in addition to those of this process.
        what: It does, as words in the error; by default its command line.
        hint: What to do where it fails.

    Raises:
        RigError: It failed; the message has the end of what it said.
    """
    done = subprocess.run(
        argv, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        failed = f"{what or ' '.join(map(str, argv))} failed (exit code {done.returncode})"
        message = f"{failed}; {hint}" if hint else failed
        raise RigError(f"{message}\n{done.stdout[-_SHOWN:]}{done.stderr[-_SHOWN:]}")
    return done.stdout
