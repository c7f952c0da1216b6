"""Whether the API server may store a project: what the admission webhook answers. Pure."""

from collections.abc import Mapping
from typing import Any

from parallelproject.executors.base.acceptance import Check, accepted
from parallelproject.model.problem import Problem, ProblemsError

Body = Mapping[str, Any]

_PROBLEMS_MAX = 20
"""Maximum number of reported problems."""
_PROBLEM_MAX = 500
"""Maximum number of characters of each."""


def refusal(new: Body, old: Body | None, check: Check) -> str:
    """Why a project may not be stored; empty if it may.

    Only a new spec is checked. Labels, annotations, finalizers and the status of an existing project can always be
    changed, and so can every field of a deleted one: the owners of its finalizers must be able to remove them.

    Args:
        new: The project as it would be stored.
        old: The current project; None if it would be created.
        check: The problems that keep a valid spec from running.
    """
    metadata = new["metadata"]
    if metadata.get("deletionTimestamp") or (old is not None and old.get("spec") == new.get("spec")):
        return ""
    try:
        accepted(new.get("spec"), metadata.get("name") or "x", check)
    except ProblemsError as error:
        return _text(error.problems)
    return ""


def _text(problems: list[Problem]) -> str:
    """The lines of ``pproj lint``; of many, the first."""
    lines = [line if len(line := str(one)) <= _PROBLEM_MAX else f"{line[: _PROBLEM_MAX - 1]}…" for one in problems]
    if len(lines) == 1:
        return lines[0]
    rest = len(lines) - _PROBLEMS_MAX
    more = [f"and {rest:,} more; pproj lint --cluster FILE reports all"] if rest > 0 else []
    return "\n".join([f"{len(lines):,} problems:", *lines[:_PROBLEMS_MAX], *more])
