"""Files of git-lfs: downloaded in a checkout, committed from it, and their content uploaded to the server.

Only git-lfs itself runs, under the one name ``lfs`` and with the repository's own address: the ``.lfsconfig`` of a
repository or a task is ignored.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from parallelproject.git.plumbing.changes import PathChange, contents, sizes
from parallelproject.git.plumbing.command import GitCommand
from parallelproject.git.plumbing.delivery import Policy
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.git.plumbing.plain_file import read_plain
from parallelproject.git.plumbing.store import GitStore
from parallelproject.git.policy.secret_content import find
from parallelproject.git.policy.violation import Violation

NAME = "lfs"
_POINTER_MAX = 1024
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*oid sha256:([0-9a-f]{64})\nsize [0-9]+\n"
)
_SCANNED_MAX = 20 * 1024 * 1024
_AT_ONCE = 100


def settings(git: GitCommand) -> list[tuple[str, str]]:
    """The settings that make git run git-lfs, and limit git-lfs to the repository's server."""
    url = f"file://{git.address.url}" if git.address.scheme == "file" else git.address.url
    server = url if git.address.scheme != "https" else f"{url.removesuffix('.git')}.git/info/lfs"
    return [
        ("filter.lfs.clean", "git-lfs clean -- %f"),
        ("filter.lfs.smudge", "git-lfs smudge -- %f"),
        ("filter.lfs.process", "git-lfs filter-process"),
        ("filter.lfs.required", "true"),
        ("remote.origin.url", url),
        ("lfs.url", server),
        ("lfs.pushurl", server),
        ("lfs.locksverify", "false"),
        ("lfs.concurrenttransfers", "4"),
        ("lfs.allowincompletepush", "false"),
    ]


def check(git: GitCommand) -> None:
    """Fails if git-lfs is not installed.

    Raises:
        PolicyError: it is not.
    """
    if git.run("lfs", "version", codes=(0, 1, 127)).returncode:
        raise PolicyError("NoGitLfs", "spec.workspace.lfs needs git-lfs: install it, or remove the field")


def check_out(store: GitStore, folder: Path) -> None:
    """Writes all files of the index into a folder, files of git-lfs with their content.

    Raises:
        GitFailedError: the server does not have one of them, or is not reachable.
    """
    where = {"GIT_WORK_TREE": str(folder)}
    options = ("--all", "--index", "--quiet")
    store.git.remote("checkout-index", *options, config=settings(store.git), environment=where, folder=folder)


def copy_content(store: GitStore) -> None:
    """Copies the downloaded content to the task's own git, so that ``git status`` is clean and ``git lfs`` finds it."""
    content = store.git.directory / "lfs" / "objects"
    if content.is_dir():
        shutil.copytree(content, store.place.workspace / ".git" / "lfs" / "objects", dirs_exist_ok=True)


def upload(store: GitStore, changed: Sequence[PathChange]) -> None:
    """Uploads the content of changed files, before the commit that refers to it.

    Raises:
        GitFailedError: the upload failed.
    """
    names = [name for _, name in _pointers(store.git, changed)]
    for at in range(0, len(names), _AT_ONCE):
        few = names[at : at + _AT_ONCE]
        store.git.remote("lfs", "push", "--object-id", "origin", *few, config=settings(store.git))


def secrets_in(store: GitStore, changed: Sequence[PathChange], policy: Policy) -> list[Violation]:
    """Credentials in the content of the pointers."""
    known = [value.encode(errors="surrogateescape") for value in store.delivery.access.secrets()]
    found = []
    for change, name in _pointers(store.git, changed):
        file = store.git.directory / "lfs" / "objects" / name[:2] / name[2:4] / name
        content = read_plain(file, _SCANNED_MAX) or b""
        for _, line, what in find(content, known) if policy.secrets else ():
            found.append(Violation("Secret", change.path, f"has what looks like {what}, in line {line}", True))
            break
    return found


def _pointers(git: GitCommand, changed: Sequence[PathChange]) -> list[tuple[PathChange, str]]:
    """The changed files that are pointers with local content, with the names of that content."""
    size = sizes(git, [change.new for change in changed if change.new])
    small = [change for change in changed if change.new and size.get(change.new, _POINTER_MAX) < _POINTER_MAX]
    content = dict(contents(git, [change.new for change in small if change.new]))
    found = []
    for change in small:
        pointer = _POINTER.fullmatch(content[change.new or ""])
        if pointer:
            name = pointer[1].decode()
            if (git.directory / "lfs" / "objects" / name[:2] / name[2:4] / name).is_file():
                found.append((change, name))
    return found
