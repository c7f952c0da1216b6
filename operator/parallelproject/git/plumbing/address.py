"""The address of a repository: which are allowed, and which protocol each may use."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.model.problem import quoted

_HOST = re.compile(r"(?!-)[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_SCP = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>[^@/:]+|\[[^\]/]+\]):(?P<path>[^/:].*|/.+)")
_PATH = re.compile(r"[^\x00-\x20\x7f-\x9f\\]+")
_LONGEST = 2048
_SCHEMES = ("http", "https", "ssh", "git", "file", "ftp", "ftps", "ext", "fd")
"""As in ``https:host/x``, which git would take for a host named https."""


@dataclass(frozen=True, slots=True)
class Address:
    """A validated address of a repository. Contains no credential."""

    url: str
    """The address for git."""
    scheme: str
    """``https``, ``ssh`` or ``file``: the only protocol that git may use for it."""
    origin: str = ""
    """``https://host:port``: the only place where a password may be sent."""


def parse(url: str, *, local: bool = False) -> Address:
    """Checks an address.

    Args:
        url: ``https://host/path``, ``ssh://user@host/path`` or ``user@host:path``; in local mode also an absolute
            path or ``file:///path``.
        local: Whether a repository on this machine is allowed.

    Raises:
        PolicyError: any other address. The message does not repeat what may be a password.
    """
    if len(url) > _LONGEST or not url:
        raise _refused("is empty" if not url else f"is longer than {_LONGEST} characters")
    if local and (url.startswith(("/", "file:///"))):
        return _on_this_machine(url)
    if not _PATH.fullmatch(url):
        raise _refused("contains a space, a control character or a backslash")
    if url.startswith("-"):
        raise _refused('starts with "-"')
    if "://" in url:
        return _with_scheme(url)
    found = _SCP.fullmatch(url)
    if not found or "::" in url or found["host"] in _SCHEMES:
        raise _refused("is neither https://host/path, ssh://user@host/path nor user@host:path")
    _check(found["host"], found["user"], found["path"])
    return Address(url, "ssh")


def _with_scheme(url: str) -> Address:
    try:
        parts = urlsplit(url)
        host, port, user = parts.hostname or "", parts.port, parts.username
    except ValueError:
        raise _refused("cannot be read as an address") from None
    if parts.scheme not in ("https", "ssh") or not url.startswith(parts.scheme + "://"):
        allowed = "https and ssh are allowed"
        raise _refused(f"has the scheme {quoted(url.partition('://')[0], 20)} ({allowed})")
    if parts.password is not None or (parts.scheme == "https" and user is not None):
        raise _refused("contains a user or a password (give them as credentials, in a file)")
    if parts.query or parts.fragment:
        raise _refused("has a query or a fragment")
    shown = f"[{host}]" if ":" in host else host
    _check(shown, user, parts.path)
    return Address(url, parts.scheme, f"{parts.scheme}://{shown}" + (f":{port}" if port else ""))


def _check(host: str, user: str | None, path: str) -> None:
    if not _HOST.fullmatch(host):
        raise _refused("has no valid host")
    if user is not None and not _USER.fullmatch(user):
        raise _refused("has no valid user")
    names = path.strip("/").split("/")
    if not names[0] or ".." in names or names[0].startswith("-"):
        raise _refused('has a path that is empty, starts with "-" or contains ".."')


def _on_this_machine(url: str) -> Address:
    path = url.removeprefix("file://")
    if any(ord(character) < 32 or ord(character) == 127 for character in path) or ".." in Path(path).parts:
        raise _refused('contains a control character or ".."')
    return Address(path, "file")


def _refused(why: str) -> PolicyError:
    return PolicyError("InvalidUrl", f"git url: it {why}")
