"""Removing what local runs have left: their state, workspaces, refs and merged branches. Only what nobody can need.

A run that is active is never touched. One that can be resumed, and one whose repository keeps work that did not land,
is removed only when it is named. A branch that holds commits which its base has not is never removed.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parallelproject.core.report.status import condition
from parallelproject.core.times import epoch
from parallelproject.folder_removal import remove
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.refs import check_branch
from parallelproject.local.delivery.repository import Repository
from parallelproject.local.engine import lock
from parallelproject.local.errors import RunError
from parallelproject.local.read import read_run
from parallelproject.local.state import workspaces
from parallelproject.local.state.directory import StateDirectory
from parallelproject.model.status import ConditionType

_PATIENCE = 2.0
"""Longest wait, in seconds, for a run that is just ending."""


@dataclass(frozen=True, slots=True)
class RepositoryLeftovers:
    """What a run has left in a repository."""

    repository: Path
    landed: Mapping[str, str] = field(default_factory=dict)
    """Refs that only said what has landed, with their commits."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Refs of work that did not land."""
    branch: str = ""
    branch_commit: str = ""
    """Of the branch, where its base has all of it and nobody has it checked out; else empty."""
    branch_stays: str = ""
    """Why the branch stays; empty where it goes or is missing."""


@dataclass(frozen=True, slots=True)
class RunLeftovers:
    """What one run has left on this machine."""

    name: str
    path: Path
    """Its state directory."""
    size: int
    """Bytes on the disk, workspaces included."""
    outcome: str
    """``active``, ``succeeded``, ``failed``, ``interrupted`` or, of one that cannot be read, ``unknown``."""
    ended: float | None
    """When it ended, in seconds since the epoch."""
    git: RepositoryLeftovers | None = None
    trouble: str = ""
    """Why its repository could not be looked at; what it has there stays."""

    def stays(self, is_named: bool, now: float, older_than: float) -> str:
        """Why it is not removed; empty where it is."""
        if self.outcome == "active":
            return "it is active"
        if is_named:
            return ""
        if self.outcome != "succeeded":
            return "it can be resumed"
        if self.ended is None or now - self.ended < older_than:
            return "it ended more recently than --older-than"
        if self.trouble:
            return f"whether its work has landed is unknown: {self.trouble}"
        if self.git and self.git.kept:
            count = len(self.git.kept)
            return f"the repository keeps {count} piece{'' if count == 1 else 's'} of its work that did not land"
        return ""


def survey(path: Path) -> RunLeftovers:
    """Looks at one state directory; changes nothing."""
    state = StateDirectory(path)
    if lock.is_held(state.lock):
        return RunLeftovers(path.name, path, _size(path), "active", None)
    project = read_run(path)
    status = (project or {}).get("status") or {}
    size = _size(path) + _size_elsewhere(path)
    name = str(project["metadata"]["name"]) if project else path.name
    outcome, ended = _outcome(status), epoch(status.get("completionTime"))
    try:
        git = _leftovers_in_git(state, str(project["metadata"].get("uid") or "")) if project else None
    except (RunError, GitFailedError, OSError, ValueError, KeyError) as error:
        return RunLeftovers(name, path, size, outcome, ended, trouble=str(error))
    return RunLeftovers(name, path, size, outcome, ended, git)


def remove_run(found: RunLeftovers, with_kept_work: bool) -> None:
    """Removes what a run has left. A user who starts it again meanwhile gets an error that it is in use.

    Args:
        found: As it was looked at.
        with_kept_work: Whether refs of work that did not land go too.

    Raises:
        RunError: the run has been started in between.
        GitFailedError: a ref has moved in between.
        OSError: something cannot be removed.
    """
    state = StateDirectory(found.path)
    held = lock.acquire(state.lock, lambda _: None, _PATIENCE)
    try:
        if found.git:
            repository = Repository(found.git.repository, found.path / "git" / "home")
            refs = {**found.git.landed, **(found.git.kept if with_kept_work else {})}
            if found.git.branch_commit:
                refs[check_branch(found.git.branch, "branch")] = found.git.branch_commit
            if refs:
                repository.delete_refs(refs)
        workspaces.forget_root(found.path)
        remove(found.path)
    finally:
        os.close(held)


def abandoned_workspaces() -> Sequence[tuple[Path, int]]:
    """Folders of workspaces whose state directory is gone, with their bytes on the disk."""
    return [(root, _size(root)) for root in workspaces.abandoned_roots(os.environ)]


def remove_workspaces(root: Path) -> None:
    """Removes one of them.

    Raises:
        OSError: something cannot be removed.
    """
    remove(root)


def _outcome(status: Mapping[str, Any]) -> str:
    completed = condition(status, ConditionType.COMPLETED)
    if not completed:
        return "unknown"
    if completed.get("reason") in ("Interrupted", "Suspended", "BudgetExhausted") or completed.get("status") != "True":
        return "interrupted"
    return "succeeded" if condition(status, ConditionType.SUCCEEDED).get("status") == "True" else "failed"


def _leftovers_in_git(state: StateDirectory, run: str) -> RepositoryLeftovers | None:
    with suppress(FileNotFoundError):
        noted = json.loads(state.repository_note.read_bytes())
        repository = Repository(Path(noted["repository"]), state.path / "git" / "home")
        refs = repository.refs_of_run(run) if run else {}
        landed = {name: commit for name, commit in refs.items() if name.endswith("/landed")}
        kept = {name: commit for name, commit in refs.items() if name not in landed}
        branch = str(noted["branch"])
        commit = repository.branch_commit(branch)
        if commit is None:
            return RepositoryLeftovers(repository.top, landed, kept)
        why = _why_branch_stays(repository, branch, str(noted["base"]["name"]))
        return RepositoryLeftovers(repository.top, landed, kept, branch, "" if why else commit, why)
    return None


def _why_branch_stays(repository: Repository, branch: str, base: str) -> str:
    tree = repository.checked_out(branch)
    if tree:
        return f"it is checked out in {tree}"
    tip = repository.branch_commit(base)
    if tip is None:
        return f"there is no branch {base} to compare it with"
    missing = repository.commits(tip, branch)
    return f"{base} lacks {missing} of its commits" if missing else ""


def _size_elsewhere(path: Path) -> int:
    link = path / workspaces.FOLDER
    return _size(workspaces.root_of(path)) if link.is_symlink() else 0


def _size(path: Path) -> int:
    """Bytes on the disk of all below a folder; links are not followed."""
    total = 0
    folders = [os.fspath(path)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
    return total
