"""The command: ``python -m generate [--check]``, with tools/ on the path."""

import argparse
import sys
from pathlib import Path

from generate.install import RenderError
from generate.outputs import stale, write
from rig import RigError

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Writes the outputs, or with ``--check`` only compares; the exit code.

    Prints the files that it wrote, or that are out of date; nothing for those that are as they should be. Where the
    chart cannot be rendered, it says so and writes nothing.
    """
    parser = argparse.ArgumentParser(
        prog="generate", description="Write the CRD, the reference pages, and the manifests of the chart."
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; name the files that are out of date, and exit 1"
    )
    check = parser.parse_args(arguments).check

    try:
        found = stale(root)
    except (RigError, RenderError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    for path in found:
        sys.stdout.write(f"{path}\n")
    if check:
        if found:
            sys.stderr.write("out of date: run `make generate`\n")
        return 1 if found else 0
    write(root, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
