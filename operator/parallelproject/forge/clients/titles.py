"""Drafts at forges that write the draft state into the title. Pure."""

import re

from parallelproject.forge.clients.protocol import Words

_DRAFT = re.compile(r"^\s*(?:\[draft\]|\(draft\)|draft:|\[wip\]|wip:)\s*", re.IGNORECASE)


def with_prefix(title: str, prefix: str, *, draft: bool) -> str:
    """The title with or without the prefix of a draft: a task's own title never makes a draft."""
    bare = title
    while (shorter := _DRAFT.sub("", bare)) != bare:
        bare = shorter
    return f"{prefix} {bare}" if draft else bare or "…"


def titled(words: Words, prefix: str) -> str:
    """The title of a pull request with this text."""
    return with_prefix(words.title, prefix, draft=words.draft)


def new_title(has: Words, wanted: Words, prefix: str) -> dict[str, str]:
    """The field to change if a pull request's title or draft state differs; empty if neither does."""
    if (has.title, has.draft) == (with_prefix(wanted.title, "", draft=False), wanted.draft):
        return {}
    return {"title": titled(wanted, prefix)}


def without_prefix(title: str) -> tuple[str, bool]:
    """A title's text, and whether it is that of a draft."""
    bare = _DRAFT.sub("", title)
    return bare, bare != title
