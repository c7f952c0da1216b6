"""What the repository's owner has set up for git, read with that person's own settings and as data only.

Our own git reads no configuration but its own. What somebody's git leaves aside, fills in or fetches later is asked of
it here, so that a run can honour it, or say beforehand what it does not do.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from parallelproject.git.plumbing.failure import clean
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.local.errors import RunError
from parallelproject.local.state.workspaces import without_ways_out

_SECONDS = 1800
"""Longest that fetching what a partial clone lacks may take."""
_ROUNDS = 200
"""A folder's content shows only once the folder is here: more than any tree is deep."""


@dataclass(frozen=True, slots=True)
class OwnerSettings:
    """The configuration of git as the repository's owner has it: system, user and repository."""

    directory: Path
    """The common git directory."""
    values: Mapping[str, str]
    """By key, in lower case but for the part between the dots, its last value."""
    excludes_file: Path | None

    @property
    def ignore(self) -> str:
        """Lines of gitignore(5) that stand outside the work tree, those that win last."""
        files = [self.excludes_file, self.directory / "info" / "exclude"]
        return "\n".join(text for text in map(_text, files) if text)

    @property
    def without_filters(self) -> list[tuple[str, str]]:
        """Settings by which git runs none of its filters, as it does to see whether a file has changed."""
        names = {key.removeprefix("filter.").rpartition(".")[0] for key in self.values if key.startswith("filter.")}
        off = (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
        return [(f"filter.{name}.{key}", value) for name in sorted(names) for key, value in off]

    @property
    def promisor(self) -> str | None:
        """The remote that a partial clone fetches from what it lacks."""
        found = [key for key, value in self.values.items() if key.endswith(".promisor") and value in ("true", "", "1")]
        names = [key.removeprefix("remote.").removesuffix(".promisor") for key in found if key.startswith("remote.")]
        return self.values.get("extensions.partialclone") or next(iter(names), None)

    def fetch_missing(self, commits: Iterable[str]) -> int:
        """Fetches the files of some commits that a partial clone lacks, as its owner's git does; how many there were.

        Raises:
            RunError: they cannot be fetched.
        """
        remote = self.promisor
        before: set[str] = set()
        if remote is None:
            return 0
        trees = [f"{commit}^{{tree}}" for commit in commits]
        for tree in trees:  # fetched like this where the clone has no folders either; a failure shows below
            _git(self.directory, "cat-file", "-e", tree)
        for _ in range(_ROUNDS):
            listed = _git(self.directory, "rev-list", "--objects", "--missing=print", "--no-object-names", *trees)
            missing = {line[1:] for line in lines_of(listed.stdout.decode()) if line.startswith("?")}
            if listed.returncode or missing <= before:
                break
            options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none")
            asked = "".join(f"{name}\n" for name in sorted(missing)).encode()
            noop = ("-c", "fetch.negotiationAlgorithm=noop")
            done = _git(self.directory, *noop, "fetch", *options, "--stdin", "--", remote, stdin=asked)
            if done.returncode:
                found = f"and what it lacks cannot be fetched from {remote}: {clean(done.stderr, ())}"
                raise self._incomplete(found)
            before |= missing
        if listed.returncode or missing:
            raise self._incomplete(f"and lacks {len(missing) or 'some'} objects")
        return len(before)

    def _incomplete(self, found: str) -> RunError:
        fetch = f"git --git-dir={self.directory} fetch --refetch --no-filter {self.promisor}"
        return RunError(f"{self.directory} is a partial clone, {found}", f"{fetch}, or --repo names a whole clone")


def owner_settings(directory: Path, top: Path) -> OwnerSettings:
    """Reads them.

    Args:
        directory: The common git directory.
        top: The work tree; a bare repository itself.
    """
    listed = _git(directory, "config", "--list", "--null", "--includes").stdout.decode(errors="surrogateescape")
    values = {key: value for key, _, value in (entry.partition("\n") for entry in listed.split("\0") if entry)}
    named = None
    if "core.excludesfile" in values:  # asked for by itself, since git knows what ~ is
        printed = _git(directory, "config", "--path", "--get", "core.excludesFile").stdout
        named = printed.decode(errors="surrogateescape").rstrip("\n")
        return OwnerSettings(directory, values, top / named if named else None)
    return OwnerSettings(directory, values, _default_excludes())


def _default_excludes() -> Path | None:
    """Where git looks when nothing is set (gitignore(5))."""
    home = os.environ.get("HOME")
    base = os.environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    return Path(base) / "git" / "ignore" if base else None


def _text(file: Path | None) -> str:
    try:
        return file.read_bytes().decode(errors="surrogateescape") if file else ""
    except OSError:
        return ""


def _git(directory: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = without_ways_out(os.environ) | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", f"--git-dir={directory}", *arguments]
    try:
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise RunError(f"git {arguments[0]} in {directory} did not end within {_SECONDS} s") from None
