"""Git's error messages, classified by what can be done about them."""

import re
from collections.abc import Iterable
from enum import Enum

from parallelproject.git.plumbing.outcome import AuthOrProtectedError, DeliveryError, PolicyError, TransientError

LONGEST = 600
"""Maximum characters of git's own message in ours."""


class Cause(Enum):
    """Why a call failed."""

    REFUSED = "refused"
    """Refused by the remote, which will refuse again."""
    MISSING_REF = "missing ref"
    NETWORK = "network"
    """Not reachable, or a temporary problem."""
    INCOMPLETE = "incomplete"
    """The remote lacks objects that its own commits need, as a partial clone does."""
    OTHER = "other"


# The words are git's and curl's in the C locale, OpenSSH's, and those of GitHub, GitLab and Gitea.
_MISSING = re.compile(r"couldn't find remote ref|Remote branch .* not found")
_REFUSED = re.compile(
    r"Authentication failed|could not read (?:Username|Password)|Permission denied|Host key verification failed|"
    r"No .* host key is known|REMOTE HOST IDENTIFICATION HAS CHANGED|returned error: 40[134]|[Aa]ccess denied|"
    r"HTTP Basic|"
    r"[Rr]epository .*not found|not be found or you don't have permission|does not appear to be a git repository|"
    r"does not exist|not allowed to (?:push|upload)|read-only|transport '.*' not allowed|dubious ownership|"
    r"certificate verification failed|SSL certificate problem|error: 30\d|unable to update url base|"
    r"invalid format|bad permissions|receiving end does not support|deploy key"
)
_INCOMPLETE = re.compile(r"promisor remote|lazy fetching disabled|repository corruption on the remote")
_NETWORK = re.compile(
    r"[Cc]ould not resolve|[Cc]onnection (?:refused|reset|closed|timed out)|timed out|[Tt]imeout|hung up|early EOF|"
    r"RPC failed|returned error: (?:5\d\d|429|408)|[Bb]roken pipe|kex_exchange|Temporary failure|No route to host|"
    r"unreachable|Failed to connect|Couldn't connect|remote did not send all|unexpected disconnect"
)


class GitFailedError(Exception):
    """A call of git that failed."""

    def __init__(self, command: str, code: int, output: str, *, timed_out: bool = False) -> None:
        super().__init__(f"git {command} failed ({code}): {output}")
        self.command = command
        self.code = code
        self.detail = output
        """Its error message, cleaned: printable, short, no credential."""
        self.cause = Cause.NETWORK if timed_out else cause(output)

    def as_outcome(self) -> DeliveryError:
        """The resulting error of a step."""
        if self.cause is Cause.INCOMPLETE:
            text = "the repository lacks objects that its commits need, as a partial or damaged clone does"
            fix = 'fetch them with "git fetch --refetch --no-filter", or give a complete clone'
            return PolicyError("IncompleteRepository", f"git: {text}: {fix} ({self.detail})")
        if self.cause is Cause.REFUSED:
            return AuthOrProtectedError("RemoteRefused", self.detail)
        return TransientError("RemoteUnreachable" if self.cause is Cause.NETWORK else "GitFailed", str(self))


def cause(output: str) -> Cause:
    """Classifies the message of a failed call."""
    if _MISSING.search(output):
        return Cause.MISSING_REF
    if _INCOMPLETE.search(output):
        return Cause.INCOMPLETE
    if _REFUSED.search(output):
        return Cause.REFUSED
    return Cause.NETWORK if _NETWORK.search(output) else Cause.OTHER


_LOGIN = re.compile(r"(?<=://)[^/\s]*@")


def clean(output: bytes, secrets: Iterable[str]) -> str:
    """git's message in a form for our messages: text, printable, the last ``LONGEST`` characters, no credential."""
    text = output.decode(errors="replace")
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _LOGIN.sub("", text)
    lines = [line.strip() for line in re.split(r"[\r\n]+", text)]
    text = " · ".join(line for line in lines if line and not line.startswith("hint:"))
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= LONGEST else "…" + text[-LONGEST + 1 :]
