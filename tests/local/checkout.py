"""A repository that somebody works in, and a ``git`` for the PATH that strikes at the call that is asked for."""

import hashlib
import os
import shutil
from pathlib import Path

from tests.git.remote import git

BRANCH = "parallel/demo"
LINES = "".join(f"line {i}\n" for i in range(20))


class Checkout:
    """A repository with a work tree, on ``main`` with one commit."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "checkout"
        self.path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        (self.path / "shared.txt").write_text(LINES)
        (self.path / "README").write_text("hello\n")
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", "start")

    def git(self, *arguments: str, check: bool = True) -> str:
        return git(self.path, *arguments, check=check)

    def tasks(self, branch: str = BRANCH) -> list[str]:
        """The tasks of the commits on the branch, oldest first, by their trailers."""
        form = "--format=%(trailers:key=Parallel-Task,valueonly,separator=%x2C)"
        return self.git("log", "--reverse", form, f"main..{branch}").splitlines()

    def show(self, path: str, ref: str = BRANCH) -> str:
        return self.git("show", f"{ref}:{path}")

    def state(self) -> set[str]:
        """The tasks' refs, as in ``a/landed``."""
        names = self.git("for-each-ref", "--format=%(refname)", "refs/parallelproject/").splitlines()
        return {"/".join(name.split("/")[3:]) for name in names}

    def ref(self, name: str) -> str:
        """A task's ref in full, from its short form."""
        names = self.git("for-each-ref", "--format=%(refname)", "refs/parallelproject/").splitlines()
        return next(full for full in names if full.endswith(f"/{name}"))

    def check(self) -> None:
        """The branch is linear, and the repository is whole."""
        assert self.git("rev-list", "--min-parents=2", "--all") == ""
        self.git("fsck", "--full", "--strict")

    def fingerprint(self) -> dict[str, str]:
        """Of every file that is its owner's: the work tree, and all of ``.git`` but objects and what is ours."""
        ours = (
            ".git/objects",
            ".git/refs/heads/parallel",
            ".git/logs/refs/heads/parallel",
            ".git/refs/parallelproject",
        )
        found = {}
        for file in sorted(self.path.rglob("*")):
            name = str(file.relative_to(self.path))
            if file.is_file() and not name.startswith(ours):
                found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
        return found


class Striker:
    """A ``git`` that does something else at one call, whoever calls it."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.calls = folder / "calls"
        self.struck = folder / "struck"
        self.engine = folder / "engine.pid"

    def arm(self, what: str, *, at: int = 0, command: str = "", times: int = 1) -> None:
        """At the ``at``-th call of git, or at the first ``times`` of one command, ``what`` is done.

        Args:
            what: Shell; ``real`` is what was asked for.
            at: From 1.
            command: As in ``push``.
            times: How often at most.
        """
        shutil.rmtree(self.struck, ignore_errors=True)
        self.struck.mkdir()
        self.calls.write_text("")
        when = f'test "$1" = {command}' if command else f'test "$(wc -l < "{self.calls}")" -ge {at}'
        turns = " || ".join(f'mkdir "{self.struck}/{i}" 2>/dev/null' for i in range(times))
        script = self.bin / "git"
        script.write_text(
            f'#!/bin/sh\nreal() {{ "{shutil.which("git")}" "$@"; }}\necho "$1" >> "{self.calls}"\n'
            f'engine=$(cat "{self.engine}")\nif {when} && {{ {turns}; }}; then {what}; else '
            f'exec "{shutil.which("git")}" "$@"; fi\n'
        )
        script.chmod(0o755)

    def use(self) -> None:
        """In the process of the engine, before it starts."""
        self.engine.write_text(str(os.getpid()))
        os.environ["PATH"] = f"{self.bin}:{os.environ['PATH']}"

    @property
    def has_struck(self) -> bool:
        return any(self.struck.iterdir())
