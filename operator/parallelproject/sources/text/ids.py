"""Ids of other tools' tasks as our ids, which are label values. Pure functions."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from parallelproject.model.conditions import ID_PATTERN

_VALID = re.compile(ID_PATTERN)
_ID_MAX = 63
_WORDS_MAX = 40
_PLAIN = re.compile(r"(?=[0-9 ]*[a-z])[a-z0-9]+(?: [a-z0-9]+)*")
_MARKUP = re.compile(r"[*`]+|(?<!\w)_+|_+(?!\w)")


def as_id(value: object) -> str | None:
    """An id or a reference as text, ``5`` and ``"5"`` alike; None where the value can be neither."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    return str(value)


def is_label_value(text: str) -> bool:
    """Whether our tasks may have this id."""
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


def text_id(text: str) -> str:
    """The id of a task that has none: its text, readable. ``Write the reader.`` is ``write-the-reader``.

    It depends on the text alone, and differs where texts differ in more than case, blanks, emphasis and a
    full stop at the end: a text that cannot be distinguished from others by its plain words gets a digest as well.
    """
    same = " ".join(_MARKUP.sub("", text).casefold().split()).rstrip(". ")
    if _PLAIN.fullmatch(same) and len(same) <= _WORDS_MAX:
        return same.replace(" ", "-")
    digest = hashlib.sha256(same.encode(errors="surrogatepass")).hexdigest()[:8]
    words = re.sub(r"[^a-z0-9]+", "-", same).strip("-")[:_WORDS_MAX].strip("-")
    return f"{words or 'task'}-{digest}"


def text_ids(texts: Sequence[str], parents: Sequence[int | None] = (), headings: Sequence[str] = ()) -> list[str]:
    """Ids for tasks that have none, all different: by their texts, wherever they stand.

    A task with a text of its own keeps its id whatever else is added, removed or moved.

    Args:
        texts: Each task's text.
        parents: The index of what each lies within, which comes before it. Its text is part of the id:
            ``Write tests`` within ``Login form`` is ``login-form.write-tests``.
        headings: The heading that each is below, which distinguishes equal texts. The rest is numbered in order.
    """
    ids: list[str] = []
    for index, text in enumerate(texts):
        parent = parents[index] if parents else None
        ids.append(text_id(text) if parent is None else _joined(ids[parent], text_id(text)))
    total = Counter(ids)
    if headings:
        ids = [
            _joined(text_id(heading), id) if total[id] > 1 and heading else id
            for id, heading in zip(ids, headings, strict=True)
        ]
    used = Counter[str]()
    for index, id in enumerate(ids):
        used[id] += 1
        if used[id] > 1:
            ids[index] = f"{id}.{used[id]}"  # no id of a text ends like this
    return ids


def fill_ids(given: Sequence[str | None], texts: Sequence[str]) -> list[str | None]:
    """The ids of a list, those that are missing made from the texts; None where a text is empty too."""
    missing = [index for index, id in enumerate(given) if id is None and texts[index].strip()]
    filled = list(given)
    used = {id for id in given if id is not None}
    for index, id in zip(missing, text_ids([texts[index] for index in missing]), strict=True):
        while id in used:  # somebody else's own id
            id = f"{id}.1"
        used.add(id)
        filled[index] = id
    return filled


def _joined(above: str, own: str) -> str:
    whole = f"{above}.{own}"
    if len(whole) <= _ID_MAX - 6:  # leaves room for a number
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{own[:_WORDS_MAX].rstrip('-')}-{digest}"
