"""Texts as a task may carry them: readable, bounded, without control characters. Pure string functions."""

import json
import re
from collections.abc import Iterable

from parallelproject.sources.text.bounds import DESCRIPTION_MAX, TITLE_MAX

_DROPPED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")


def clean(text: str) -> str:
    """The text with ``\\n`` line ends, without other control characters (tabs stay) and lone surrogates."""
    return _DROPPED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def as_text(value: object) -> str:
    """Any value of a vendor's field as text: a list as bullet points, null as nothing, an object as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value).strip()
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "\n".join(f"- {text}" for part in value if (text := as_text(part)))
    if isinstance(value, (list, dict)) and not value:
        return ""
    return clean(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def without_comments(text: str) -> str:
    """Markdown or HTML without ``<!-- comments -->``; one without an end stays."""
    kept, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        kept.append(text[at:start])
        at = end + 3
    return "".join(kept) + text[at:]


def one_line(value: object) -> str:
    """A value as one line, for titles."""
    return " ".join(as_text(value).split())


def sections(parts: Iterable[tuple[str, str]]) -> str:
    """Joins (heading, text) to Markdown; empty texts are left away, an empty heading gives none."""
    return "\n\n".join(f"## {heading}\n\n{text}" if heading else text for heading, text in parts if text)


def cut_title(title: str) -> tuple[str, bool]:
    """The title within its bound, and whether it was cut."""
    if len(title) <= TITLE_MAX:
        return title, False
    return title[: TITLE_MAX - 1] + "…", True


def cut_description(text: str, source: str) -> tuple[str, bool]:
    """The description within its bound, and whether it was cut: then its last line says so and names the source."""
    if len(text) <= DESCRIPTION_MAX:
        return text, False
    marker = f"\n\n[cut here: {len(text):,} characters in {source[-200:]}]"
    return text[: DESCRIPTION_MAX - len(marker)].rstrip() + marker, True
