"""Credentials in a task's work, by their patterns.

Only unmistakable forms, so that there are few false positives.
"""

import re
from collections.abc import Iterable, Iterator

_PATTERNS = {
    "a private key": rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "an AWS access key": rb"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "a GitHub token": rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})",
    "a GitLab token": rb"\bgl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_-]{20,}",
    "a Slack token": rb"\bxox[abeoprs]-[A-Za-z0-9-]{20,}",
    "a Google key": rb"\bAIza[A-Za-z0-9_-]{35}\b",
    "a Stripe key": rb"\b[rs]k_live_[A-Za-z0-9]{20,}",
    "an npm token": rb"\bnpm_[A-Za-z0-9]{36}\b",
    "a PyPI token": rb"\bpypi-AgE[A-Za-z0-9_-]{50,}",
    "an OpenAI or Anthropic key": rb"\bsk-(?:proj|ant|svcacct)-[A-Za-z0-9_-]{32,}",
    "a password in an address": rb"\bhttps?://[A-Za-z0-9._-]+:(?!\$|<|\{|%|\*|x{3})[^\s:@/\"'<>{}$]{12,}@[A-Za-z0-9]",
}
_ALL = re.compile(b"|".join(b"(%s)" % pattern for pattern in _PATTERNS.values()))
_KINDS = tuple(_PATTERNS)


def find(content: bytes, known: Iterable[bytes] = ()) -> Iterator[tuple[bytes, int, str]]:
    """Yields (what was found, its line, what it is), for the caller to compare; it must not be shown.

    Args:
        content: A file's content.
        known: The mounted credentials, which no work may contain.
    """
    for found in _ALL.finditer(content):
        yield found[0], content.count(b"\n", 0, found.start()) + 1, _KINDS[(found.lastindex or 1) - 1]
    for value in known:
        at = content.find(value)
        if at >= 0:
            yield value, content.count(b"\n", 0, at) + 1, "a credential of this delivery"
