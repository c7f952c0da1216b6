"""What a request is, in words: ``create-job``, ``patch-status``, ``list-pods``, ``watch-jobs``."""

import json
import re

WRITE = "write"
"""Every write is counted under this name as well as under its own."""
END = "write-of-end"
"""So is the status that says that the project has completed."""

_PATH = re.compile(r"/(?:api|apis/[^/]+)/[^/]+(?:/namespaces/[^/]+)?/([a-z]+)(?:/([^/]+))?(?:/([a-z]+))?")
_PLURALS = {"parallelprojects": "projects"}
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def classify(method: str, path: str, is_watch: bool) -> str:
    """The name of a request; ``other`` for discovery and the like."""
    found = _PATH.fullmatch(path)
    if found is None:
        return "other"
    plural, name, sub = found.groups()
    plural = _PLURALS.get(plural, plural)
    if method != "GET":
        return f"{_VERBS[method]}-{sub or plural.removesuffix('s')}"
    if name:
        return f"get-{plural.removesuffix('s')}"
    return f"{'watch' if is_watch else 'list'}-{plural}"


def names_of(kind: str, body: bytes | None) -> tuple[str, ...]:
    """All names that a request is counted under."""
    if not is_write(kind):
        return (kind,)
    return (kind, WRITE, END) if kind == "patch-status" and _says_completed(body) else (kind, WRITE)


def _says_completed(body: bytes | None) -> bool:
    conditions = json.loads(body or b"{}").get("status", {}).get("conditions") or ()
    return any(c["type"] == "Completed" and c["status"] == "True" for c in conditions)


def is_write(kind: str) -> bool:
    """Whether a request asks for a change, of other than the Lease: how often that is renewed is a matter of time."""
    verb, _, of = kind.partition("-")
    return verb in _VERBS.values() and of != "lease"


def event_kind(kind: str) -> str:
    """The name of one event of a watch: ``event-of-jobs`` for ``watch-jobs``."""
    return f"event-of-{kind.partition('-')[2]}"
