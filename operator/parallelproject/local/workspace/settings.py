"""What is wrong with the settings of workspaces in a local run, and which ones need a repository. Pure."""

from collections.abc import Iterator

from parallelproject.model.problem import Problem, quoted
from parallelproject.model.spec import Spec


def of_a_repository(spec: Spec) -> list[str]:
    """The places of settings that are set and have no meaning without a repository."""
    asked = {
        "spec.conflicts.enforceFiles": spec.conflicts.enforce_files,
        "spec.workspace.setup": spec.workspace.setup,
        "spec.workspace.copy": spec.workspace.copy_files,
        "spec.workspace.link": spec.workspace.link,
        "spec.steps": spec.steps,
    }
    return [place for place, is_set in asked.items() if is_set]


def problems_of_workspace(spec: Spec) -> Iterator[Problem]:
    """What can be said without looking at the checkout."""
    wanted = spec.workspace
    if wanted.cache_key and not wanted.setup:
        yield Problem("spec.workspace.cacheKey", "is set, and setup is not", "remove it, or set setup")
    for field, patterns in (("copy", wanted.copy_files), ("link", wanted.link)):
        for i, pattern in enumerate(patterns):
            if ".." in pattern.split("/"):
                found, hint = f"{quoted(pattern)} leaves the checkout", "name files in it, as in .gitignore"
                yield Problem(f"spec.workspace.{field}[{i}]", found, hint)
