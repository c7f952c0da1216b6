"""Whether a task's work is one that may land."""

from collections.abc import Sequence
from dataclasses import dataclass

from parallelproject.core.files import fits
from parallelproject.git.changes import GITLINK, Change, contents, sizes
from parallelproject.git.command import Git
from parallelproject.git.delivery import MIB, Policy
from parallelproject.git.secret_patterns import find
from parallelproject.model.problem import quoted

_SCANNED_MAX = 20 * MIB
"""A larger file is not looked through for secrets."""
_AT_ONCE = 64 * MIB
"""Most bytes of content held in memory at once."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not allowed."""

    reason: str
    path: str
    found: str
    """As a sentence's end, for people."""
    leave_out: bool
    """Whether the path may not even be kept in a salvage ref."""

    def __str__(self) -> str:
        return f"{quoted(self.path)} {self.found}"


def undeclared(changed: Sequence[Change], policy: Policy) -> tuple[str, ...]:
    """The changed paths that the task has not declared; none when it has declared nothing."""
    if not policy.files:
        return ()
    return tuple(change.path for change in changed if not any(fits(change.path, pattern) for pattern in policy.files))


def violations(git: Git, changed: Sequence[Change], policy: Policy, secrets: Sequence[str]) -> list[Violation]:
    """Everything about a task's changes that its policy forbids."""
    found = []
    if policy.enforce_files:
        outside = "is not among the files that the task has declared"
        found += [Violation("UndeclaredFile", path, outside, False) for path in undeclared(changed, policy)]
    found += [
        Violation("NestedRepository", change.path, "is a repository of its own", True)
        for change in changed
        if change.mode == GITLINK
    ]
    files = [change for change in changed if change.new and change.mode != GITLINK]
    size = sizes(git, [change.new for change in files if change.new])
    for change in files:
        bytes_ = size[change.new or ""]
        if bytes_ > policy.max_file_bytes:
            found.append(too_large(change.path, bytes_, policy))
    total = sum(size[change.new or ""] for change in files)
    if total > policy.max_bytes:
        largest = max(files, key=lambda change: size[change.new or ""])
        together = f"{_mib(total)} together, more than {_mib(policy.max_bytes)}"
        text = f"is the largest of {len(files)} changed files with {together}"
        found.append(Violation("TooLarge", largest.path, text, True))
    if policy.secrets:
        known = [value.encode(errors="surrogateescape") for value in secrets]
        found += _secrets(git, [change for change in files if size[change.new or ""] <= _SCANNED_MAX], size, known)
    return found


def too_large(path: str, size: int, policy: Policy) -> Violation:
    """A file over the limit."""
    return Violation("TooLarge", path, f"has {_mib(size)}, more than {_mib(policy.max_file_bytes)}", True)


def _secrets(git: Git, files: Sequence[Change], size: dict[str, int], known: Sequence[bytes]) -> list[Violation]:
    """What looks like a credential and was not in the same file before."""
    found = []
    while files:
        room, count = _AT_ONCE, 0
        while count < len(files) and (count == 0 or size[files[count].new or ""] <= room):
            room -= size[files[count].new or ""]
            count += 1
        batch, files = files[:count], files[count:]
        content = dict(contents(git, [change.new for change in batch if change.new]))
        for change in batch:
            hits = list(find(content[change.new or ""], known))
            if hits:
                old = dict(contents(git, [change.old] if change.old else [])).get(change.old or "", b"")
                hits = [hit for hit in hits if hit[0] not in old]
            if hits:
                _, line, what = hits[0]
                found.append(Violation("Secret", change.path, f"has what looks like {what}, in line {line}", True))
    return found


def _mib(size: int) -> str:
    return f"{size / MIB:.1f} MiB"
