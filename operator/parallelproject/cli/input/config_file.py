"""``.pproj.yaml``: the options of ``run``, ``plan`` and ``lint`` as a folder has them. The command line goes first."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure, of_problems
from parallelproject.model.names import CONFIG_FILE
from parallelproject.model.problem import Problem, quoted
from parallelproject.model.suggest import did_you_mean

ONCE = frozenset(
    {
        "all",
        "cluster",
        "detach",
        "fresh",
        "from",
        "help",
        "no-color",
        "only",
        "output",
        "prompt",
        "skip",
        "state-dir",
        "verbose",
    }
)
"""Options that are about one call, or that other commands have to be given too: only for the command line."""
KEYS: dict[str, type | None] = {
    "file": None,
    "command": None,
    "agent": None,
    "repo": None,
    "branch": None,
    "base": None,
    "author": None,
    "check": None,
    "verify": list,
    "sandbox": bool,
    "push": bool,
    "follow": bool,
    "credentials": None,
    "budget": list,
    "parallelism": None,
    "scheduling": None,
    "keep-going": bool,
    "max-attempts": None,
    "timeout": None,
    "task-timeout": None,
    "write-back": bool,
    "name": None,
    "set": list,
    "format": None,
    "tag": None,
    "dangling": None,
}
"""By key, which is an option without its dashes, what its value is: None is a single one."""
INSTEAD = {"command": "agent", "agent": "command"}
"""By key, the key that says the same in another way: a call has one of the two."""
PATHS = frozenset({"file", "repo", "credentials"})
"""Keys that are paths, from the folder of the file on."""
FILE = "file"
"""The key of the argument FILE."""
_LENGTH_MAX = 1024 * 1024
_LISTS = (list, tuple)


@dataclass(frozen=True)
class ConfigFile:
    """One such file."""

    path: Path
    values: Mapping[str, Any]
    """By key; paths are absolute or as one would type them here."""


def find_config(start: Path) -> Path | None:
    """The nearest one from a file or a folder upwards, up to the root of its repository.

    Outside of a repository only the folder itself is looked at: further up it could be anybody's, and it says what
    is to be run.
    """
    try:
        folder = (start if start.is_dir() else start.parent).absolute()
        top = repository_of(folder) or folder
        searched = [each for each in (folder, *folder.parents) if each.is_relative_to(top)]
        return next((each / CONFIG_FILE for each in searched if (each / CONFIG_FILE).is_file()), None)
    except OSError:
        return None


def repository_of(folder: Path) -> Path | None:
    """The root of the repository that a folder is in; None: it is in no repository."""
    start = folder.absolute()
    return next((each for each in (start, *start.parents) if (each / ".git").exists()), None)


def read_config(path: Path) -> ConfigFile:
    """What a file says.

    Raises:
        Failure: it cannot be read, or has a key or a value that it cannot have; it names all of them.
    """
    document = _parsed(path)
    problems = []
    values: dict[str, Any] = {}
    for key, value in document.items():
        place = f"{shown(path)}: {key}"
        if key in ONCE:
            problems.append(Problem(place, "is only for the command line", f"give --{key} on the command line"))
        elif key not in KEYS:
            hint = did_you_mean(str(key), list(KEYS)) or f"one of: {', '.join(KEYS)}"
            problems.append(Problem(place, "is not a key", hint))
        elif value is not None:
            kind = KEYS[key]
            found = _value(value, kind)
            if found is None:
                what = {bool: "true or false", list: "a list of single values"}.get(kind or str, "a single value")
                # Only its kind: the text of a list may be endless, by its aliases.
                shape = "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else ""
                problems.append(Problem(place, f"{shape or quoted(str(value))} is not {what}"))
            else:
                values[key] = str(_below(path, found)) if key in PATHS else found
    if problems:
        raise of_problems(problems)
    return ConfigFile(path, values)


def shown(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def say_used(config: ConfigFile, used: list[str]) -> None:
    """Says on stderr which file values come from."""
    terminal.say(f"using {shown(config.path)}: {', '.join(used)}")


def _parsed(path: Path) -> dict[str, Any]:
    import yaml  # here, because it is slow to load and most calls have no such file

    try:
        with path.open("rb") as file:
            text = file.read(_LENGTH_MAX + 1)
        if len(text) > _LENGTH_MAX:
            raise Failure(f"{shown(path)}: is larger than {_LENGTH_MAX // 1024} KiB")
        document = yaml.load(text.decode("utf-8-sig"), Loader=_as_written(yaml))
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise Failure(f"{shown(path)}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise Failure(f"{shown(path)}{line}: is no YAML: {getattr(error, 'problem', None) or error}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise Failure(f"{shown(path)}: has no keys", hint="write one KEY: VALUE a line, as in parallelism: 4")
    return document


def _as_written(yaml: Any) -> Any:
    """A safe loader that keeps numbers and dates as they are written: a branch 1.10 is not 1.1, and 1:30 is no 90."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    for kind in ("int", "float", "timestamp"):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", yaml.SafeLoader.construct_scalar)
    return Loader


def _value(value: Any, kind: type | None) -> Any:
    """A value as the command line would have it; None where it is of another kind."""
    if kind is bool:
        return value if isinstance(value, bool) else None
    if kind is list:
        items = list(value) if isinstance(value, _LISTS) else [value]
        is_list = not any(isinstance(item, (dict, *_LISTS)) or item is None for item in items)
        return list(map(str, items)) if is_list else None
    return None if isinstance(value, (dict, bool, *_LISTS)) else str(value)


def _below(path: Path, value: str) -> Path:
    found = Path(value).expanduser()
    return found if found.is_absolute() else Path(shown(path.parent / found))
