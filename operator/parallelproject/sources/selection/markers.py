"""The markers in a task's text: ``[P:Group-X]``, ``[Files: a, b]``, ``(depends on T3)``. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from parallelproject.model.problem import quoted
from parallelproject.sources.selection import fields
from parallelproject.sources.selection.item import Need
from parallelproject.sources.selection.phases import SEQUENTIAL, UNNAMED
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.ids import as_id, fill_ids
from parallelproject.sources.text.written_ids import Known, names_only_ids

MARKER = re.compile(r"\[P(?::[ \t]*(?:[Gg]roup-)?([^\[\]\n]{0,63}))?\]")
_ROUND = re.compile(r"\(P\)[ \t]+")
_UNCLOSED = re.compile(r"\s*\[P:[^\]]*$")
_LABELS = re.compile(r"(?:\[[A-Z][\w -]{0,30}\][ \t]*)*")
_FILES = re.compile(r"\[Files?:([^\]\n]*)\]", re.IGNORECASE)
_ASIDE = re.compile(r"[(\[]\s*(?:depends(?:[ -]on)?|blocked by):?[ \t]+([^)\]\n]*)[)\]]", re.IGNORECASE)
_INLINE = re.compile(r"\b(?:depends on|blocked by):?[ \t]+([^.;()\[\]\n]*)", re.IGNORECASE)
_LINE = re.compile(
    r"^[\s>*_+`-]*(?:depends(?:[ -]on)?|dependency|dependencies|blocked[ -]by)[*_`]*[ \t]*:[*_`]*[ \t]*(.*)$",
    re.IGNORECASE,
)
_NONE = re.compile(r"[\s*_`.(—–-]*(?:none|nothing|n/?a|no dependencies)?\b.{0,60}|[\s*_`.—–-]*", re.IGNORECASE)


def take_marker(text: str, place: str, findings: Findings) -> tuple[str, str]:
    """The group that a text is marked with, and the text without its marker."""
    found = MARKER.search(text)
    if found is None and (round_one := _ROUND.match(text)) is not None:
        return UNNAMED, text[round_one.end() :]
    if found is None:
        if _UNCLOSED.match(text):
            problem = f"the marker of {quoted(text, 40)} has no end, so it is ignored"
            findings.warn(place, problem, "close it with ]")
        return SEQUENTIAL, text
    if not _LABELS.fullmatch(text[: found.start()].strip()):
        message = f"the marker {quoted(found[0])} is not at the start; it is used anyway"
        findings.warn(place, message, "put it before the text")
    group = (found[1] or "").strip() or UNNAMED
    others = {match[0] for match in MARKER.finditer(text)} - {found[0]}
    if others:
        findings.warn(place, f"more than one marker; {quoted(found[0])} counts", "leave one")
    return group, f"{text[: found.start()].rstrip()} {text[found.end() :].lstrip()}".strip()


def take_files(text: str, place: str, findings: Findings) -> tuple[tuple[str, ...], str]:
    """The files that a text declares as ``[Files: a, b]``, and the text without."""
    found = _FILES.search(text)
    if found is None:
        return (), text
    names = [part.strip(" `") for part in found[1].split(",")]
    return fields.files_of(names, place, findings), _FILES.sub("", text)


def needs_in(
    title: str, body: Iterable[str], place: str, known: Known, findings: Findings, *, own: str
) -> tuple[list[Need], bool]:
    """What a task says that it waits for, and whether it says anything at all about that.

    Read are ``(depends on T003, T005-T007)`` and ``depends on T003`` in the title, and lines such as
    ``**Dependencies:** 1.1, Task 2`` or ``Depends on: none`` below it. In the title's parentheses an id that is
    no task is an error; on a line below, which may mean other numbers, a warning. ``own`` is the task's id: it does not
    wait for itself.
    """
    found: dict[str, None] = {}
    for clause in _ASIDE.findall(title):
        found.update(dict.fromkeys(known.references(clause)))
    for clause in _INLINE.findall(_ASIDE.sub("", title)):
        start = re.split(r"\s(?:[—–]|-)\s|:", clause)[0]
        if names_only_ids(start):
            found.update(dict.fromkeys(id for id in known.references(start) if id in known.ids))
    is_stated = bool(found)
    for line in body:
        match = _LINE.match(line)
        if match is None:
            continue
        if names_only_ids(match[1]):
            is_stated = True
            for id in known.references(match[1]):
                if id in known.ids:
                    found[id] = None
                else:
                    hint = findings.did_you_mean(id, known.ids) or "write the ids of tasks of this file"
                    findings.warn(place, f"waits for {quoted(id)}, which is not a task; it is not waited for", hint)
        elif _NONE.fullmatch(match[1]):
            is_stated = True
    if own in found:
        findings.warn(
            place, f"{quoted(own)} names itself; it does not wait for itself", "name another task, or remove it"
        )
    return [Need(id, place) for id in found if id != own], is_stated


def ids_of(entries: Sequence[object], title_of: Callable[[Mapping[str, object]], str]) -> list[str | None]:
    """The ids of a JSON list's entries: their own, or one derived from their text.

    Args:
        entries: The entries; what is no object has no id.
        title_of: The text of one that an entry without an id is known by.

    Returns:
        None for an entry whose id is none (true, a list), and for one without both.
    """
    objects = [entry if isinstance(entry, dict) else {} for entry in entries]
    texts = ["" if entry.get("id") is not None else identity(title_of(entry)) for entry in objects]
    return fill_ids([as_id(entry.get("id")) for entry in objects], texts)


def identity(text: str) -> str:
    """What a task without an id is known by: its text without markers, files and dependencies."""
    for aside in (MARKER, _ROUND, _FILES, _ASIDE):
        text = aside.sub(" ", text)
    return text.strip()
