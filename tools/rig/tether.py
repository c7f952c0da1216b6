"""Become another program that dies with the process that started it.

    python -I -S tether.py PARENT_PID PROGRAM ARGUMENT...

A program of its own rather than a ``preexec_fn``, because code between fork and exec is not safe in a process with
threads. See prctl(2), PR_SET_PDEATHSIG: the signal is kept across exec, and comes when the *thread* ends that started
the child; ``rig.process`` takes care of that.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then replace it by the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # it died before we were tied to it
        sys.exit("the process that started this one is gone")
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
