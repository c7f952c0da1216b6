"""An answer of a forge, and how long it asks us to wait. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from parallelproject.git.plumbing.outcome import AuthOrProtectedError, DeliveryError, PolicyError, TransientError

_LIMITED = re.compile(r"rate limit|abuse detection|too many requests", re.IGNORECASE)
_SECONDARY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    """Looked up in any case."""
    content: bytes = b""

    @property
    def body(self) -> Any:
        """The JSON of the answer; None if it has none."""
        try:
            found = json.loads(self.content)
            if rb"\ud" in self.content.lower():  # half a character, which no file and no terminal takes
                found = json.loads(json.dumps(found, ensure_ascii=False).encode(errors="replace"))
            return found
        except ValueError:
            return None

    @property
    def detail(self) -> str:
        """The forge's message for people."""
        body = self.body
        if not isinstance(body, dict):
            return self.content[:600].decode(errors="replace")
        words = [body.get("message"), body.get("error"), body.get("errors")]
        return " ".join(part if isinstance(part, str) else json.dumps(part) for part in words if part)

    def wait(self, now: float, tries: int) -> float | None:
        """Seconds that the forge wants us to wait before a retry; None: the answer is not about a limit.

        GitHub: 403 or 429 with ``retry-after``, or ``x-ratelimit-remaining: 0`` and ``x-ratelimit-reset``, or else at
        least a minute, growing (docs.github.com/rest, "Rate limits for the REST API", Exceeding the rate limit).
        GitLab: 429 with ``Retry-After`` and ``RateLimit-Reset`` (docs.gitlab.com, "User and IP rate limits").

        Args:
            now: Seconds since 1970.
            tries: Number of such answers before.
        """
        asked = self.headers.get("Retry-After")
        spent = "0" in (self.headers.get("x-ratelimit-remaining"), self.headers.get("RateLimit-Remaining"))
        limited = (
            self.status == 429
            or (self.status == 403 and bool(asked or spent or _LIMITED.search(self.detail)))
            or (self.status == 503 and bool(asked))
        )
        if not limited:
            return None
        if asked and asked.strip().isdecimal():
            return float(asked)
        if asked:
            try:
                return max(0.0, parsedate_to_datetime(asked).timestamp() - now)
            except ValueError:
                pass
        reset = self.headers.get("x-ratelimit-reset") or self.headers.get("RateLimit-Reset") or ""
        if spent and reset.isdecimal():
            return max(0.0, float(reset) - now) + 1.0  # the time is in whole seconds
        return _SECONDARY_SECONDS * 2.0 ** min(tries, 6)


class AnswerError(Exception):
    """A refusal. The message contains no credential."""

    def __init__(self, status: int, message: str, detail: str) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail
        """The forge's own message, cleaned."""

    def as_outcome(self) -> DeliveryError:
        """The resulting error of a publishing."""
        if self.status in (301, 302, 303, 307, 308, 401, 403, 404):
            return AuthOrProtectedError("ForgeRefused", str(self))
        if self.status >= 500:
            return TransientError("ForgeInTrouble", str(self))
        return PolicyError("ForgeRefused", str(self))


class LostAnswerError(Exception):
    """The request may have been executed or not: check."""
