"""The reflogs of the workspace's own ``.git``, as data: what the task did to its commits. The task may have changed
them: they only decide what is kept of its own work.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from parallelproject.git.plumbing.plain_file import files_below, is_plain_folder, names_in, read_plain

_ENTRY = re.compile(r"([0-9a-f]{40,64}) ([0-9a-f]{40,64}) .*?\t(.*)")
_REWRITTEN = re.compile(r"commit \(amend\):|(?:rebase|pull)[^:]*\((?:finish|fixup|squash|reword)\):")
_MADE = re.compile(
    r"commit(?: \([a-z]+\))?:|(?:cherry-pick|revert|am):"
    r"|(?:rebase|pull|am|cherry-pick|revert)[^:]*\((?:pick|reword|edit|squash|fixup|continue)\):"
    r"|(?:merge|pull)[^:]*: Merge made by"
)
_MOVED = re.compile(r"(?!commit)[^:]*: fast-forward", re.IGNORECASE)
_LOG_MAX = 16 * 1024 * 1024
_WORK_TREES_MAX = 1_000


@dataclass(slots=True)
class OwnLogs:
    """The unverified content of a repository's reflogs."""

    made: set[str] = field(default_factory=set)
    """The commits that were made here, and not fetched."""
    branches: set[str] = field(default_factory=set)
    """The branches with a reflog, as in ``refs/heads/x``."""
    rewritten: set[str] = field(default_factory=set)
    """The commits that were replaced, by an amend or a rebase."""


def read_logs(own: Path) -> OwnLogs:
    """Reads all reflogs of a git directory and of its work trees."""
    found = OwnLogs()
    for file, name in _logs(own):
        text = (read_plain(file, _LOG_MAX) or b"").decode(errors="replace")
        for entry in filter(None, map(_ENTRY.fullmatch, text.split("\n"))):
            old, new, message = entry.groups()
            if old != new and _REWRITTEN.match(message):
                found.rewritten.add(old)
            if name == "refs/stash" or (_MADE.match(message) and not _MOVED.fullmatch(message)):
                found.made.add(new)
            if name.startswith("refs/heads/"):
                found.branches.add(name)
    return found


def _logs(own: Path) -> Iterator[tuple[Path, str]]:
    entries = names_in(own / "worktrees")[:_WORK_TREES_MAX] if is_plain_folder(own / "worktrees") else []
    for directory in (own, *(own / "worktrees" / entry for entry in entries)):
        if is_plain_folder(directory):
            yield from files_below(directory / "logs")
