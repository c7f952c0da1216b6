"""What a user should know of the repository before the first task runs: what its workspaces do not have."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from parallelproject.git.plumbing.changes import GITLINK
from parallelproject.local.delivery.repository import Repository
from parallelproject.model.names import CONFIG_FILE
from parallelproject.model.problem import listed

_SHOWN = 3
_FILTER = re.compile(rb"^[ \t]*(\S+)[ \t](?:.*[ \t])?filter=(\S+)", re.MULTILINE)


def notes(
    repository: Repository,
    base: str,
    source: Path | None = None,
    given: Sequence[str] = (),
    *,
    submodules: bool,
    lfs: bool,
) -> Iterator[str]:
    """Yields a line for each, with the fix.

    Args:
        repository: The caller's.
        base: The commit that the work starts from.
        source: The file of the tasks, which no task needs.
        given: Paths of the checkout that tasks get, although they are not committed.
        submodules: Whether workspaces have the submodules.
        lfs: Whether workspaces have the content of git-lfs.
    """
    if repository.folder != repository.top and repository.top in repository.folder.parents:
        yield f"--repo names a folder of {repository.top}: tasks have all of it, and start at its top"
    own = {*repository.paths_of(source), *given}
    paths = (
        [path for path in repository.uncommitted() if own.isdisjoint(_above(path)) and not _is_config(path)]
        if not repository.is_bare
        else []
    )
    if paths:
        files, are = ("1 file", "is") if len(paths) == 1 else (f"{len(paths)} files", "are")
        where = f"in {repository.top} {are} not committed, so tasks do not see these changes"
        yield f"{files} {where}: {listed(paths, _SHOWN)} (commit them first)"
    modes = repository.tree(base)
    links = [path for path, (mode, _) in modes.items() if mode == GITLINK]
    if links and not submodules:
        are = "is" if len(links) == 1 else "are"
        yield (
            f"{listed(links, _SHOWN)} {are} empty in workspaces: submodules (spec.workspace.submodules: true fills "
            "them; changes in them are kept, not landed)"
        )
    attributes = {path: blob for path, (_, blob) in modes.items() if path.rpartition("/")[2] == ".gitattributes"}
    drivers: dict[str, list[str]] = {}
    for blob, content in repository.contents(list(attributes.values())):
        file = next(path for path, found in attributes.items() if found == blob)
        for pattern, driver in _FILTER.findall(content):
            name = driver.decode(errors="replace")
            drivers.setdefault(name, []).append(file.removesuffix(".gitattributes") + pattern.decode(errors="replace"))
    for driver, patterns in drivers.items():
        shown = listed(patterns, _SHOWN)
        if driver != "lfs":
            yield (
                f"the filter {driver} is not run for {shown}: tasks have these files as they are stored, and changes "
                "of them are kept, not landed (change them outside of the run)"
            )
        elif not lfs:
            yield (
                f"{shown} are pointers of git-lfs in workspaces, and changes of them are kept, not landed "
                "(spec.workspace.lfs: true has git-lfs fill them)"
            )


def _above(path: str) -> Iterator[str]:
    """A path and the folders that it is in."""
    parts = path.rstrip("/").split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts) + 1))


def _is_config(path: str) -> bool:
    """Whether a path is our own file of options, which no task needs."""
    return path.rpartition("/")[2] == CONFIG_FILE
