"""Which uncommitted files of the user's checkout the workspaces get: those that patterns of gitignore(5) name.

``spec.workspace.copy`` and ``link`` name them, and a file ``.worktreeinclude`` at the top of the checkout, as other
tools have it: that file names only files that git ignores. Tracked files are never among them, nor is anything of the
state of runs or of a nested repository. git itself matches the patterns.
"""

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from parallelproject.git.plumbing.command import GitCommand, lines, split
from parallelproject.git.plumbing.plain_file import read_plain
from parallelproject.local.delivery.owner_settings import OwnerSettings
from parallelproject.local.state.directory import FOLDER

INCLUDE_FILE = ".worktreeinclude"
_INCLUDE_MAX = 256 * 1024


class CheckoutFiles(NamedTuple):
    """Paths relative to the top of the checkout. A folder stands for all that is in it."""

    copied: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()


class Checkout(NamedTuple):
    """A work tree of the user."""

    git: GitCommand
    top: Path
    settings: OwnerSettings

    def files(self, copied: Sequence[str], linked: Sequence[str], state: Path) -> CheckoutFiles:
        """What there is of these patterns.

        Args:
            copied: Patterns of files to copy.
            linked: Patterns of files to link.
            state: The state directory of the run, which is no part of it.

        Raises:
            GitFailedError: the checkout cannot be read.
        """
        text = read_plain(self.top / INCLUDE_FILE, _INCLUDE_MAX) or b""
        to_link = self._kept(self._matching("\n".join(linked).encode()) if linked else set(), state)
        found = self._matching("\n".join(copied).encode()) if copied else set()
        if text.strip():
            found |= _both(self._matching(text), self._ignored())
        to_copy = [path for path in self._kept(found, state) if not _is_below(path, to_link)]
        return CheckoutFiles(tuple(to_copy), tuple(to_link))

    def _kept(self, paths: set[str], state: Path) -> list[str]:
        """The outermost of some paths, without the state of runs and nested repositories."""
        kept = []
        for path in _outermost(paths):
            real = self.top / path
            parts = path.split("/")
            is_state = FOLDER in parts or state.is_relative_to(real) or real.is_relative_to(state)
            if not is_state and ".git" not in parts and not (real / ".git").exists() and "\n" not in path:
                kept.append(path)
        return kept

    def _matching(self, patterns: bytes) -> set[str]:
        """Untracked paths that patterns name; a folder that they name as a whole is one path."""
        with tempfile.TemporaryDirectory(dir=self.git.home) as scratch:
            rules, empty = Path(scratch, "rules"), Path(scratch, "empty")
            rules.write_bytes(patterns + b"\n")
            empty.mkdir()
            listed = self._untracked("--ignored", f"--exclude-from={rules}")
            for path in listed:
                # git names the folders on the way to a match as well: where only these rules are, it is asked again.
                (empty / path if path.endswith("/") else (empty / path).parent).mkdir(parents=True, exist_ok=True)
            return self._check(listed, empty, rules)

    def _ignored(self) -> set[str]:
        """Untracked paths that git ignores in the checkout."""
        rules = self.settings.excludes_file or Path(os.devnull)
        return self._check(self._untracked("--ignored", "--exclude-standard"), self.top, rules)

    def _untracked(self, *options: str) -> list[str]:
        rules = self.settings.excludes_file or Path(os.devnull)
        done = self.git.run(
            "ls-files", "-z", "--others", "--directory", *options,
            environment={"GIT_WORK_TREE": str(self.top)}, folder=self.top,
            config=[("core.excludesFile", str(rules)), *self.settings.without_filters],
        )  # fmt: skip
        return split(done.stdout)

    def _check(self, paths: Iterable[str], folder: Path, rules: Path) -> set[str]:
        """Those of some paths that are ignored in a folder."""
        names = lines(f"./{path.rstrip('/')}" for path in paths)
        if not names:
            return set()
        done = self.git.run(
            "check-ignore", "--no-index", "-z", "--stdin", stdin=names, codes=(0, 1), folder=folder,
            environment={"GIT_WORK_TREE": str(folder)}, config=[("core.excludesFile", str(rules))],
        )  # fmt: skip
        return {name.removeprefix("./") for name in split(done.stdout)}


def _outermost(paths: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for path in sorted(paths, key=lambda path: path.split("/")):
        if not (kept and path.startswith(f"{kept[-1]}/")):
            kept.append(path)
    return kept


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _both(named: set[str], ignored: set[str]) -> set[str]:
    """The paths that are in both sets, as themselves or as part of a folder."""
    return {path for path in named if _is_below(path, ignored)} | {path for path in ignored if _is_below(path, named)}
