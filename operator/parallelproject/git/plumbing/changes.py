"""What differs between two trees."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from parallelproject.git.plumbing.command import GitCommand
from parallelproject.git.plumbing.lines_of import lines_of

GITLINK = "160000"
SYMLINK = "120000"


@dataclass(frozen=True, slots=True)
class PathChange:
    """A path with a changed content or mode."""

    path: str
    mode: str
    """Mode of the new content, as git writes it; ``000000``: deleted."""
    old: str | None
    """The blob before; None: new."""
    new: str | None
    """The blob now; None: deleted."""


def changes(git: GitCommand, old: str, new: str) -> tuple[PathChange, ...]:
    """The paths that differ between two commits or trees; a rename is a deletion and an addition."""
    raw = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-commit-id", "--full-index", old, new).stdout
    fields = iter(raw.decode(errors="surrogateescape").split("\0"))
    found = []
    for field in fields:
        if not field:
            break
        _, mode, before, after, _ = field.split(" ")
        found.append(
            PathChange(next(fields), mode, before if before.strip("0") else None, after if after.strip("0") else None)
        )
    return tuple(found)


def sizes(git: GitCommand, blobs: Iterable[str]) -> dict[str, int]:
    """By blob, its size in bytes."""
    asked = list(dict.fromkeys(blobs))
    output = git.run(
        "cat-file", "--batch-check=%(objectname) %(objectsize)", stdin="\n".join([*asked, ""]).encode()
    ).stdout
    return {blob: int(size) for blob, _, size in (line.partition(" ") for line in lines_of(output.decode()))}


def contents(git: GitCommand, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yields (blob, content). One call of git; the whole output is held in memory."""
    asked = list(dict.fromkeys(blobs))
    if not asked:
        return
    output = git.run("cat-file", "--batch", stdin="\n".join([*asked, ""]).encode()).stdout
    at = 0
    for _ in asked:
        end = output.index(b"\n", at)
        blob, _, size = output[at:end].decode().split(" ")
        yield blob, output[end + 1 : end + 1 + int(size)]
        at = end + 1 + int(size) + 1
