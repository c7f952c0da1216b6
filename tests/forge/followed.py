"""A process that follows a pull request on a stand-in for a forge, as ``pproj run --follow`` does."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from parallelproject.cli.commands import following
from parallelproject.cli.commands.local_publish import publish_request
from parallelproject.local.engine.options import RunOptions
from parallelproject.local.start import run_project
from parallelproject.model.project import ParallelProject, parse_spec
from tests.forge.world import World


def main(settings: dict[str, Any]) -> int:
    def with_project(*arguments: Any) -> Any:
        """The remote is a folder, whose name at the forge is not in its address."""
        request = publish_request(*arguments)
        return replace(request, forge=replace(request.forge, project=World.project), local=True)

    following.publish_request = with_project
    spec = parse_spec(settings["spec"])
    assert spec.git
    project = ParallelProject(metadata={"name": "shop"}, spec=spec)
    options = RunOptions(command=settings["command"], state_dir=Path(settings["state"]), view="plain", no_color=True)
    if settings.get("push"):
        return run_project(project, replace(options, push=True))
    return following.follow_run(project, options, spec.git, Path(settings["credentials"]))


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text())))
