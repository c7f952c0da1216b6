"""Drafts at forges that write the draft state into the title. Pure."""

import re

from parallelproject.forge.clients.protocol import Words

_DRAFT = re.compile(r"^\s*(?:\[draft\]|\(draft\)|draft:|\[wip\]|wip:)\s*", re.IGNORECASE)


def with_prefix(title: str, prefix: str, *, draft: bool) -> str:
    """The title with the prefix of a draft, or without any: what a task is called makes no draft of it."""
    bare = title
    while (shorter := _DRAFT.sub("", bare)) != bare:
        bare = shorter
    return f"{prefix} {bare}" if draft else bare or "…"


def titled(words: Words, prefix: str) -> str:
    """The title of a pull request with these words."""
    return with_prefix(words.title, prefix, draft=words.draft)


def new_title(has: Words, wanted: Words, prefix: str) -> dict[str, str]:
    """The field to change of a pull request whose title or draft state is another; empty where neither is."""
    if (has.title, has.draft) == (with_prefix(wanted.title, "", draft=False), wanted.draft):
        return {}
    return {"title": titled(wanted, prefix)}


def without_prefix(title: str) -> tuple[str, bool]:
    """A title's words, and whether it is that of a draft."""
    bare = _DRAFT.sub("", title)
    return bare, bare != title
