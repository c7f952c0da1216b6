"""Images of coding agents for the pods of tasks: the program of the agent, git, and certificates.

    python -m rig.agent_images claude|codex [--tag NAME]

They are examples: a project's own image has its compilers and tests as well.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rig.agent_programs import PROGRAMS, find_or_install
from rig.cache import Progress, say_on_stderr
from rig.errors import RigError
from rig.images import ROOT, base_image, find_builder

AGENTS = tuple(name for name, found in PROGRAMS.items() if found.file)
"""Those whose program needs no Node.js."""


def build_agent_image(agent: str, tag: str = "", progress: Progress = say_on_stderr) -> str:
    """Build the image of an agent; its name.

    Args:
        agent: One of ``AGENTS``.
        tag: Its name; by default that of the agent, with the version.
        progress: Called with each step.

    Raises:
        RigError: it could not be built.
    """
    found = PROGRAMS[agent]
    image = tag or f"localhost/parallelproject-{agent}:{found.version}"
    builder = find_builder(progress)
    progress(f"building {image} ...")
    with tempfile.TemporaryDirectory(prefix="parallelproject-images-") as folder:
        context = Path(folder)
        shutil.copyfile(ROOT / "images" / "agents" / "Dockerfile", context / "Dockerfile")
        program = context / "program" / agent
        program.parent.mkdir()
        shutil.copyfile(find_or_install(agent) / found.file, program)
        program.chmod(0o755)
        base = [] if builder.is_docker else ["--build-arg", f"BASE={base_image(builder, progress)}"]
        builder.build(context, ["--tag", image, *base])
    return image


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m rig.agent_images", description="Build the image of an agent.")
    parser.add_argument("agent", choices=AGENTS)
    parser.add_argument("--tag", default="", help="its name (default: localhost/parallelproject-AGENT:VERSION)")
    chosen = parser.parse_args(arguments)
    try:
        print(build_agent_image(chosen.agent, chosen.tag))  # noqa: T201
    except RigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
