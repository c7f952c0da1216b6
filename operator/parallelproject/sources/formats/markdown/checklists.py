"""Separates sections that only check the whole, such as acceptance criteria, from those that hold tasks. Pure."""

import re

from parallelproject.sources.text.sections import TextOutline, plain

_CHECKS = re.compile(
    r"(?:^|\W)(?:check-?lists?|acceptance|acceptance criteria|(?:success|exit|completion|done|quality) criteria"
    r"|definitions? of (?:done|ready)|dod|self-review|legend)$",
    re.IGNORECASE,
)
_WORK = re.compile(r"^\W*(?:(?:phase|task|step|story|stage|milestone|part|wave)\b|\d+[.:)])", re.IGNORECASE)
_ASIDE = re.compile(r"\([^()]*\)$")
_EDGE = re.compile(r"[^\w)]$")
_TITLE_MAX = 200


def is_checklist(title: str) -> bool:
    """Whether a section of that title checks the whole: ``Acceptance checklist``, ``Definition of Done``."""
    words = plain(title[:_TITLE_MAX])
    while (shorter := _ASIDE.sub("", _EDGE.sub("", words))) != words:
        words = shorter
    return _CHECKS.search(words) is not None and not _WORK.match(words)


def checklists(outline: TextOutline) -> dict[int, str]:
    """By section, the title of the checklist that it belongs to. The title of the whole text is none."""
    found: dict[int, str] = {}
    for section in outline.sections:
        if section.parent in found:
            found[section.index] = found[section.parent]
        elif section.level > 1 and is_checklist(section.title):
            found[section.index] = plain(section.title)
    return found
