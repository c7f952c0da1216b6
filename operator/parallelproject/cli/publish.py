"""Publishing at the end of a local run: what is asked of the forge, with whose credentials, and what is said of it."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from parallelproject.model.spec import ForgeType, Git, MergeMode, PullRequest
from parallelproject.run.errors import RunError

if TYPE_CHECKING:
    from parallelproject.forge.published import Published
    from parallelproject.run.push import Publish, Pushed

_TOKENS = ("forge-token", "token", "password")
"""Files of a folder of credentials, the first that is there holds the forge's token: it is a password of git's, too."""
_ASKED_SECONDS = 60


def publisher(project: str, git: Git, credentials: Path | None) -> "Publish":
    """What publishes a project's branch at the end of its run.

    Args:
        project: The project's name.
        git: ``spec.git``, with a forge.
        credentials: A folder with files as a Secret for git has them; None: git is asked for a password.
    """

    def publish(pushed: "Pushed") -> list[str]:
        with ExitStack() as stack:
            private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pproj-")))
            folder = credentials or _asked(pushed, private)
            return [_told(found) for found in _publish(project, git, folder, private, pushed)]

    return publish


def _publish(project: str, git: Git, credentials: Path, private: Path, pushed: "Pushed") -> Sequence["Published"]:
    # Here, since a run that publishes nothing needs none of it.
    from parallelproject.forge import publication
    from parallelproject.git import wire
    from parallelproject.git.outcome import DeliveryError

    wanted, forge, target = git.pull_request or PullRequest(), git.forge, pushed.target
    at: dict[str, Any] = {"type": forge.type.value if forge else ForgeType.NONE.value}
    if forge and forge.url:
        at["url"] = forge.url
    token = next((credentials / name for name in _TOKENS if (credentials / name).is_file()), None)
    if token:
        at["token"] = token
    fields: Mapping[str, Any] = {
        "url": pushed.url,
        "base": target.base.name,
        "branch": target.branch,
        "project": project,
        "run": target.run,
        "state": target.repository.address.url,
        "forge": at,
        "credentials": credentials,
        "local": pushed.url.startswith(("/", "file:///")),
        "private": private / "git",
        "title": wanted.title,
        "body": wanted.body,
        "labels": wanted.labels,
        "draft": wanted.draft,
        "merge": wanted.merge if pushed.is_whole else MergeMode.MANUAL,
        "tasks": pushed.tasks,
    }
    try:
        return asyncio.run(publication.publish(wire.as_type(publication.Publication, fields)))
    except DeliveryError as error:
        raise RunError(f"publishing {target.branch}: {error}") from None


def _told(found: "Published") -> str:
    where = f": {found.url}" if found.url else ""
    more = f" ({found.message})" if found.message else ""
    return f"{found.branch}: {_WORDS.get(found.end.value, found.end.value)}{where}{more}"


_WORDS = {
    "Merged": "merged",
    "Open": "its pull request is open",
    "Draft": "its pull request is a draft",
    "ChecksFailed": "its pull request is open, its checks have failed",
    "NotInTime": "its pull request is open, its checks take longer than was waited for; run it again to go on",
    "Closed": "its pull request was closed by somebody, and is not opened again",
    "Nothing": "there is nothing in it that its base has not",
    "Conflict": "its pull request is open, and does not merge",
}


def _asked(pushed: "Pushed", private: Path) -> Path:
    """A folder with the password and the certificates that the user's own git has for a remote.

    Raises:
        RunError: it has none that can be had without asking a person.
    """
    folder = private / "credentials"
    folder.mkdir(mode=0o700)
    at = urlsplit(pushed.url)
    if not at.scheme:
        return folder  # a folder of this machine
    if at.scheme == "https":
        where = f"protocol=https\nhost={at.hostname}{f':{at.port}' if at.port else ''}\npath={at.path.lstrip('/')}\n\n"
        found = dict(line.split("=", 1) for line in _git(pushed, "credential", "fill", stdin=where) if "=" in line)
        for authority in _git(pushed, "config", "--type=path", "--get-urlmatch", "http.sslCAInfo", pushed.url):
            shutil.copyfile(authority, folder / "ca.crt")
        if found.get("password"):
            for name in ("username", "password"):
                (folder / name).write_text(found.get(name, ""))
            return folder
    raise RunError(f"publishing: git has no password for {at.hostname or 'the remote'}", "give --credentials DIR")


def _git(pushed: "Pushed", *arguments: str, stdin: str = "") -> list[str]:
    """What the user's own git says, asking nobody; nothing where it refuses."""
    done = subprocess.run(
        ["git", *arguments], input=stdin, capture_output=True, text=True, timeout=_ASKED_SECONDS,
        cwd=pushed.target.repository.folder,
        env=os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "LC_ALL": "C"},
    )  # fmt: skip
    return done.stdout.splitlines() if done.returncode == 0 else []
