"""What git adds to a local run: a workspace from the branch for every task, and a landing after it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bench.figure import Figure, at_most
from bench.rounds import in_turns, seconds
from bench.setting import Setting

_FILES = 100
_WRITE = "echo $PPROJ_TASK_ID > $PPROJ_TASK_ID.txt"


def run(setting: Setting) -> Iterator[Figure]:
    """Chains of tasks, with a repository and without: the difference, for each task."""
    count = 5 if setting.short else 30
    for what, command in (("does nothing", "true"), ("changes a file", _WRITE)):
        with tempfile.TemporaryDirectory() as folder:
            bench = _Bench(Path(folder), count, command)
            sides = {
                "with": lambda bench=bench: seconds(bench.with_git) / count,
                "without": lambda bench=bench: seconds(bench.without) / count,
                "reference": lambda bench=bench: seconds(bench.worktrees) / count,
            }
            times = in_turns(setting.rounds, sides)
        yield Figure(
            "git",
            f"what git adds to a task that {what}, one after the other, {_FILES} files",
            "s",
            tuple(a - b for a, b in zip(times["with"], times["without"], strict=True)),
            tuple(times["reference"]),
            "git worktree add, add -A, commit, update-ref and worktree remove in a shell",
            at_most(0.3, far_out=3),
        )


class _Bench:
    """A repository, and a chain of tasks."""

    def __init__(self, folder: Path, count: int, command: str) -> None:
        self._folder, self._count, self._command = folder, count, command
        self._repository = folder / "repository"
        self._repository.mkdir()
        for i in range(_FILES):
            (self._repository / f"file-{i}.txt").write_text(f"{i}\n" * 100)
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("config", "user.name", "bench")
        self._git("config", "user.email", "bench@localhost")
        self._git("add", ".")
        self._git("commit", "--quiet", "-m", "start")
        tasks: list[dict[str, Any]] = [
            {"id": f"t{i}", "dependencies": [f"t{i - 1}"] if i else []} for i in range(count)
        ]
        project = {
            "apiVersion": "parallelproject.io/v1alpha1",
            "kind": "ParallelProject",
            "metadata": {"name": "chain"},
            "spec": {"tasks": tasks},
        }
        self._manifest = folder / "chain.yaml"
        self._manifest.write_text(yaml.safe_dump(project))

    def with_git(self) -> None:
        """Lands every task's work."""
        self._run("--repo", str(self._repository), "--state-dir", f"{self._folder}/with")

    def without(self) -> None:
        """Runs the same commands."""
        self._run("--state-dir", f"{self._folder}/without")

    def worktrees(self) -> None:
        """A work tree for each, as a careful person would do it in a shell."""
        script = (
            "set -e; git branch -f line main; for i in $(seq $1); do export PPROJ_TASK_ID=$i; "
            'git worktree add --quiet --detach ../tree line; (cd ../tree; eval "$2"; git add -A; '
            "git commit --quiet --allow-empty -m $i; git update-ref refs/heads/line HEAD); "
            "git worktree remove --force ../tree; done"
        )
        words = ["sh", "-c", script, "sh", str(self._count), self._command]
        subprocess.run(words, check=True, cwd=self._repository, capture_output=True)

    def _run(self, *options: str) -> None:
        pproj = Path(sys.executable).with_name("pproj")
        words = [str(pproj), "run", str(self._manifest), "--command", self._command, "--fresh", *options]
        subprocess.run(words, check=True, cwd=self._folder, stdout=subprocess.DEVNULL)

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], check=True, cwd=self._repository, capture_output=True)
