"""The local run beside xargs: what planning, logs and exactly-once cost."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from bench.measure import Figure, compare

TASKS = 1000
AT_ONCE = 8


def run() -> Iterator[Figure]:
    """1,000 tasks of ``true``, eight at once."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "true.yaml"
        tasks = [{"id": f"t{i}"} for i in range(TASKS)]
        metadata = {"name": "true"}
        project = {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": metadata}
        manifest.write_text(yaml.safe_dump(project | {"spec": {"parallelism": AT_ONCE, "tasks": tasks}}))
        pproj = Path(sys.executable).with_name("pproj")
        ours = [str(pproj), "run", str(manifest), "--command", "true", "--fresh", "--state-dir", f"{folder}/state"]
        numbers = "\n".join(map(str, range(TASKS)))

        def xargs() -> None:
            command = ["xargs", "-P", str(AT_ONCE), "-I{}", "sh", "-c", "true"]
            subprocess.run(command, input=numbers, text=True, check=True)

        def local() -> None:
            subprocess.run(ours, check=True, stdout=subprocess.DEVNULL, cwd=folder, env=os.environ | {"NO_COLOR": "1"})

        yield compare(
            f"{TASKS} tasks of true, {AT_ONCE} at once, start-up included",
            local,
            f"xargs -P {AT_ONCE} sh -c true",
            xargs,
            aim="1.5",
            far_out=25,
            rounds=5,
        )
