"""What a process has used, told by the kernel."""

import ctypes
import os
import time
from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """Resident memory of a process, in bytes."""

    now: int
    peak: int


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, all threads together; to the nanosecond, unlike /proc/PID/stat."""
    clock = ctypes.c_int()
    code = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    if code:
        raise OSError(code, f"clock_getcpuclockid({pid}): {os.strerror(code)}")
    return time.clock_gettime(clock.value)


def memory(pid: int) -> Memory:
    """Its resident memory now and at its highest."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return Memory(*(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")))
