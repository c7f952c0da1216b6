"""Calling git: by argument list, with a clean environment and a configuration that executes nothing.

The content of a repository or a work tree is only data here: no hook, filter, fsmonitor, pager, editor or prompt runs,
no configuration file of the machine or of a user is read, and only the remote's protocol is used.
"""

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from parallelproject.git.plumbing.address import Address
from parallelproject.git.plumbing.credentials import Access, Credentials
from parallelproject.git.plumbing.failure import GitFailedError, clean

SECONDS = 300.0
"""Maximum time of a call of git on this machine."""
REMOTE_SECONDS = 900.0
"""The same for a call that uses the remote; an idle connection is closed after a minute."""

_CONFIG = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.autocrlf", "false"),
    ("core.safecrlf", "false"),
    ("core.protectNTFS", "true"),
    ("core.protectHFS", "true"),
    ("core.askPass", ""),
    ("core.logAllRefUpdates", "false"),
    # For private data: after a loss of power the attempt starts again. Pushed data are the remote's responsibility.
    ("core.fsync", "none"),
    ("credential.helper", ""),  # empty: resets all earlier helpers
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.gpgSign", "false"),
    ("commit.gpgSign", "false"),
    ("log.showSignature", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("i18n.commitEncoding", "UTF-8"),
    ("diff.renames", "false"),
    # A rename is a guess: with equal files it can put one task's edit into the wrong one. See merge.
    ("merge.renames", "false"),
    ("merge.directoryRenames", "false"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("transfer.credentialsInUrl", "die"),
    ("gpg.format", "ssh"),
    ("gpg.ssh.program", "ssh-keygen"),
    ("protocol.allow", "never"),
    ("protocol.ext.allow", "never"),
)
_KEPT = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "ALL_PROXY")
"""The inherited variables: for finding programs and for network access."""
# In a repository of this machine our own receive-pack runs, without its housekeeping and its hooks. Regardless of its
# settings, no work tree is changed or left behind its branch, and our refs may be removed.
LOCAL_RECEIVE_PACK = (
    "git -c core.hooksPath=/dev/null -c receive.autogc=false -c gc.auto=0 "
    "-c receive.denyCurrentBranch=refuse -c receive.denyDeletes=false receive-pack"
)


@dataclass(frozen=True, slots=True)
class GitCommand:
    """Git on one private git directory."""

    directory: Path
    home: Path
    """Our folder that git uses as the user's home and for temporary files."""
    address: Address
    credentials: Credentials = field(default_factory=Credentials)
    inherit: tuple[int, ...] = ()
    """Open files that git inherits: a lock that lasts as long as any of its processes."""

    @property
    def name_length(self) -> int:
        """How many hexadecimal digits the name of an object has: 40 with SHA-1, 64 with SHA-256."""
        return 64 if "sha256" in (self.directory / "config").read_text(encoding="utf-8").casefold() else 40

    def run(
        self,
        command: str,
        *arguments: str,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        config: Iterable[tuple[str, str]] = (),
        folder: Path | None = None,
        codes: Sequence[int] = (0,),
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a command of git that stays on this machine.

        Args:
            command: As in ``commit-tree``.
            arguments: Its arguments; foreign values were validated, or are after ``--``.
            stdin: What it reads.
            environment: Variables of git on top of those of every call.
            config: Settings on top of those of every call.
            folder: The working directory.
            codes: Exit codes that are not failures.

        Raises:
            GitFailedError: it ended with another code, or timed out.
        """
        access = Access(tuple(config), environment)
        return self._call(command, arguments, stdin, access, folder, codes, SECONDS, ())

    def remote(
        self,
        command: str,
        *arguments: str,
        config: Iterable[tuple[str, str]] = (),
        codes: Sequence[int] = (0,),
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a command of git that uses the remote, with the remote's protocol only.

        Raises:
            GitFailedError: it ended with another code, or timed out.
            AuthOrProtectedError: a credential that it needs is missing.
        """
        with self.credentials.access(self.address) as given:
            access = Access(
                (*config, (f"protocol.{self.address.scheme}.allow", "always"), *given.config),
                {"GIT_ALLOW_PROTOCOL": self.address.scheme, **(environment or {}), **(given.environment or {})},
            )
            secrets = self.credentials.secrets()
            return self._call(command, arguments, b"", access, folder, codes, REMOTE_SECONDS, secrets)

    def _call(
        self,
        command: str,
        arguments: Sequence[str],
        stdin: bytes,
        access: Access,
        folder: Path | None,
        codes: Sequence[int],
        seconds: float,
        secrets: Sequence[str],
    ) -> subprocess.CompletedProcess[bytes]:
        process = subprocess.Popen(
            ["git", command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(access),
            cwd=folder or self.home,
            pass_fds=self.inherit,
            start_new_session=True,  # so that a Ctrl-C for us does not interrupt it, and the whole group can be killed
        )
        try:
            out, output = process.communicate(stdin, seconds)
        except subprocess.TimeoutExpired:
            raise GitFailedError(command, -signal.SIGKILL, f"no end after {seconds:g} s", timed_out=True) from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                with suppress(OSError):  # not read to their end: a process in the background may hold them open
                    pipe.close()  # type: ignore[union-attr]
        if process.returncode not in codes:
            raise GitFailedError(command, process.returncode, clean(output or out, secrets))
        return subprocess.CompletedProcess([command], process.returncode, out, clean(output, secrets).encode())

    def _environment(self, access: Access) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        config = (*_CONFIG, *access.config)
        entries: dict[str, str] = {"GIT_CONFIG_COUNT": str(len(config))}
        for i, (key, value) in enumerate(config):
            entries |= {f"GIT_CONFIG_KEY_{i}": key, f"GIT_CONFIG_VALUE_{i}": value}
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            **kept,
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "LC_ALL": "C",
            "GIT_DIR": str(self.directory),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "SSH_ASKPASS_REQUIRE": "never",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            **entries,
            **(access.environment or {}),
        }


def split(raw: bytes) -> list[str]:
    """The fields of what git prints with ``-z``."""
    return [path for path in raw.decode(errors="surrogateescape").split("\0") if path]


def lines(lines: Iterable[str]) -> bytes:
    """Fields as git reads them with ``-z``."""
    return "".join(f"{line}\0" for line in lines).encode(errors="surrogateescape")
