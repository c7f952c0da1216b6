"""What a forked process does to be a command. It loads nothing but what it needs for that."""

import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def be_command(command: list[str], log: Path, environment: Mapping[str, str]) -> None:
    """Does what the command does, in a session of its own, until it ends or the process that forked this one does."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((null, output, output)):
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    from parallelproject.cli.main import main

    main()
