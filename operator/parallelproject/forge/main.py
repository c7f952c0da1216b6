"""The command that publishing Jobs run: ``pproj-publish [FILE]``.

Its instruction is JSON: the fields of ``Publication`` in camelCase, in FILE or in ``PPROJ_PUBLISH``. Its result is
JSON of at most 4 KiB, with a list of what became of each branch. Exit codes are those of ``pproj-git``; 0 also where a
pull request was left open, as the result says.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from parallelproject.forge.publication import Publication, publish
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
        text = asked.file.read_text() if asked.file else os.environ.get(VARIABLE, "")
        publication = wire.as_type(Publication, wire.parse(text))
        published = asyncio.run(publish(publication))
        code, result = 0, {"branches": [_short(wire.shown(asdict(one))) for one in published]}
    except Exception as error:
        code, result = wire.of_error(error)
    said = wire.encode(result)
    if asked.result:
        asked.result.write_text(said)
    else:
        print(said)  # noqa: T201  the command's result
    return code


def _short(told: dict[str, Any]) -> dict[str, Any]:
    """What is said of one branch, short enough that how it ended is never cut off."""
    told.pop("mergeCommit", None)
    cut = {"paths": told.get("paths", [])[:_PATHS], "message": told.get("message", "")[:_MESSAGE]}
    return told | {key: value for key, value in cut.items() if value}


if __name__ == "__main__":
    sys.exit(main())
