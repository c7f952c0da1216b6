"""The command that publishing Jobs run: ``pproj-publish [FILE]``.

Its instruction is JSON: the fields of ``Publication`` in camelCase, in FILE or in ``PPROJ_PUBLISH``. Its result is
JSON of at most 4 KiB, with a list of what became of each branch. Exit codes are those of ``pproj-git``; 0 also where a
pull request was left open, as the result says.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from parallelproject.forge.publication import Publication, publish
from parallelproject.forge.published import Published
from parallelproject.git import wire

VARIABLE = "PPROJ_PUBLISH"
_PATHS, _MESSAGE = 3, 300


def main(arguments: Sequence[str] | None = None) -> int:
    """Publishes, and gives the exit code."""
    parser = argparse.ArgumentParser(prog="pproj-publish", description="Publish a project's branch.")
    parser.add_argument("file", nargs="?", type=Path, help=f"the instruction; without it, {VARIABLE} holds it")
    parser.add_argument("--result", type=Path, help="where the result is written; standard output without it")
    asked = parser.parse_args(arguments)
    try:
        publication = wire.as_type(Publication, wire.parse(wire.asked(asked.file, VARIABLE)))
        published = asyncio.run(publish(publication))
        code, result = 0, {"branches": [brief(one) for one in published]}
    except Exception as error:
        code, result = wire.of_error(error)
    wire.answer(result, asked.result)
    return code


def brief(published: Published) -> dict[str, Any]:
    """What is said of one branch, short enough that how it ended is never cut off."""
    kept = replace(published, merge_commit=None, paths=published.paths[:_PATHS], message=published.message[:_MESSAGE])
    return wire.shown(asdict(kept))


if __name__ == "__main__":
    sys.exit(main())
