"""Whether git is there and new enough, knows who its user is, and reaches the remote of the repository."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from parallelproject.cli.doctor.finding import Finding, error, ok, warning
from parallelproject.cli.doctor.programs import ask
from parallelproject.local.delivery.repository import OLDEST_GIT, Repository
from parallelproject.local.errors import RunError

_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=10", "LC_ALL": "C"}


def check_git(folder: Path, asked_for: bool) -> Iterator[Finding]:
    """Lines on git, and on the repository of a folder.

    Args:
        folder: Where the repository is looked for.
        asked_for: Whether it was named: that it is missing is an error only then.
    """
    oldest = ".".join(map(str, OLDEST_GIT))
    if not shutil.which("git"):
        yield error("git", "git is not on the PATH", f"install git {oldest} or newer")
        return
    version = ask(["git", "version"]).line.split()
    number = version[2] if len(version) > 2 else "of an unknown version"
    if tuple(int(part) for part in number.split(".")[:2] if part.isdecimal()) < OLDEST_GIT:
        yield error("git", f"git is {number}; work lands with {oldest} or newer only", f"install git {oldest} or newer")
        return
    yield ok("git", f"git {number}")
    yield _identity(folder)
    yield from _repository(folder, asked_for)


def _identity(folder: Path) -> Finding:
    where = str(folder) if folder.is_dir() else None
    missing = [
        key for key in ("user.name", "user.email") if not ask(["git", "config", "--get", key], folder=where).line
    ]
    if not missing:
        return ok("identity", ask(["git", "config", "--get", "user.email"], folder=where).line)
    fix = "; ".join(f'git config --global {key} "…"' for key in missing)
    return warning("identity", f"{' and '.join(missing)} not set: you cannot merge what has landed", fix)


def _repository(folder: Path, asked_for: bool) -> Iterator[Finding]:
    with tempfile.TemporaryDirectory() as home:
        try:
            repository = Repository(folder, Path(home))
            base = repository.base(None)
            remote = repository.remote(base.name)
        except RunError as failure:
            if asked_for:
                yield error("repository", failure.found, failure.hint or "give --repo another folder")
            else:
                yield ok(
                    "repository", "this folder is not in a repository with a commit; pproj run --repo DIR selects one"
                )
            return
        yield ok("repository", f"{repository.top}, at {base.name}")
        if remote is None:
            yield warning(
                "remote", "the repository has no remote, so nothing can be pushed", "git remote add origin URL"
            )
            return
        answer = ask(["git", "ls-remote", "--heads", remote, "HEAD"], _QUIET, str(repository.top))
        if answer.code == 0:
            yield ok("remote", f"{remote} answers")
        else:
            fix = f"git -C {repository.top} ls-remote {remote} shows it; needed for --push only"
            yield warning("remote", f"{remote} does not answer: {answer.line}", fix)
