"""Runs a project as ``pproj run`` does: a process of its own, told by a JSON file what to run."""

import json
import resource
import sys
from pathlib import Path

from parallelproject.model.project import ParallelProject, parse_spec
from parallelproject.run import RunOptions, run_project


def main() -> int:
    order = json.loads(Path(sys.argv[1]).read_text())
    if order["file_limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"], resource.RLIM_INFINITY))
    project = ParallelProject(metadata={"name": order["name"]}, spec=parse_spec(order["spec"]))
    return run_project(project, RunOptions(**order["options"]))


if __name__ == "__main__":
    sys.exit(main())
