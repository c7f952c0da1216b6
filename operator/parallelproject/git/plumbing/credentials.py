"""Credentials for a remote: mounted files, read again at each use.

They reach git by a credential helper (a password) or as a separate file (a key): never in an argument, an
address, a log or an error. Keys of the folder are those of Kubernetes' basic-auth and ssh-auth Secrets:
``username``, ``password`` (or ``token``), ``ssh-privatekey``, ``known_hosts``, and ``ca.crt`` for a private server.
"""

import base64
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from parallelproject.git.plumbing.address import Address
from parallelproject.git.plumbing.outcome import AuthOrProtectedError

_FOLDER = "PPROJ_GIT_CREDENTIALS"
# Read by sh's own read and written by its own printf: a password is no argument of any process.
_HELPER = (
    f'!f() {{ test "$1" = get || exit 0; cat >/dev/null; cd "${_FOLDER}" || exit 0; u=git; '
    "if test -f username; then IFS= read -r u <username || :; fi; p=; "
    'for n in password token; do if test -z "$p" && test -f $n; then IFS= read -r p <$n || :; fi; done; '
    'test -n "$p" || exit 0; printf \'username=%s\\npassword=%s\\n\' "$u" "$p"; }; f'
)
_SSH = (
    "ssh", "-F", "/dev/null", "-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oGlobalKnownHostsFile=/dev/null",
    "-oUpdateHostKeys=no", "-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oForwardAgent=no",
    "-oClearAllForwardings=yes", "-oPermitLocalCommand=no", "-oConnectTimeout=30",
    "-oServerAliveInterval=15", "-oServerAliveCountMax=4",
)  # fmt: skip
_SHORTEST = 6
"""A shorter text is not searched for as a secret: it would be found everywhere."""


@dataclass(frozen=True, slots=True)
class Access:
    """What one call of git needs to reach the remote."""

    config: tuple[tuple[str, str], ...] = ()
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """A folder of mounted files; None: the remote needs no credentials."""

    folder: Path | None = None
    other: tuple[str, ...] = field(default=(), repr=False)
    """Secret values that are not for the remote, and that no work may have either."""

    @contextmanager
    def access(self, address: Address) -> Iterator[Access]:
        """How git accesses the remote, valid within the block.

        Raises:
            AuthOrProtectedError: a credential for the address is missing.
        """
        if self.folder is None or address.scheme == "file":
            yield Access()
        elif address.scheme == "https":
            config = [(f"credential.{address.origin}.helper", _HELPER)]
            authority = self.folder / "ca.crt"
            if authority.is_file():
                config.append(("http.sslCAInfo", str(authority)))
            yield Access(tuple(config), {_FOLDER: str(self.folder)})
        else:
            known = self.folder / "known_hosts"
            for needed in (known, self.folder / "ssh-privatekey"):
                if not needed.is_file():
                    raise AuthOrProtectedError("CredentialMissing", f"credentials: no {needed.name} for ssh")
            with usable_key(self.folder / "ssh-privatekey") as key:
                # ssh takes a file name with spaces only in quotes of its own, within those of the shell.
                command = shlex.join([*_SSH, "-i", str(key), f'-oUserKnownHostsFile="{known}"'])
                yield Access((), {"GIT_SSH_COMMAND": command, "GIT_SSH_VARIANT": "ssh"})

    def secrets(self) -> tuple[str, ...]:
        """The secret values, in all forms in which they could appear."""
        if self.folder is None:
            return self.other
        found = list(self.other)
        user = (_first_line(self.folder / "username") or "git").encode(errors="surrogateescape")
        for name in ("password", "token"):
            value = _first_line(self.folder / name)
            if value:
                raw = value.encode(errors="surrogateescape")
                basic = base64.b64encode(user + b":" + raw).decode()
                found += [value, basic, base64.b64encode(raw).decode()]
        key = _text(self.folder / "ssh-privatekey")
        found += [line.strip() for line in key.splitlines() if len(line) > 40]
        return tuple(value for value in found if len(value) >= _SHORTEST)


@contextmanager
def usable_key(key: Path) -> Iterator[Path]:
    """The key in a form that OpenSSH accepts: readable only by us, ending with a newline.

    Mounted files are often neither. A copy is kept in memory, so it is on no disk and ends with this process.

    Raises:
        AuthOrProtectedError: the key cannot be read.
    """
    try:
        content = key.read_bytes()
        status = key.stat()
    except OSError as error:
        raise AuthOrProtectedError("CredentialMissing", f"credentials: {key.name}: {error.strerror}") from None
    if content.endswith(b"\n") and (status.st_uid != os.getuid() or not status.st_mode & 0o077):
        yield key
        return
    memory = os.memfd_create("key")
    try:
        os.write(memory, content.rstrip() + b"\n")
        os.fchmod(memory, 0o600)
        # By our own pid: ssh closes every file that it inherits.
        yield Path(f"/proc/{os.getpid()}/fd/{memory}")
    finally:
        os.close(memory)


def _first_line(path: Path) -> str:
    return _text(path).split("\n", 1)[0]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
