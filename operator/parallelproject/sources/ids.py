"""Ids of other tools' tasks as ids of ours, which are label values. Pure functions."""

import hashlib
import re
from collections.abc import Iterable
from decimal import Decimal

from parallelproject.model.spec import ID_PATTERN

_VALID = re.compile(ID_PATTERN)
_ID_MAX = 63


def as_id(value: object) -> str | None:
    """An id or a reference as text, ``5`` and ``"5"`` alike; None where the value can be neither."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    return str(value)


def is_label_value(text: str) -> bool:
    """Whether a task of ours may have this id."""
    return _VALID.fullmatch(text) is not None


def label_values(ids: Iterable[str]) -> dict[str, str]:
    """Maps ids to label values: valid ones to themselves, others to a readable part and a digest.

    The result for an id depends on that id alone (unless digests collide), so that it is the same when
    the file grows, and no two ids share one.
    """
    known = list(dict.fromkeys(ids))
    mapped = {text: text for text in known if is_label_value(text)}
    used = set(mapped)
    for text in known:
        if text in mapped:
            continue
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        length = 8
        while (new := _readable(text, digest[:length])) in used:
            length += 1
        used.add(new)
        mapped[text] = new
    return mapped


def _readable(text: str, digest: str) -> str:
    words = re.sub(r"[^-._A-Za-z0-9]+", "-", text).strip("-._")
    return f"{words[: _ID_MAX - 1 - len(digest)].rstrip('-._') or 'task'}-{digest}"
