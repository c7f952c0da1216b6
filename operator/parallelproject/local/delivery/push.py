"""``--push``: the branch on a remote, by the very command that a person would type, with that person's own settings."""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from parallelproject.git.plumbing.failure import clean
from parallelproject.limited_process import run_limited
from parallelproject.local.delivery.target import LandingTarget
from parallelproject.local.errors import RunError
from parallelproject.local.state.workspaces import without_ways_out

_SECONDS = 600


@dataclass(frozen=True, slots=True)
class PushedBranch:
    """What was pushed, for the process that publishes it."""

    url: str
    """The remote's address, as the repository's owner has set it."""
    target: LandingTarget
    instruction: Mapping[str, Any]
    """What is to be published (``core.followups.revision.instruction``)."""


Publish = Callable[[PushedBranch], list[str]]
"""Publishes, and gives lines for the user. Raises RunError."""

Deliver = Callable[[LandingTarget, Mapping[str, Any], Callable[[str], None]], None]
"""Pushes and publishes what has landed, by its target and instruction, and says so. Raises RunError."""


def remote_of(target: LandingTarget) -> str:
    """The name of the remote.

    Raises:
        RunError: its remote or address is missing.
    """
    name = target.repository.remote(target.base.name)
    if name is None:
        hint = "git remote add origin URL"
        raise RunError(f"--push: {target.repository.folder} has no remote to push {target.branch} to", hint)
    return name


def push(target: LandingTarget) -> str:
    """Pushes the branch, never by force; gives the name of the remote.

    Raises:
        RunError: it could not be pushed. The message holds no address, which may hold a password.
    """
    remote = remote_of(target)
    ref = f"refs/heads/{target.branch}"
    environment = own_environment()
    command = ["git", f"--git-dir={target.repository.address.url}", "push", "--quiet", "--", remote, f"{ref}:{ref}"]
    where = target.repository.top  # to which the path of a remote may be relative
    try:
        done = run_limited(  # ssh may leave a connection open, and ask for a password on the terminal
            command, _SECONDS, folder=where, environment=environment | {"LC_ALL": "C"}, own_group=False
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"--push: git push did not end within {_SECONDS} s") from None
    if done.returncode:
        raise RunError(f"--push: {target.branch} was not pushed to {remote}: {clean(done.stderr, ())}")
    return remote


def own_environment() -> dict[str, str]:
    """The caller's environment, without what would lead git to another repository."""
    return without_ways_out(os.environ)


def address_of(target: LandingTarget, remote: str) -> str:
    """The address that the branch is pushed to.

    Raises:
        RunError: git does not tell it.
    """
    command = ["git", f"--git-dir={target.repository.address.url}", "remote", "get-url", "--push", "--", remote]
    variables = own_environment() | {"LC_ALL": "C"}
    done = subprocess.run(command, env=variables, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise RunError(f"--push: git knows no address of {remote}")
    address = done.stdout.strip()
    if address.startswith(("./", "../")) or address in (".", ".."):
        return os.path.abspath(target.repository.top / address)  # noqa: PTH100 - not through links, as git does
    return address
