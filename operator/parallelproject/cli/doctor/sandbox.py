"""Whether this machine has a sandbox for tasks: proposed where it works, and no line where it is missing."""

import shutil
from collections.abc import Sequence

from parallelproject.cli.doctor.finding import Finding, ok, warning
from parallelproject.local.workspace.sandbox import SandboxError, find_bubblewrap

_CHECK = "sandbox"


def check_sandbox() -> Sequence[Finding]:
    """A line where Bubblewrap is installed."""
    if shutil.which("bwrap") is None:
        return []
    try:
        program, _ = find_bubblewrap()
    except SandboxError as error:
        return [warning(_CHECK, str(error), error.fix)]
    return [ok(_CHECK, f"{program} works: with pproj run --sandbox, tasks write only in their workspaces")]
