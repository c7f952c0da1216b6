"""Reads the fields that several tools' tasks share out of their JSON, whatever it holds. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from parallelproject.model.problem import listed, quoted
from parallelproject.sources.selection.item import Item, Need
from parallelproject.sources.selection.keys import is_dependencies
from parallelproject.sources.selection.roles import is_role
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.ids import as_id
from parallelproject.sources.text.paths import declared_path
from parallelproject.sources.text.texts import as_text, one_line

_NONE = frozenset({"", "-", "none", "n/a", "null"})
PRIORITIES = {"low": 25, "medium": 50, "high": 75, "critical": 100}
"""Words for priorities; none is medium."""
ITEMS_MAX = 50_000
"""Most tasks looked at in a file, done ones included."""


def title_of(data: Mapping[str, object], otherwise: str) -> str:
    """The title or name; without one the description's first line, or ``otherwise``."""
    first = as_text(data.get("description")).partition("\n")[0]
    return one_line(data.get("title")) or one_line(data.get("name")) or one_line(first) or one_line(otherwise)


def priority_of(value: object, place: str, findings: Findings) -> int:
    """A priority word as a number: low 25, medium and none 50, high 75, critical 100."""
    if value is None:
        return PRIORITIES["medium"]
    number = PRIORITIES.get(value.strip().lower()) if isinstance(value, str) else None
    if number is None:
        known = ", ".join(PRIORITIES)
        findings.warn(place, f"{quoted(value)} is not a known priority; medium is used", f"one of {known}")
        return PRIORITIES["medium"]
    return number


def status_word(value: object) -> str:
    """A status as it is compared: ``In_Progress`` → ``in-progress``; no status is pending."""
    if value is None or value == "":
        return "pending"
    return value.strip().lower().replace("_", "-").replace(" ", "-") if isinstance(value, str) else ""


def dependencies(data: Mapping[str, object], place: str, findings: Findings) -> list[Need]:
    """What a task waits for: ``dependencies``, and the other keys that mean it (``depends_on``, ``blockedBy``)."""
    needs: dict[str, Need] = {}
    for key, value in data.items():
        if is_dependencies(key):
            for need in references(value, f"{place}.{key}", findings):
                needs.setdefault(need.target, need)
    return list(needs.values())


def references(value: object, place: str, findings: Findings) -> list[Need]:
    """Ids as needs: a list of numbers, texts or objects with an ``id``; or a text, with commas between."""
    if value is None or (isinstance(value, str) and value.strip().lower() in _NONE):
        return []
    listed = isinstance(value, list)
    parts: list[object] = []
    if isinstance(value, list):
        parts = value
    elif isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
    elif as_id(value) is not None:
        parts = [value]
    else:
        findings.error(place, f"{quoted(value)} is not a list", "write a list of ids, as in [1, 2]")
    needs = []
    for index, part in enumerate(parts):
        at = f"{place}[{index}]" if listed else place
        id = as_id(part.get("id") if isinstance(part, dict) else part)
        if id is None:
            findings.error(at, f"{quoted(part)} is not an id", "write the id of a task")
        elif not listed and " " in id:
            findings.warn(at, f"{quoted(part)} is a text, not an id; ignored", "write a list of ids, as in [1, 2]")
        else:
            needs.append(Need(id, at))
    return needs


def files_of(value: object, place: str, findings: Findings) -> tuple[str, ...]:
    """Declared files: texts, or objects with a ``path`` as TaskMaster's ``relevantFiles`` has.

    Those with the action ``reference`` are only read, and left away.
    """
    if value is None:
        return ()
    found: dict[str, None] = {}
    for index, part in enumerate(value if isinstance(value, list) else [value]):
        path = part.get("path") if isinstance(part, dict) else part
        if isinstance(part, dict) and part.get("action") == "reference":
            continue
        good = declared_path(path)
        if good is None:
            hint = "give a path relative to the repository"
            findings.warn(f"{place}[{index}]", f"{quoted(path)} is not a path of the repository; ignored", hint)
        else:
            found[good] = None
    return tuple(found)


def labels_of(data: Mapping[str, object]) -> tuple[str, ...]:
    """``labels`` or ``tags``: texts, or objects with a ``name``."""
    found = data.get("labels") or data.get("tags")
    parts = found if isinstance(found, list) else []
    return tuple(one_line(part.get("name") if isinstance(part, dict) else part) for part in parts)


def role_of(data: Mapping[str, object], place: str, findings: Findings) -> str | None:
    """The role that a task names itself: ``role``, ``subagent_type``, also within ``metadata``."""
    metadata = data.get("metadata")
    for field in ("role", "subagent_type"):
        for prefix, where in (("", data), ("metadata.", metadata if isinstance(metadata, dict) else {})):
            value = where.get(field)
            if value is None or value == "":
                continue
            if isinstance(value, str) and is_role(value):
                return value
            found = f"{prefix}{field}: {quoted(value)} is not the name of a role; ignored"
            findings.warn(place, found, "small letters, digits and -")
    return None


def number_of(value: object) -> int | None:
    """A whole number, as JSON has it or as text; None for anything else."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 10:
        return int(value)
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def refuse_duplicates(items: Iterable[Item], findings: Findings) -> list[Item]:
    """The items, the first of each id; every further one is an error."""
    first: dict[str, Item] = {}
    for item in items:
        if item.id in first:
            where = first[item.id].place.removeprefix(findings.file).lstrip(":").strip()
            where = f"line {where}" if where.isdigit() else where
            found = f"{quoted(item.id)} is already the id at {where}"
            findings.error(item.place, found, "give each its own", "DuplicateTask")
        else:
            first[item.id] = item
    return list(first.values())


def warn_of_doubtful(ids: Sequence[str], meaning: str, hint: str, findings: Findings) -> None:
    """Names tasks that will run although their state may mean that they should not; ten of them."""
    if ids:
        found = f"{meaning}, and will run: {listed([quoted(id)[1:-1] for id in ids], 10)}"
        findings.warn(findings.file, found, hint)


def bound(entries: Sequence[object], findings: Findings) -> None:
    """Refuses files with more entries than can be handled in reasonable time.

    Raises:
        ProblemsError: there are more than ``ITEMS_MAX``.
    """
    if len(entries) > ITEMS_MAX:
        findings.stop(findings.file, f"holds {len(entries):,} tasks; at most {ITEMS_MAX:,} are read", "split it")
