"""The run that is disturbed: 26 tasks with everything that holds tasks back, some of which fail.

What must come of it, whatever happens on the way, is said here as well.
"""

import shlex
import sys
from pathlib import Path
from typing import Any

CAP = 4
MAX_ATTEMPTS = 2
NARROW = 2
"""Most tasks of the role ``narrow`` at once."""
_TASK = Path(__file__).with_name("task.py")


def spec() -> dict[str, Any]:
    """The spec, without what a task runs."""
    return {
        "tasks": _tasks(),
        "parallelism": CAP,
        "scheduling": "Graph",
        "failurePolicy": "Continue",
        "defaults": {"maxAttempts": MAX_ATTEMPTS, "backoffSeconds": 0},
        "roles": [{"name": "wide"}, {"name": "narrow", "maxConcurrent": NARROW}],
    }


def command(folder: Path) -> str:
    """What runs every task; its locks are a parameter."""
    words = [sys.executable, "-I", "-S", str(_TASK), str(folder)]
    return f"exec {shlex.join(words)} $PPROJ_PARAM_LOCKS"


def parents() -> dict[str, list[str]]:
    """By task, the tasks that it waits for."""
    return {task["id"]: task["dependencies"] for task in _tasks()}


def expected() -> dict[str, str]:
    """By task, where it stands in the end: what fails for good keeps those after it from running."""
    ends: dict[str, str] = {}
    for task, above in parents().items():
        skipped = any(ends[parent] != "Succeeded" for parent in above)
        ends[task] = "Skipped" if skipped else "Failed" if task.startswith("bad") else "Succeeded"
    return ends


def _tasks() -> list[dict[str, Any]]:
    above = {
        **{f"root-{i}": [] for i in range(5)},
        **{f"left-{i}": [f"root-{i}", f"root-{(i + 1) % 5}"] for i in range(5)},
        **{f"flaky-{i}": [f"left-{i}"] for i in range(4)},
        "bad-0": ["root-1"],
        "bad-1": ["left-2"],
        "below-0": ["bad-0"],
        "below-1": ["below-0", "root-0"],
        **{f"right-{i}": [f"flaky-{i}", f"left-{i + 1}"] for i in range(4)},
        "join-0": ["right-0", "right-1"],
        "join-1": ["right-2", "right-3"],
        "slow": [],
        "last": ["join-0", "join-1", "slow"],
    }
    return [_task(id, dependencies) for id, dependencies in above.items()]


def _task(id: str, dependencies: list[str]) -> dict[str, Any]:
    narrow = id.startswith(("flaky", "bad"))
    shared = id.startswith("left")
    locks = [f"all:{CAP}", *([f"narrow:{NARROW}"] if narrow else []), *(["file:1"] if shared else [])]
    return {
        "id": id,
        "dependencies": dependencies,
        "role": "narrow" if narrow else "wide",
        "files": ["src/shared.py"] if shared else [],
        "parameters": [{"name": "locks", "value": " ".join(locks)}],
    }
