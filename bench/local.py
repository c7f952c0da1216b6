"""The local run beside xargs: what planning, logs and exactly-once cost. Start-up is included."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from bench.figure import Figure, ratio_at_most
from bench.rounds import in_turns, seconds
from bench.setting import Setting

AT_ONCE = 8
_MEMORY = Path("/dev/shm")


def run(setting: Setting) -> Iterator[Figure]:
    """1,000 tasks of ``true``, eight at once, with the state on the disk and in memory."""
    count = 100 if setting.short else 1000
    yield _beside_xargs("on disk", Path(tempfile.gettempdir()), count, setting.rounds)
    if _MEMORY.is_dir() and not setting.short:
        yield _beside_xargs("in memory", _MEMORY, count, setting.rounds)


def _beside_xargs(where: str, parent: Path, count: int, rounds: int) -> Figure:
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        manifest = Path(folder) / "true.yaml"
        tasks = [{"id": f"t{i}"} for i in range(count)]
        project = {
            "apiVersion": "parallelproject.io/v1alpha1",
            "kind": "ParallelProject",
            "metadata": {"name": "true"},
            "spec": {"parallelism": AT_ONCE, "tasks": tasks},
        }
        manifest.write_text(yaml.safe_dump(project))
        pproj = Path(sys.executable).with_name("pproj")
        ours = [str(pproj), "run", str(manifest), "--command", "true", "--fresh", "--state-dir", f"{folder}/state"]
        theirs = ["xargs", "-P", str(AT_ONCE), "-I{}", "sh", "-c", "true"]
        numbers = "\n".join(map(str, range(count)))

        def local() -> None:
            subprocess.run(ours, check=True, stdout=subprocess.DEVNULL, cwd=folder, env=os.environ | {"NO_COLOR": "1"})

        def xargs() -> None:
            subprocess.run(theirs, input=numbers, text=True, check=True)

        times = in_turns(rounds, {"ours": lambda: seconds(local), "reference": lambda: seconds(xargs)})
    return Figure(
        "local",
        f"{count:,} tasks of true, {AT_ONCE} at once, state {where}",
        "s",
        tuple(times["ours"]),
        tuple(times["reference"]),
        f"xargs -P {AT_ONCE} sh -c true",
        ratio_at_most(1.5, far_out=25),
    )
