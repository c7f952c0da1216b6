"""The address of a forge, and the name of the repository there."""

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from parallelproject.git.plumbing.address import parse
from parallelproject.git.plumbing.outcome import AuthOrProtectedError, PolicyError
from parallelproject.model.problem import quoted
from parallelproject.model.spec import ForgeType
from parallelproject.proxy_settings import proxy_for

_API = {ForgeType.GITHUB: "/api/v3", ForgeType.GITLAB: "/api/v4", ForgeType.GITEA: "/api/v1"}
_GITHUB = "https://api.github.com"


@dataclass(frozen=True, slots=True)
class Server:
    """The API of a forge, a repository on it, and the file with the token."""

    api: str
    """``https://host[:port]/…``, without a slash at its end."""
    project: str
    """``owner/name``; on GitLab with any number of groups."""
    token: Path
    authority: Path | None = None
    """Certificates of a private server, in PEM."""

    @property
    def origin(self) -> str:
        """Where the token may be sent."""
        at = urlsplit(self.api)
        return f"{at.scheme}://{at.netloc}"

    @property
    def proxy(self) -> str | None:
        """The proxy for it from the environment."""
        return proxy_for(self.api)

    @property
    def context(self) -> ssl.SSLContext | bool:
        """The TLS context that verifies it."""
        return ssl.create_default_context(cafile=str(self.authority)) if self.authority else True

    @property
    def owner(self) -> str:
        """The user or organisation that owns the repository."""
        return self.project.rpartition("/")[0]

    def read_token(self) -> str:
        """The current token from the file: tokens expire, and are replaced.

        Raises:
            AuthOrProtectedError: no usable token.
        """
        try:
            value = self.token.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise AuthOrProtectedError(
                "CredentialMissing", f"forge token: {self.token.name}: {type(error).__name__}"
            ) from None
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise AuthOrProtectedError("CredentialMissing", f"forge token: {self.token.name} contains no token")
        return value


def locate(
    kind: ForgeType, url: str | None, repository: str, token: Path, authority: Path | None = None, project: str = ""
) -> Server:
    """Finds a forge's API.

    Args:
        kind: Which forge it is.
        url: The forge's address, as ``https://git.example`` or that of its API; None: the repository's host.
        repository: The repository's address, as git gets it.
        token: The file with the token.
        authority: Certificates of a private server.
        project: The repository's name there; by default taken from its address.

    Raises:
        PolicyError: they give no address, or one to which no token may be sent.
    """
    remote = parse(repository, local=bool(project))
    if url is None:
        host = _host(repository) if remote.scheme == "ssh" else remote.origin.removeprefix("https://")
        if not host:
            raise PolicyError("InvalidUrl", "forge url: the repository is on this machine: set the forge's address")
        url = f"https://{host}"
    at = urlsplit(url.rstrip("/"))
    if at.scheme != "https" and not (at.scheme == "http" and _is_this_machine(at.hostname or "")):
        raise PolicyError("InvalidUrl", "forge url: it must be https, since a token is sent there")
    if not at.hostname or at.username is not None or at.password is not None or at.query or at.fragment:
        raise PolicyError("InvalidUrl", "forge url: it has a user, a password, a query or a fragment, or no host")
    suffix = _API[kind]
    root = at.path.removesuffix(suffix)
    api = f"{at.scheme}://{at.netloc}{root}{suffix}"
    if kind is ForgeType.GITHUB and at.hostname in ("github.com", "www.github.com", "api.github.com"):
        api, root = _GITHUB, ""
    elif kind is ForgeType.GITHUB and at.hostname.endswith(".ghe.com"):  # GitHub Enterprise Cloud
        api, root = f"https://api.{at.hostname.removeprefix('api.')}", ""
    return Server(api, _project(kind, project or _path(repository, root)), token, authority)


def _host(repository: str) -> str:
    if "://" in repository:
        return urlsplit(repository).hostname or ""
    return repository.partition(":")[0].rpartition("@")[2]


def _path(repository: str, root: str) -> str:
    path = urlsplit(repository).path if "://" in repository else repository.partition(":")[2]
    if repository.startswith("https://") and root and path.startswith(root + "/"):
        path = path[len(root) :]
    return path


def _project(kind: ForgeType, path: str) -> str:
    name = path.strip("/").removesuffix(".git")
    parts = name.split("/")
    if len(parts) < 2 or (len(parts) > 2 and kind is not ForgeType.GITLAB) or not all(parts) or {".", ".."} & {*parts}:
        raise PolicyError("InvalidUrl", f"git url: {quoted(path)} is not owner/name on {kind}")
    return name


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def segment(text: str, safe: str = "") -> str:
    """Text as one part of a path."""
    return quote(text, safe=safe)
