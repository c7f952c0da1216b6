"""What the figures were measured on."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Machine:
    """Hardware, system and version."""

    processor: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    commit: str
    """Of this repository; with a ``+`` where files were changed since."""
    load_average: float
    """Of the minute before: what else went on."""

    @property
    def is_busy(self) -> bool:
        """Whether so much else went on that times say nothing, and ratios little."""
        return self.load_average > 0.5 * self.cores


def this_machine() -> Machine:
    """This one, now."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(memory / 2**30, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        commit=_commit(),
        load_average=round(os.getloadavg()[0], 1),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _commit() -> str:
    """Empty where there is no git."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
