"""Somebody's clone of a repository on Gitea, from which ``pproj`` runs and publishes."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rig.gitearepository import Repository
from tests.gitea.setup import ROBOT, mounted

BRANCH = "parallel/shop"
COMMAND = 'test "$PPROJ_TASK_ID" != "$BREAKS" || { echo half > broken.txt; exit 3; }; echo 1 > "$PPROJ_TASK_ID.txt"'


class Clone:
    """Somebody's clone, whose git has the robot's password."""

    def __init__(self, folder: Path, repository: Repository, token: str) -> None:
        self.folder, self.repository = folder, repository
        self.path = folder / "clone"
        self.token = token
        self.credentials = mounted(folder, repository.gitea, token)
        helper = folder / "helper"
        helper.write_text(f"#!/bin/sh\ncat >/dev/null\necho username={ROBOT}\necho password={token}\n")
        helper.chmod(0o700)
        (folder / "gitconfig").write_text(
            f"[http]\nsslCAInfo = {self.credentials}/ca.crt\n[credential]\nhelper = {helper}\n"
            "[user]\nname = somebody\nemail = somebody@example.org\n"
        )
        self.git("clone", "--quiet", repository.url, str(self.path), cwd=folder)

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=cwd or self.path, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def run(
        self,
        *options: str,
        breaks: str = "",
        code: int = 0,
        forge: str | None = None,
        strategy: str = "SharedBranch",
        command: str = COMMAND,
        **pull_request: Any,
    ) -> str:
        """``pproj run --push``; what it said."""
        argv = [*self.command(forge=forge, strategy=strategy, command=command, **pull_request), "--push", *options]
        done = subprocess.run(
            argv, env=self.environment | {"BREAKS": breaks}, cwd=self.folder, capture_output=True, text=True
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert self.token not in said
        return said

    def command(
        self,
        forge: str | None = None,
        strategy: str = "SharedBranch",
        command: str = COMMAND,
        spec: Mapping[str, Any] | None = None,
        **pull_request: Any,
    ) -> list[str]:
        """The command line of ``pproj run``, with its manifest written."""
        git = {
            "url": str(self.path),
            "strategy": strategy,
            "forge": {"type": "Gitea", "url": forge or self.repository.gitea.url},
            "pullRequest": {"labels": ["agents"], **pull_request},
        }
        tasks = [{"id": "a", "title": "Do | a"}, {"id": "b"}, {"id": "c", "dependencies": ["a"]}]
        manifest = {
            "apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": "shop"},
            "spec": {"git": git, "tasks": tasks, "defaults": {"maxAttempts": 1}, **(spec or {})},
        }  # fmt: skip
        file = self.folder / "shop.yaml"
        file.write_text(yaml.safe_dump(manifest))
        pproj = Path(sys.executable).with_name("pproj")
        state = ["--state-dir", str(self.folder / "state")]
        return [str(pproj), "run", str(file), "--command", command, *state]

    @property
    def environment(self) -> dict[str, str]:
        """That of the clone's owner."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return {**own, "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1"}
