"""Publishing at the end of a local run: what is asked of the forge, with whose credentials, and what is said of it."""

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.limited_process import run_limited
from parallelproject.local.errors import RunError
from parallelproject.model.spec import Forge, ForgeType, Git

if TYPE_CHECKING:
    from parallelproject.forge.publishing.request import PublishRequest
    from parallelproject.forge.publishing.result import PublishResult
    from parallelproject.local.delivery.push import Publish, PushedBranch

_FORGE_TOKEN = "forge-token"
_PASSWORDS = ("token", "password")
"""Files of a folder of credentials that hold git's password: a forge's token is one."""
_SAME = {"api.github.com": "github.com"}
_ASKED_SECONDS = 60


def publisher(git: Git, credentials: Path | None) -> "Publish":
    """What publishes a project's work at the end of its run.

    Args:
        git: ``spec.git``, with a forge.
        credentials: A folder with files as a Secret for git has them; None: git is asked for a password.
    """

    def publish(pushed: "PushedBranch") -> list[str]:
        with ExitStack() as stack:
            private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pproj-")))
            folder = credentials or asked_credentials(pushed, private)
            return [result_line(found) for found in _publish(git, folder, private, pushed)]

    return publish


def _publish(git: Git, credentials: Path, private: Path, pushed: "PushedBranch") -> Sequence["PublishResult"]:
    # Here, since a run that publishes nothing needs none of it.
    from parallelproject.forge.publishing.publisher import publish
    from parallelproject.git.plumbing.outcome import DeliveryError

    try:
        return asyncio.run(publish(publish_request(git, credentials, private, pushed)))
    except DeliveryError as error:
        raise RunError(f"publishing {pushed.target.branch}: {error}") from None


def publish_request(git: Git, credentials: Path, private: Path, pushed: "PushedBranch") -> "PublishRequest":
    """The request to publish what was pushed.

    Args:
        git: ``spec.git``.
        credentials: The folder with the credentials.
        private: A folder of our own.
        pushed: What was pushed.

    Raises:
        RunError: there is no token for the forge.
    """
    from parallelproject.forge.publishing.request import PublishRequest
    from parallelproject.git.container import instructions

    forge, target = git.forge, pushed.target
    at: dict[str, Any] = {"type": forge.type.value if forge else ForgeType.NONE.value}
    if forge and forge.url:
        at["url"] = forge.url
    if forge and forge.type is not ForgeType.NONE:
        at["token"] = _token(credentials, forge, pushed)
    fields = instructions.parse(json.dumps(pushed.instruction)) | {
        "url": _without_user(pushed.url),
        "base": target.base.name,
        "run": target.run,
        "state": target.repository.address.url,
        "forge": at,
        "credentials": credentials,
        "local": pushed.url.startswith(("/", "file:///")),
        "private": private / "git",
    }
    return instructions.as_type(PublishRequest, fields)


def _token(credentials: Path, forge: Forge, pushed: "PushedBranch") -> Path:
    """The file with the forge's token. Git's password is sent to the host that it is for, and to no other.

    Raises:
        RunError: it has none.
    """
    own = credentials / _FORGE_TOKEN
    if own.is_file():
        return own
    host = _host(pushed.url)
    asked = _host(forge.url) if forge.url else host
    if _SAME.get(asked, asked) != host:
        found = f"publishing: git's password is for {host or 'the remote'}, and is not sent to {asked}"
        raise RunError(found, f"give --credentials DIR with the token in {_FORGE_TOKEN}")
    found_password = next((credentials / name for name in _PASSWORDS if (credentials / name).is_file()), None)
    if found_password is None:
        raise RunError("publishing: there is no token for the forge", f"give --credentials DIR with {_FORGE_TOKEN}")
    return found_password


def _host(url: str) -> str:
    """The host of an address, also of one as in ``git@host:path``."""
    if "://" in url:
        return urlsplit(url).hostname or ""
    return "" if url.startswith("/") else url.partition(":")[0].rpartition("@")[2]


def _without_user(url: str) -> str:
    """An https address as the isolated git takes it: who it is for is among the credentials."""
    at = urlsplit(url)
    return url if at.scheme != "https" else at._replace(netloc=at.netloc.rpartition("@")[2]).geturl()


def result_line(found: "PublishResult") -> str:
    """A sentence about the result of publishing."""
    where = f": {found.url}" if found.url else ""
    more = f" ({found.message})" if found.message else ""
    return f"{found.branch}: {_WORDS.get(found.end.value, found.end.value)}{where}{more}"


_WORDS = {
    "Merged": "merged",
    "Open": "its pull request is open",
    "Draft": "its pull request is a draft",
    "ChecksFailed": "its pull request is open, its checks have failed",
    "NotInTime": "its pull request is open, but checks or approvals did not finish in time; run again to continue",
    "Closed": "its pull request was closed by a user, and is not opened again",
    "Nothing": "no changes to publish: its base already has all of them",
    "Conflict": "its pull request is open, but it conflicts with its base",
    "Waiting": "its pull request is open",
}


def asked_credentials(pushed: "PushedBranch", private: Path) -> Path:
    """A folder with the password and the certificates that the user's own git has for a remote.

    Raises:
        RunError: it has none that can be had without asking a person.
    """
    folder = private / "credentials"
    folder.mkdir(mode=0o700)
    if pushed.url.startswith(("/", "file:///")):
        return folder  # a folder of this machine
    at = urlsplit(pushed.url)
    if at.scheme == "https":
        user = f"username={unquote(at.username)}\n" if at.username else ""
        host = f"{at.hostname}:{at.port}" if at.port else f"{at.hostname}"
        where = f"protocol=https\nhost={host}\npath={at.path.lstrip('/')}\n{user}\n"
        if at.password:
            found = {"username": unquote(at.username or "git"), "password": unquote(at.password)}
        else:
            found = dict(line.split("=", 1) for line in _git(pushed, "credential", "fill", stdin=where) if "=" in line)
        for authority in _git(pushed, "config", "--type=path", "--get-urlmatch", "http.sslCAInfo", pushed.url):
            shutil.copyfile(authority, folder / "ca.crt")
        if found.get("password"):
            for name in ("username", "password"):
                (folder / name).write_text(found.get(name, ""), encoding="utf-8")
            return folder
    found_host = _host(pushed.url) or "the remote"
    raise RunError(f"publishing: git has no stored password for {found_host}", "give --credentials DIR")


def _git(pushed: "PushedBranch", *arguments: str, stdin: str = "") -> list[str]:
    """What the user's own git says, asking nobody; nothing where it refuses."""
    from parallelproject.local.delivery.push import own_environment

    try:
        done = run_limited(  # a helper of credentials may leave a daemon
            ["git", *arguments],
            _ASKED_SECONDS,
            stdin=stdin.encode(),
            folder=pushed.target.repository.folder,
            environment=own_environment() | {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"publishing: git {arguments[0]} did not end within {_ASKED_SECONDS} s") from None
    return lines_of(done.stdout.decode(errors="replace")) if done.returncode == 0 else []
