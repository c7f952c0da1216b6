"""Finds the paths of a repository in a task's text, and checks those that a task declares. Pure functions.

Only paths with a folder in them count: measured on real files, bare names (``Node.js``, ``package.json``)
are mostly noise, and each wrong path keeps tasks apart that could run together.
"""

import re

from parallelproject.sources.text.bounds import PATH_MAX

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://\S*|\bwww\.\S+")  # a bound, so that long words take no time
_EDGES_LEFT = "([{<\"'`*“‘"
_EDGES_RIGHT = ")]}>\"'`*.,;:!?”’…"
_LINES = re.compile(r"(?::\d+(?:-\d+)?){1,2}$|#L\d+(?:-L?\d+)?$")
_FOLDER = r"\.?[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_PATH = re.compile(
    rf"(?:{_FOLDER}/)+\.?[A-Za-z0-9_+-][A-Za-z0-9_.+-]*\.[A-Za-z][A-Za-z0-9]{{0,9}}|(?:{_FOLDER}/)+\.[A-Za-z][A-Za-z0-9]{{1,19}}|(?:{_FOLDER}/)+",
    re.ASCII,
)
_NAME_WITH_ENDING = re.compile(r"[^.].*\.[A-Za-z]{1,4}\.?$|.*\.$", re.ASCII)
_DOMAIN = re.compile(r"(?:[A-Za-z0-9-]+\.)+(?:com|org|net|io|dev|ai|app|co|edu|gov)", re.ASCII | re.IGNORECASE)
_MIME = re.compile(r"(?:application|audio|font|image|message|model|multipart|text|video)/[^/]+\.[^/]+", re.ASCII)
_NOT_OURS = frozenset({"node_modules", ".git", "site-packages", ".venv"})


def find_paths(text: str) -> tuple[str, ...]:
    """The paths in a text, each once, in its order: ``src/login.tsx``, and folders as ``src/components/``.

    No web addresses, no absolute paths, none that leave the repository, no globs or templates, nothing
    below ``node_modules`` and the like.
    """
    found: dict[str, None] = {}
    for token in re.split(r"[\s|,]+", _URL.sub(" ", text).replace("](", " ")):
        if "/" not in token or len(token) > PATH_MAX + 20:
            continue
        word = _LINES.sub("", token.lstrip(_EDGES_LEFT).rstrip(_EDGES_RIGHT)).rstrip(_EDGES_RIGHT)
        word = word.removeprefix("./")
        if _PATH.fullmatch(word) and len(word) <= PATH_MAX and _plausible(word):
            found[word] = None
    return tuple(found)


def _plausible(path: str) -> bool:
    *folders, last = path.split("/")
    return not (
        any(_NAME_WITH_ENDING.match(folder) or folder in _NOT_OURS for folder in folders)  # Next.js/React.js
        or ".." in path  # origin/main..HEAD
        or _DOMAIN.fullmatch(folders[0])
        or _MIME.fullmatch(path)
        or (not last and len(folders) < 2)  # "src/" and "and/or/" say too little
    )


def declared_path(value: object) -> str | None:
    """A declared path or glob as it may stand in a task's ``files``; None where it is none."""
    if not isinstance(value, str):
        return None
    path = value.strip().replace("\\", "/").removeprefix("./")
    parts = path.split("/")
    if not path or len(path) > PATH_MAX or path.startswith("/") or ".." in parts or not path.isprintable():
        return None
    return path if any(part not in ("", ".") for part in parts) else None
