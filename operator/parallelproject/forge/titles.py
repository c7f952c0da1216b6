"""Drafts at forges that write the draft state into the title. Pure."""

import re

_DRAFT = re.compile(r"^\s*(?:\[draft\]|\(draft\)|draft:|\[wip\]|wip:)\s*", re.IGNORECASE)


def with_prefix(title: str, prefix: str, *, draft: bool) -> str:
    """The title with the prefix of a draft, or without any: what a task is called makes no draft of it."""
    bare = title
    while (shorter := _DRAFT.sub("", bare)) != bare:
        bare = shorter
    return f"{prefix} {bare}" if draft else bare or "…"


def without_prefix(title: str) -> tuple[str, bool]:
    """A title's words, and whether it is that of a draft."""
    bare = _DRAFT.sub("", title)
    return bare, bare != title
