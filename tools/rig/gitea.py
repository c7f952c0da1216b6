"""A real Gitea that lives as long as a ``with`` block, over HTTPS, with a database and a certificate of its own.

with Gitea() as gitea:
    gitea.user("robot")
    shop = gitea.repository("robot", "shop")
    shop.commit("work", {"a.txt": "1\\n"}, "a", start="main")
"""

import base64
import json
import os
import pwd
import secrets
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rig.binaries import GITEA, GITEA_FILES, Binaries, find_or_build_gitea
from rig.block import Block
from rig.certificate import write_certificate
from rig.deadline import until
from rig.errors import ApiError, PortTakenError, RigError
from rig.gitearepository import Repository
from rig.ports import free_ports
from rig.process import Process
from rig.scratch import Scratch

_TEMPLATE = Path(__file__).parent / "gitea.ini"
_START_SECONDS = 60
_STOP_SECONDS = 0.5  # nothing of it is kept
_COMMAND_SECONDS = 60
_REQUEST_SECONDS = 60
_ATTEMPTS = 5
_ADMIN = "administrator"
_HOST = "127.0.0.1"


class Gitea(Block):
    """A server, its users and its repositories. All is gone when the block ends, or when this process is killed.

    Everything is made by its API with the administrator's token, but the tested code gets a token of a user with only
    the rights given here.
    """

    def __init__(self, *, host: str = _HOST, binaries: Binaries | None = None) -> None:
        """Describe it; entering the block starts it.

        Args:
            host: The address that it listens on, of this machine.
            binaries: The program and its files; found or built if not given.
        """
        self._host = host
        self._given_binaries = binaries
        self._process: Process | None = None
        self._passwords: dict[str, str] = {}
        self._organizations: set[str] = set()

    # Its life.

    def _prepare(self) -> None:
        self._binaries = self._given_binaries or find_or_build_gitea()
        self._scratch = Scratch()

    def _start(self) -> None:
        self._account, self._as_account = _account()
        self._scratch.path.chmod(0o711)  # its own folder is below
        self._home = self._scratch.path / "home"
        self._home.mkdir(mode=0o700)
        self._program = self._scratch.path / "program"
        _link(self._binaries[GITEA], self._program / GITEA)
        for file in self._binaries[GITEA_FILES].rglob("*"):
            if file.is_file():
                _link(file, self._program / file.relative_to(self._binaries.folder))
        self.ca_file = self._scratch.path / "ca.crt"
        write_certificate(self.ca_file, self._home / "key.pem", self._host)
        self._tls = ssl.create_default_context(cafile=str(self.ca_file))
        for attempt in range(1, _ATTEMPTS + 1):
            (port,) = free_ports(1)
            self.url = f"https://{self._host}:{port}"
            self._write_settings(port)
            if attempt == 1:
                self._make_database()
            try:
                self._run_server()
                return
            except PortTakenError:
                if attempt == _ATTEMPTS:
                    raise

    def _write_settings(self, port: int) -> None:
        settings = self._home / "app.ini"
        files = self._program / GITEA_FILES
        settings.write_text(_settings(self._account, self._host, port, self._home, files, self.ca_file))
        if self._as_account:
            for path in (self._home, *self._home.glob("*")):
                shutil.chown(path, self._account)

    def _make_database(self) -> None:
        self._command("migrate")
        printed = self._command(
            "admin", "user", "create", "--admin", "--username", _ADMIN, "--email", f"{_ADMIN}@example.org",
            "--random-password", "--must-change-password=false", "--access-token", "--access-token-name", "rig",
            "--access-token-scopes", "all",
        )  # fmt: skip
        found = [word for word in printed.split() if len(word) == 40 and not set(word) - set("0123456789abcdef")]
        if len(found) != 1:
            raise RigError(f"Gitea gave no token for its administrator:\n{printed}")
        self._token = found[0]

    def _run_server(self) -> None:
        argv = [*self._as_account, *self._argv("web")]
        self._process = Process("gitea", argv, self.log, cwd=self._scratch.path, env=self._environment)
        until(
            lambda: self.request("GET", "/version"), "Gitea to be ready", seconds=_START_SECONDS, needs=[self._process]
        )

    def _command(self, *arguments: str) -> str:
        """Run one of its commands; what it says."""
        done = subprocess.run(
            [*self._as_account, *self._argv(*arguments)], cwd=self._scratch.path, stdin=subprocess.DEVNULL,
            env={**os.environ, **self._environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False, timeout=_COMMAND_SECONDS,
        )  # fmt: skip
        if done.returncode != 0:
            raise RigError(f"gitea {' '.join(arguments[:3])} ended with exit code {done.returncode}\n{done.stdout}")
        return done.stdout

    def _argv(self, *arguments: str) -> list[str]:
        return [str(self._program / GITEA), "--config", str(self._home / "app.ini"), *arguments]

    @property
    def _environment(self) -> dict[str, str]:
        # A push starts it three times more, as hooks: without collecting garbage it is ready in two thirds of the time.
        collect = {"GOGC": "400"}
        return {"HOME": str(self._home), "USER": self._account, "GITEA_WORK_DIR": str(self._home), **collect}

    def _end(self) -> None:
        if self._process:
            self._process.stop(grace_seconds=_STOP_SECONDS)
        self._scratch.remove()

    @property
    def log(self) -> Path:
        """Its output."""
        return self._scratch.path / "gitea.log"

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process else None

    # Using it.

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, authorization: str | None = None
    ) -> Any:
        """Send one request to its API, by default as the administrator; returns the JSON of its answer.

        Args:
            method: Of HTTP.
            path: Below ``/api/v1``, quoted.
            body: What is sent.
            authorization: Another header than the administrator's, as in ``token …``.

        Raises:
            ApiError: The answer has an error status.
            OSError: There was no answer.
        """
        content = self._ask(method, path, body, authorization)
        return json.loads(content) if content.strip() else None

    def rendered(self, text: str) -> str:
        """Markdown as people see it, in HTML."""
        return self._ask("POST", "/markdown", {"Text": text, "Mode": "gfm"}).decode()

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None, authorization: str | None = None) -> bytes:
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": authorization or f"token {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_REQUEST_SECONDS, context=self._tls) as answer:
                content: bytes = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(method, path, error.code, error.read().decode(errors="replace")) from None
        return content

    def user(self, name: str) -> None:
        """Make a user, without any rights."""
        self._passwords[name] = secrets.token_hex(16)
        self.request(
            "POST",
            "/admin/users",
            {
                "username": name,
                "email": f"{name}@example.org",
                "password": self._passwords[name],
                "must_change_password": False,
            },
        )

    def organization(self, name: str) -> None:
        """Make an organisation, which belongs to the administrator."""
        self.request("POST", "/orgs", {"username": name})
        self._organizations.add(name)

    def token(self, user: str, scopes: Iterable[str]) -> str:
        """Make a token of a user made here, for these scopes (``write:repository``)."""
        login = base64.b64encode(f"{user}:{self._passwords[user]}".encode()).decode()
        made = self.request(
            "POST",
            f"/users/{user}/tokens",
            {"name": secrets.token_hex(8), "scopes": list(scopes)},
            authorization=f"Basic {login}",
        )
        return str(made["sha1"])

    def repository(self, owner: str, name: str, rights: Mapping[str, str] | None = None) -> Repository:
        """Make a repository with a first commit on ``main``.

        Args:
            owner: A user or an organisation.
            name: Its name.
            rights: What other users may do, by their names: ``read``, ``write`` or ``admin``.
        """
        of = f"/orgs/{owner}/repos" if owner in self._organizations else f"/admin/users/{owner}/repos"
        self.request("POST", of, {"name": name, "auto_init": True, "default_branch": "main", "readme": "Default"})
        repository = Repository(self, owner, name)
        for user, right in (rights or {}).items():
            repository.request("PUT", f"/collaborators/{user}", {"permission": right})
        return repository


def _account() -> tuple[str, list[str]]:
    """Who is to run it, since it refuses to be run by root, and what its command line has to begin with for that."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name, []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise RigError("Gitea refuses to be run by root, and there is no `setpriv` on the PATH to run it as nobody")
    nobody = pwd.getpwnam("nobody")
    ids = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    # With another user the kernel forgets that it is to die with us (prctl(2), PR_SET_PDEATHSIG).
    return nobody.pw_name, [setpriv, *ids, "--pdeathsig=KILL", "--"]


def _link(source: Path, target: Path) -> None:
    """Make a file of the cache, which may be in a closed folder, readable to the user that runs the server."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:  # another file system
        shutil.copy2(source, target)
    target.chmod(target.stat().st_mode | (0o555 if os.access(source, os.X_OK) else 0o444))


def _settings(account: str, host: str, port: int, home: Path, files: Path, certificate: Path) -> str:
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    places = {"account": account, "host": host, "port": port, "home": home, "files": files, "certificate": certificate}
    return _TEMPLATE.read_text().format(**places, secret=secrets.token_hex(32), internal=secrets.token_hex(32), key=key)
