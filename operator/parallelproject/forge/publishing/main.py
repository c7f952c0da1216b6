"""The command that publishing Jobs run: ``pproj-publish [FILE]``.

Its instruction is JSON: the fields of ``PublishRequest`` in camelCase, in FILE or in ``PPROJ_PUBLISH``. Its result is
JSON of at most 4 KiB: how many branches had which result, and the result of each. Exit codes are those of
``pproj-git``; 0 also if a pull request stays open, as the result says. With ``follow`` it follows the pull request, and
the result is a ``FollowReport``.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from parallelproject.forge.publishing.following import follow
from parallelproject.forge.publishing.publisher import publish
from parallelproject.forge.publishing.request import PublishRequest
from parallelproject.forge.publishing.result import PublishResult
from parallelproject.git.container import instructions
from parallelproject.model.spec import PullRequestScope

VARIABLE = "PPROJ_PUBLISH"
_PATHS, _MESSAGE = 3, 300
_RESULT_MAX = 4000
"""Bytes of the result. The pod has no other container; the kubelet keeps 4 KiB."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Publishes, and returns the exit code."""
    parser = argparse.ArgumentParser(prog="pproj-publish", description="Publish a project's branch.")
    parser.add_argument("file", nargs="?", type=Path, help=f"the instruction; by default the content of {VARIABLE}")
    parser.add_argument("--result", type=Path, help="the file for the result; by default standard output")
    asked = parser.parse_args(arguments)
    try:
        request = instructions.as_type(PublishRequest, instructions.parse(instructions.asked(asked.file, VARIABLE)))
        if request.follow:
            report = asyncio.run(follow(request, request.follow))
            code, result = 0, {"follow": report.to_json(_RESULT_MAX - len('{"follow": }'))}
        else:
            code, result = 0, summary(request, asyncio.run(publish(request)))
    except Exception as error:
        code, result = instructions.of_error(error)
    instructions.answer(result, asked.result, _RESULT_MAX)
    return code


def summary(request: PublishRequest, published: Sequence[PublishResult]) -> dict[str, Any]:
    """The report on all branches: how many had which result, and the results of as many as fit.

    First those that need a person, the first in the queue before those that wait for it; then the latest of the others.
    """
    report: dict[str, Any] = {"ends": dict(Counter(one.end.value for one in published)), "branches": []}
    if any(one.is_news for one in published):
        report["progress"] = True
    if request.scope is PullRequestScope.LEVEL:
        open_ = [one.level for one in published if one.level is not None and not one.end.is_merged]
        report["mergedLevels"] = min([request.levels, *open_])
    room = _RESULT_MAX - len(instructions.encode(report | {"branchesTotal": len(published)}, _RESULT_MAX))
    well = [one for one in reversed(published) if one.end.is_well]
    for one in [*(one for one in published if not one.end.is_well), *well]:
        row = brief(one)
        room -= len(json.dumps(row)) + 2
        if room < 0:
            report["branchesTotal"] = len(published)
            break
        report["branches"].append(row)
    return report


def brief(published: PublishResult) -> dict[str, Any]:
    """The report on one branch, short enough that its result is never cut off."""
    kept = replace(published, merge_commit=None, paths=published.paths[:_PATHS], message=published.message[:_MESSAGE])
    return {key: value for key, value in instructions.shown(asdict(kept)).items() if key != "isNews"}


if __name__ == "__main__":
    sys.exit(main())
