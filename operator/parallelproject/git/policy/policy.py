"""Whether a task's work may land."""

from collections.abc import Sequence, Set

from parallelproject.core.graph.file_overlap import fits
from parallelproject.git.plumbing.changes import GITLINK, SYMLINK, PathChange, contents, sizes
from parallelproject.git.plumbing.command import GitCommand
from parallelproject.git.plumbing.delivery import MIB, Policy
from parallelproject.git.policy.secret_content import find
from parallelproject.git.policy.secret_files import looks_secret
from parallelproject.git.policy.violation import Violation

_SCANNED_MAX = 20 * MIB
"""A larger file is not searched for secrets."""
_AT_ONCE = 64 * MIB
"""Maximum bytes of content in memory at once."""


def undeclared(changed: Sequence[PathChange], policy: Policy) -> tuple[str, ...]:
    """The changed paths that the task has not declared; empty if it declares none."""
    if not policy.files:
        return ()
    return tuple(change.path for change in changed if not any(fits(change.path, pattern) for pattern in policy.files))


def violations(
    git: GitCommand, changed: Sequence[PathChange], policy: Policy, secrets: Sequence[str]
) -> list[Violation]:
    """Everything about a task's changes that its policy forbids."""
    found = []
    if policy.enforce_files:
        outside = "is not in the files that the task declares"
        found += [Violation("UndeclaredFile", path, outside, False) for path in undeclared(changed, policy)]
    found += [
        Violation("NestedRepository", change.path, "is a separate repository", True)
        for change in changed
        if change.mode == GITLINK
    ]
    files = [change for change in changed if change.new and change.mode != GITLINK]
    size = sizes(git, [change.new for change in files if change.new])
    for change in files:
        bytes_ = size[change.new or ""]
        if bytes_ > policy.max_file_bytes:
            found.append(too_large(change.path, bytes_, policy))
    found += _together(files, size, policy)
    if policy.secrets:
        known = [value.encode(errors="surrogateescape") for value in secrets]
        scanned = [change for change in files if size[change.new or ""] <= _SCANNED_MAX]
        # A file that was only moved was in the repository before.
        moved = {change.old for change in changed if change.old}
        found += _secrets(git, scanned, size, known, moved)
    return found


def too_large(path: str, size: int, policy: Policy) -> Violation:
    """A file over the limit."""
    return Violation("TooLarge", path, f"has {_mib(size)}, more than {_mib(policy.max_file_bytes)}", True)


def _together(files: Sequence[PathChange], size: dict[str, int], policy: Policy) -> list[Violation]:
    """The largest files, as many as exceed the limit."""
    total = whole = sum(size[change.new or ""] for change in files)
    found = list[Violation]()
    for change in sorted(files, key=lambda change: size[change.new or ""], reverse=True):
        if total <= policy.max_bytes:
            break
        which = "one of the largest" if found else "the largest"
        text = (
            f"is {which} of {len(files)} changed files with {_mib(whole)} together, more than {_mib(policy.max_bytes)}"
        )
        found.append(Violation("TooLarge", change.path, text, True))
        total -= size[change.new or ""]
    return found


def _secrets(
    git: GitCommand, files: Sequence[PathChange], size: dict[str, int], known: Sequence[bytes], moved: Set[str]
) -> list[Violation]:
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
                continue
            is_new = change.old is None and change.new not in moved and change.mode != SYMLINK
            holds = looks_secret(change.path, content[change.new or ""]) if is_new else None
            if holds:
                found.append(Violation("SecretFile", change.path, f"looks like {holds}, and is new", True))
    return found


def _mib(size: int) -> str:
    return f"{size / MIB:.1f} MiB"
