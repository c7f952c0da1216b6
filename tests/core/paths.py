"""What the patterns of ``files`` mean, said a second time and plainly: a path fits a pattern, or it does not."""

import re
from functools import cache
from itertools import product


def fits(path: str, pattern: str) -> bool:
    """Whether a path is one that the pattern stands for; character classes as in the shell."""
    return any(_matches(tuple(part.split("/")), tuple(pattern.split("/"))) for part in _heads(path, pattern))


def _heads(path: str, pattern: str) -> list[str]:
    """The path, and the folders that it is in where the pattern may mean a folder."""
    names = path.split("/")
    if "." in pattern.split("/")[-1][1:]:
        return [path]
    return ["/".join(names[:end]) for end in range(1, len(names) + 1)]


@cache
def _matches(names: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_matches(names[skip:], parts[1:]) for skip in range(len(names) + 1))
    return bool(names) and _name_matches(names[0], parts[0]) and _matches(names[1:], parts[1:])


@cache
def _name_matches(name: str, part: str) -> bool:
    expression, i = "", 0
    while i < len(part):
        end = part.find("]", i + 2) if part[i] == "[" else -1
        if end > 0:
            chosen = part[i + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            expression += "[" + ("^" + chosen[1:] if chosen[0] == "!" else chosen) + "]"
            i = end + 1
            continue
        expression += {"*": ".*", "?": "."}.get(part[i], re.escape(part[i]))
        i += 1
    return re.fullmatch(expression, name) is not None


def is_folder_of(above: str, pattern: str) -> bool:
    """Whether a plain path is a folder on the literal way to a pattern."""
    return not re.search(r"[*?\[]", above) and pattern.startswith(above + "/")


def all_paths(names: list[str], depth: int) -> tuple[str, ...]:
    return tuple("/".join(parts) for length in range(1, depth + 1) for parts in product(names, repeat=length))


@cache
def _fitting(pattern: str, paths: tuple[str, ...]) -> frozenset[str]:
    return frozenset(path for path in paths if fits(path, pattern))


def overlap(a: str, b: str, paths: tuple[str, ...]) -> bool:
    """Whether two patterns overlap, by trying every path."""
    if a == b or is_folder_of(a, b) or is_folder_of(b, a):
        return True
    return not _fitting(a, paths).isdisjoint(_fitting(b, paths))
