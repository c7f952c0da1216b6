"""A folder of files and our index: how they differ, and what goes into a tree.

git runs on our git directory. It reads only files of the folder: no nested repository, no configuration, no hook and
no filter. Symbolic links are recorded, never followed.
"""

import os
import re
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from parallelproject.git.plumbing.command import GitCommand, lines, split
from parallelproject.git.plumbing.delivery import Policy
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.git.plumbing.plain_file import is_plain_folder, read_plain
from parallelproject.git.policy.policy import too_large
from parallelproject.git.policy.violation import Violation

WORKSPACE_GONE = "WorkspaceGone"
"""The reason of ``check_workspace``."""
_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_INSIDE_MAX = 100_000
"""Maximum number of files of nested repositories that are kept."""


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A folder, and the index that it is compared with."""

    git: GitCommand
    folder: Path
    index: Path
    policy: Policy
    filters: tuple[tuple[str, str], ...] = ()
    """Settings for adding files."""

    def run(self, command: str, *arguments: str, stdin: bytes = b"", codes: Sequence[int] = (0,)) -> bytes:
        """The output of a git command that reads the folder."""
        return self._call(command, *arguments, stdin=stdin, codes=codes).stdout

    def _call(
        self, command: str, *arguments: str, stdin: bytes = b"", codes: Sequence[int] = (0,)
    ) -> subprocess.CompletedProcess[bytes]:
        ignore = self.git.home / "ignore"
        ignore.write_bytes(self.policy.ignore.encode(errors="surrogateescape"))
        where = {"GIT_WORK_TREE": str(self.folder), "GIT_INDEX_FILE": str(self.index)}
        config = [("core.excludesFile", str(ignore)), *self.filters]
        return self.git.run(
            command, *arguments, stdin=stdin, environment=where, config=config, folder=self.folder, codes=codes
        )

    def changed(self) -> tuple[list[str], list[str]]:
        """The deleted paths of the index, and those that look changed; an unreadable folder with ``/`` at its end."""
        # "all": the state of a submodule is not read, since that would run git within it.
        raw = ("diff-files", "-z", "--name-status", "--no-renames", "--ignore-submodules=all")
        done = self._call(*raw)
        fields = split(done.stdout)
        pairs = list(zip(fields[::2], fields[1::2], strict=True))
        # Files behind a symbolic link count as deleted, so that they are not read.
        gone = [path for letter, path in pairs if letter == "D"]
        changed = [path for letter, path in pairs if letter != "D"]
        if done.stderr:  # git treats a file that it cannot read as unchanged, and only warns
            indexed = split(self.run("ls-files", "-z"))
            changed += [path for path in self._closed() if any(each.startswith(path) for each in indexed)]
        return gone, changed

    def new(self) -> list[str]:
        """The paths that are neither in the index nor ignored; a nested repository, and a folder that cannot be
        read, with ``/`` at its end."""
        done = self._call("ls-files", "-z", "--others", "--exclude-standard")
        found = split(done.stdout)
        if done.stderr:  # git skips a folder that it cannot read, and only warns
            closed = self._closed()
            hidden = self.hidden(closed)
            found += [path for path in closed if path not in hidden]
        return found

    def _closed(self) -> list[str]:
        """The folders that cannot be read, with ``/`` at their end."""
        found = list[str]()
        for at, folders, _ in os.walk(self.folder):
            folders[:] = (name for name in folders if name != ".git")
            below = (Path(at, name) for name in folders)
            closed = (folder for folder in below if is_plain_folder(folder) and not _is_open(folder))
            found += [f"{folder.relative_to(self.folder)}/" for folder in closed]
        return found

    def inside(self, path: str) -> Iterator[str]:
        """The files of a nested repository, without its ``.git`` and what its own rules ignore; a folder
        that cannot be read with ``/`` at its end."""
        folder = self.folder / path
        if not is_plain_folder(folder):
            return
        if not _is_open(folder):
            yield f"{path}/"
            return
        empty = self.index.with_name(f"{self.index.name}-empty")
        empty.unlink(missing_ok=True)
        within = WorkTree(self.git, folder, empty, self.policy)
        count = 0
        for name in within.new():
            found = within.inside(name.rstrip("/")) if name.endswith("/") else [name]
            for file in found:
                count += 1
                if count > _INSIDE_MAX:
                    return
                yield f"{path}/{file}"

    def kind(self, path: str, *, tracked: bool = False) -> bool | Violation:
        """True: add it; False: it is not a file; or why it cannot be added."""
        if path.endswith("/"):
            path = path.rstrip("/")
            return nested(path) if _is_open(self.folder / path) else unreadable(path)
        if any(_passes_for_git(part) for part in path.split("/")):
            return Violation("UnsafePath", path, "has a name that git reserves", True)
        file = self.folder / path
        try:
            status = os.lstat(file)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError:
            return unreadable(path)
        if stat.S_ISDIR(status.st_mode):
            return nested(path)
        if stat.S_ISREG(status.st_mode):
            if status.st_size > self.policy.max_file_bytes and not tracked and not self.filters:
                return too_large(path, status.st_size, self.policy)
            if not os.access(file, os.R_OK, follow_symlinks=False):
                return unreadable(path)
        return stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)

    def take(self, add: Sequence[str], remove: Sequence[str]) -> list[Violation]:
        """Adds files to the index, and removes others.

        Returns:
            Those that git cannot convert, which are added unchanged, and those that it refuses.
        """
        if remove:
            # As "mode name\0path": mode 0 removes the path, without reading the work tree.
            zero = "0" * self.git.name_length
            self.run("update-index", "-z", "--index-info", stdin=lines(f"0 {zero}\t{path}" for path in remove))
        return [*self._add(add), *self._passed_over(add)] if add else []

    def _passed_over(self, paths: Sequence[str]) -> list[Violation]:
        """Those that git did not add: it only prints "Ignoring path"."""
        taken = set(split(self.run("ls-files", "-z")))
        return [
            Violation("UnsafePath", path, "has a name that git does not accept", True)
            for path in paths
            if path not in taken and self.kind(path, tracked=True) is True  # and was not deleted meanwhile
        ]

    def _add(self, paths: Sequence[str], *, again: bool = False) -> list[Violation]:
        try:
            self.run("update-index", "--add", "--remove", "--replace", "-z", "--stdin", stdin=lines(paths))
        except GitFailedError as error:
            if len(paths) > 1:  # one of them must not block the others
                middle = len(paths) // 2
                return self._add(paths[:middle]) + self._add(paths[middle:])
            # A refused file is refused again; a single failure of a call, such as a full disk, is not about the file.
            return [self._add_raw(paths[0], error)] if again else self._add(paths, again=True)
        return []

    def _add_raw(self, path: str, error: GitFailedError) -> Violation:
        """Adds a file without the failed conversion, for example after a wrong ``working-tree-encoding``."""
        plain = not any(_is_link(self.folder / above) for above in _above(path))
        content = read_plain(self.folder / path, self.policy.max_file_bytes) if plain else None
        if content is None:
            raise error
        blob = self.git.run("hash-object", "-w", "--stdin", stdin=content).stdout.decode().strip()
        mode = "100755" if os.access(self.folder / path, os.X_OK) else "100644"
        self.run("update-index", "--replace", "-z", "--index-info", stdin=lines([f"{mode} {blob}\t{path}"]))
        return Violation("Unreadable", path, f"cannot be added by git: {error.detail}", False)

    def tree(self) -> str:
        """The index as a tree."""
        return self.run("write-tree").decode().strip()

    def hidden(self, paths: Iterable[str]) -> set[str]:
        """The paths that the patterns of the user, or of the folder's files, ignore."""
        # A link in its place would lead git out of the folder: such a path is skipped.
        asked = [path for path in paths if not any(_is_link(self.folder / above) for above in _above(path))]
        if not asked:
            return set()
        names = lines(f"./{path}" for path in asked)  # so that no name is parsed as a pattern, such as ":(top)"
        output = self.run("check-ignore", "--no-index", "-z", "--stdin", stdin=names, codes=(0, 1))
        return {name.removeprefix("./") for name in split(output)}

    def close(self) -> None:
        """Removes the index."""
        for file in (self.index, self.index.with_name(f"{self.index.name}-empty")):
            with suppress(FileNotFoundError):
                file.unlink()


def check_workspace(folder: Path) -> None:
    """Refuses a workspace that is not in its place: files behind a link may be the user's.

    Raises:
        PolicyError: the workspace was removed, or is reached through a link.
    """
    if folder.is_dir() and os.path.realpath(folder) == str(folder):
        return
    found = "the task removed or replaced its workspace, so there is nothing to land"
    fix = "let the task work in its folder; the next attempt, or --fresh, removes it"
    raise PolicyError(WORKSPACE_GONE, f"{found}; the rest is in {folder.parent} ({fix})")


def nested(path: str) -> Violation:
    """A nested repository."""
    return Violation("NestedRepository", path, "is a separate repository", True)


def unreadable(path: str) -> Violation:
    """A file or folder without read permission."""
    return Violation("Unreadable", path, "cannot be read", True)


def _is_link(path: Path) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:  # deleted, or in an unreadable folder
        return False


def _is_open(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def _above(path: str) -> Iterator[str]:
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def _passes_for_git(name: str) -> bool:
    """Whether some file system treats the name as ``.git``; git refuses those anywhere."""
    return _IGNORED_BY_HFS.sub("", name).rstrip(" .").split(":")[0].casefold() in (".git", "git~1")
