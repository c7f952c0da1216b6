"""A real remote repository, and attempts of tasks that deliver to it."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parallelproject.git.landing.land import Landed, land
from parallelproject.git.landing.salvage import Salvaged, salvage
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.workspace.prepare import Prepared, prepare

RUN = "run-1"
BRANCH = "parallel/x"
REFS = f"refs/parallelproject/{RUN}"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{f"GIT_{who}_NAME": "someone" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "someone@example.org" for who in ("AUTHOR", "COMMITTER")},
}


def git(folder: Path, *arguments: str, stdin: str = "", check: bool = True) -> str:
    """Runs git as anybody would, and gives what it prints."""
    environment = ENVIRONMENT | {"PATH": os.environ["PATH"]}  # a test may have added a program to it
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, input=stdin, text=True, capture_output=True, errors="replace"
    )
    assert not check or done.returncode == 0, (arguments, done.stderr)
    return done.stdout.removesuffix("\n")


@dataclass
class Attempt:
    """One attempt of a task, with folders of its own."""

    delivery: Delivery
    place: Place

    def prepare(self) -> Prepared:
        return prepare(self.delivery, self.place)

    def write(self, path: str, content: str | bytes) -> None:
        file = self.place.workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def read(self, path: str) -> str:
        return (self.place.workspace / path).read_text()

    def land(self) -> Landed:
        return land(self.delivery, self.place)

    def salvage(self) -> Salvaged:
        return salvage(self.delivery, self.place)

    def with_policy(self, **fields: Any) -> "Attempt":
        policy = replace(self.delivery.policy, **fields)
        return Attempt(replace(self.delivery, policy=policy), self.place)


class Remote:
    """A bare repository with one commit on ``main``, and a folder for those who work with it."""

    def __init__(self, folder: Path, files: Mapping[str, str], object_format: str = "sha1") -> None:
        self.folder = folder
        self.path = folder / "remote.git"
        self.path.mkdir(parents=True)
        git(self.path, "init", "--quiet", "--bare", "--initial-branch=main", f"--object-format={object_format}")
        git(self.path, "config", "core.fsync", "none")  # this one need not outlive a loss of power
        self.commit("main", files, "start")
        self.attempts = 0

    def commit(
        self, branch: str, files: Mapping[str, str | None], message: str, *, force_parent: str | None = None
    ) -> str:
        """Somebody's commit with these files changed (None: deleted), straight in the remote."""
        parent = force_parent or git(self.path, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False)
        index = self.folder / "index"
        index.unlink(missing_ok=True)
        prefix = [f"--git-dir={self.path}", "-c", "core.bare=false"]
        ENVIRONMENT["GIT_INDEX_FILE"] = str(index)
        try:
            if parent:
                git(self.folder, *prefix, "read-tree", parent)
            for path, content in files.items():
                if content is None:
                    git(self.folder, *prefix, "update-index", "--force-remove", path)
                else:
                    blob = git(self.path, "hash-object", "-w", "--stdin", stdin=content)
                    git(self.folder, *prefix, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
            tree = git(self.folder, *prefix, "write-tree")
        finally:
            del ENVIRONMENT["GIT_INDEX_FILE"]
        made = git(self.path, "commit-tree", *(["-p", parent] if parent else []), tree, "-m", message)
        git(self.path, "update-ref", f"refs/heads/{branch}", made)
        return made

    def attempt(self, task: str, number: int = 1, **fields: Any) -> Attempt:
        """An attempt that has not started."""
        self.attempts += 1
        folder = self.folder / f"{task}-{number}-{self.attempts}"
        settings: dict[str, Any] = {"branch": BRANCH, "run": RUN, "title": f"Do {task}", "local": True, **fields}
        delivery = Delivery(url=str(self.path), task=task, attempt=number, **settings)
        return Attempt(delivery, Place(folder / "workspace", folder / "private"))

    def done(self, task: str, files: dict[str, str], number: int = 1, **fields: Any) -> Attempt:
        """An attempt whose command has ended: it wrote these files."""
        attempt = self.attempt(task, number, **fields)
        attempt.prepare()
        for path, content in files.items():
            attempt.write(path, content)
        return attempt

    def refs(self) -> dict[str, str]:
        """Every ref but ``main``, by name."""
        listed = lines_of(git(self.path, "for-each-ref", "--format=%(refname) %(objectname)"))
        return {name: commit for name, commit in (line.split(" ") for line in listed) if name != "refs/heads/main"}

    def state(self) -> set[str]:
        """The tasks' refs, as in ``a/landed``."""
        return {name.removeprefix(f"{REFS}/") for name in self.refs() if name.startswith(REFS)}

    def tip(self, branch: str = BRANCH) -> str:
        return git(self.path, "rev-parse", f"refs/heads/{branch}")

    def show(self, path: str, ref: str = BRANCH) -> str:
        return git(self.path, "show", f"{ref}:{path}")

    def files(self, ref: str = BRANCH) -> set[str]:
        return set(git(self.path, "ls-tree", "-r", "-z", "--name-only", ref).split("\0")) - {""}

    def tasks(self, branch: str = BRANCH) -> list[str]:
        """The tasks of the commits on the branch, oldest first, by their trailers."""
        form = "--format=%(trailers:key=Parallel-Task,valueonly,separator=%x2C)"
        return git(self.path, "log", "--reverse", form, f"main..{branch}").splitlines()

    def check(self) -> None:
        """The branch is linear, and the repository is whole."""
        merges = git(self.path, "rev-list", "--min-parents=2", "--all")
        assert merges == ""
        git(self.path, "fsck", "--full", "--strict")
