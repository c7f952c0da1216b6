"""Where the workspaces of a run are, so that nothing in one reaches a repository above it.

git, and every tool like it, looks for its repository in the folders above. Workspaces below a repository would be a
part of it as soon as they are no repository themselves: a task that removes its ``.git`` and commits would commit what
its user has not. So they stand in the state directory only where no repository is above that, else elsewhere. Each
attempt has a folder around its workspace that is its own, so that ``../*`` is nobody else's either. Standard library
only.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from parallelproject.folder_removal import remove

FOLDER = "workspaces"
"""In the state directory: the folder of the workspaces, or a link to it."""
_OWNER = ".state"
"""In a folder elsewhere: the state directory that it belongs to."""
_STOP = ".git"
_STOP_TEXT = "gitdir: (what is above a workspace is not for its task)\n"
"""git that comes by reads it, fails, and looks no further up."""
_REPOSITORIES = (".git", ".jj", ".hg", ".svn")
_ENV_CEILINGS = "GIT_CEILING_DIRECTORIES"
_LEADING_ELSEWHERE = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_IMPLICIT_WORK_TREE",
    "GIT_QUARANTINE_PATH", "GIT_INTERNAL_SUPER_PREFIX", "GIT_CONFIG", "HG", "JJ_REPO",
)  # fmt: skip
_SHELL = ("OLDPWD", "CDPATH")


def repository_above(folder: Path) -> Path | None:
    """The nearest folder, this one or one above it, that is a repository of any kind. Those of tasks do not count."""
    for above in (folder, *folder.parents):
        if any(_is_repository(above / name) for name in _REPOSITORIES):
            return above
        if (above / "HEAD").is_file() and (above / "objects").is_dir() and (above / "refs").is_dir():
            return above
    return None


def _is_repository(path: Path) -> bool:
    """Whether it may be that of a repository. An empty folder is none: sandboxes of agents make one to mount over."""
    if not path.exists() or _is_stop(path):
        return False
    try:
        return not path.is_dir() or any(path.iterdir())
    except OSError:
        return True


def make_root(state: Path, name: str, environment: Mapping[str, str]) -> Path:
    """Makes the folder of a run's workspaces, or finds the one that its earlier sessions have used.

    Args:
        state: The state directory; it exists.
        name: The project's name, for people.
        environment: Says where users keep such things (XDG Base Directory Specification).

    Raises:
        OSError: it cannot be made.
    """
    if repository_above(Path(os.path.realpath(state))):
        _stop(state)  # for who leaves the workspace by the path of the outputs or of the task file
    link = state / FOLDER
    if link.is_dir() and (not link.is_symlink() or _is_ours(link, state)):
        return Path(os.path.realpath(link))
    if link.is_symlink():
        link.unlink()
    root = _new(state, name, environment)
    if root != link:
        link.symlink_to(root)
    return root


def root_of(state: Path) -> Path:
    """The folder of a run's workspaces, by its real path: what a task sees has no link to the repository in it."""
    return Path(os.path.realpath(state / FOLDER))


def forget_root(state: Path, *, only_empty: bool = False) -> None:
    """Removes the folder of the workspaces where that is elsewhere.

    Args:
        state: The state directory.
        only_empty: Not where a workspace is left in it.

    Raises:
        OSError: something in it cannot be removed.
    """
    link = state / FOLDER
    if not link.is_symlink():
        return
    if _is_ours(link, state):
        root = root_of(state)
        if only_empty and {entry.name for entry in root.iterdir()} - {_OWNER, _STOP}:
            return
        remove(root)
    link.unlink()


def abandoned_roots(environment: Mapping[str, str]) -> list[Path]:
    """Folders of workspaces whose state directory was removed by hand, and in which no process works."""
    found = []
    for parent in dict.fromkeys(_elsewhere(environment)):
        with suppress(OSError):
            found += [root for root in sorted(parent.iterdir()) if _is_abandoned(root)]
    return found


def make_around(workspace: Path) -> None:
    """Makes the folder around a workspace, its attempt's own."""
    workspace.parent.mkdir(parents=True, exist_ok=True)


def environment(workspace: str, state: str, given: Mapping[str, str]) -> dict[str, str]:
    """Variables that keep a task's tools from looking above its workspace, or where the run was started."""
    ceilings = [os.path.dirname(workspace), state]  # noqa: PTH120 - for every attempt
    with suppress(KeyError):
        ceilings.append(given[_ENV_CEILINGS])
    return {_ENV_CEILINGS: os.pathsep.join(ceilings), "PWD": workspace}


def without_ways_out(given: Mapping[str, str]) -> dict[str, str]:
    """An environment without what leads a task's tools to another repository: where a hook of git has started us."""
    left_aside = {*_LEADING_ELSEWHERE, *_SHELL}
    return {name: value for name, value in given.items() if name not in left_aside}


def _new(state: Path, name: str, environment: Mapping[str, str]) -> Path:
    """The folder where no repository is above it. Where one is above all of them, git is stopped on its way."""
    own = state / FOLDER
    if repository_above(Path(os.path.realpath(state))) is None:
        own.mkdir(exist_ok=True)
        return own
    for parent in _elsewhere(environment):
        with suppress(OSError):
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if repository_above(Path(os.path.realpath(parent))) is None:
                root = Path(os.path.realpath(tempfile.mkdtemp(prefix=f"{name}-", dir=parent)))
                (root / _OWNER).write_text(f"{state}\n", encoding="utf-8")
                return root
    own.mkdir(exist_ok=True)
    _stop(own)
    return own


def _elsewhere(environment: Mapping[str, str]) -> Iterator[Path]:
    given = environment.get("XDG_STATE_HOME", "")
    if os.path.isabs(given):  # noqa: PTH117 - as the specification has it
        yield Path(given) / "parallelproject"
    home = environment.get("HOME", "")
    if os.path.isabs(home):  # noqa: PTH117
        yield Path(home) / ".local/state/parallelproject"
    yield Path(tempfile.gettempdir())


def _is_ours(link: Path, state: Path) -> bool:
    """Whether the folder behind a link belongs to this state: a copy of a state has a link to the other's."""
    try:
        owner = Path((link / _OWNER).read_text(encoding="utf-8").rstrip("\n"))
        if link.resolve().stat().st_uid != os.geteuid():
            return False
    except OSError:
        return False
    if owner == state:
        return True
    try:
        is_copy = (owner / FOLDER).samefile(link)
    except OSError:
        is_copy = False
    if not is_copy:  # the state was moved
        with suppress(OSError):
            (link / _OWNER).write_text(f"{state}\n", encoding="utf-8")
    return not is_copy


def _is_abandoned(root: Path) -> bool:
    try:
        if root.is_symlink() or root.stat().st_uid != os.geteuid():
            return False
        owner = Path((root / _OWNER).read_text(encoding="utf-8").rstrip("\n"))
    except OSError:
        return False
    return owner.is_absolute() and not owner.exists() and not _is_used(root)


def _is_used(root: Path) -> bool:
    """Whether a process has its working directory in it, as far as the system shows that."""
    inside = f"{os.path.realpath(root)}/"
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{os.readlink(process / 'cwd')}/".startswith(inside):  # noqa: PTH115
                return True
    return False


def _stop(folder: Path) -> None:
    stop = folder / _STOP
    if not stop.exists():
        stop.write_text(_STOP_TEXT, encoding="utf-8")


def _is_stop(file: Path) -> bool:
    try:
        return file.is_file() and file.read_text(encoding="utf-8", errors="replace") == _STOP_TEXT
    except OSError:
        return False
