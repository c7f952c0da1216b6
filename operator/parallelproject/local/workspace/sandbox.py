"""``spec.workspace.sandbox``: the command of an attempt in a sandbox of Bubblewrap (bwrap(1)).

The workspace, the outputs, the folders of the agent and the caches of the user are writable, the rest of the machine is
read-only, and the user's checkout is not there. The network is as it is. All processes are in a PID namespace: when its
first one ends, the kernel kills the others, whatever they have done to escape.

Bubblewrap passes no signals on, and ends by them: the command would have no time to end by itself. So it ignores
SIGTERM, which goes to the whole process group, and the command gets it as usual.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parallelproject.agents.folders import FOLDERS, folders_of
from parallelproject.local.errors import RunError
from parallelproject.model import names
from parallelproject.model.agents import AgentType

_TMP = "/tmp"
_CACHES = (".cache", ".npm")
"""Of the user's home: tools fail where they cannot write there, and their content can be made again."""
_ROOT_MAY_NOT = ("SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "SYS_RAWIO", "SYS_BOOT", "MKNOD", "DAC_READ_SEARCH")
"""Capabilities with which root would undo it."""
_SECONDS = 30
_LINKS_MAX = 40
"""Most links on the way to a file, as the kernel has it."""


class SandboxError(Exception):
    """It cannot be had. The message says why, and ``fix`` what to do."""

    def __init__(self, found: str, fix: str) -> None:
        super().__init__(found)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """The sandbox of a run."""

    program: str
    """The path of ``bwrap``."""
    env: str
    """The path of ``env``, of GNU."""
    hidden: tuple[str, ...] = ()
    """Folders that are not there: the user's checkout, its repository."""
    linked: tuple[str, ...] = ()
    """Files and folders in them that workspaces have links to; they are read-only."""

    def prefix(
        self, environment: Mapping[str, str], state: str, agent: AgentType | None, given: Mapping[str, str]
    ) -> list[str]:
        """The words that stand before a command.

        Args:
            environment: The variables of the attempt.
            state: The state directory.
            agent: The coding agent that the command starts; None: it may be any.
            given: The environment of the run.
        """
        workspace, outputs = environment[names.ENV_WORKSPACE], environment[names.ENV_OUTPUTS]
        home = given.get("HOME", "")
        around = os.path.dirname(workspace)  # noqa: PTH120 - ``../*`` is the attempt's own, too
        shared = [f"{home}/{cache}" for cache in _CACHES] if home else []
        shared += folders_of([agent] if agent else FOLDERS, given)
        shared = [os.path.realpath(path) for path in _not_in_another(shared)]
        in_tmp = [home, *given.get("PATH", "").split(os.pathsep)]
        read_only = [path for path in in_tmp if path.startswith(f"{_TMP}/")]
        read_only += [f"{state}/tasks", f"{state}/outputs", *self.linked]
        read_only += [environment[name] for name in (names.ENV_FEEDBACK,) if name in environment]
        # Only where they would be writable: elsewhere they are read-only, or hidden, as all else is.
        exposed = [os.path.realpath(path) for path in (state, os.path.dirname(around))]  # noqa: PTH120
        read_only += [path for path in exposed if _is_in(path, shared) and not _is_in(path, self.hidden)]
        mounts = dict.fromkeys(self.hidden, "--tmpfs")
        mounts |= {os.path.realpath(path): "--ro-bind-try" for path in read_only}
        mounts |= dict.fromkeys([*shared, *map(os.path.realpath, (around, outputs))], "--bind-try")
        words = [self.env, "--ignore-signal=TERM", self.program, *_base()]
        # What is in a folder comes after it: else the folder would cover it.
        for path, how in sorted(mounts.items(), key=lambda mount: mount[0].count("/")):
            words += [how, path] if how == "--tmpfs" else [how, path, path]
        for folder in self.hidden:
            words += ["--remount-ro", folder]
        if given.get("TMPDIR"):
            words += ["--setenv", "TMPDIR", _TMP]
        return [*words, "--chdir", workspace, "--", self.env, "--default-signal=TERM"]


def quiet_prefix(sandbox: Bubblewrap | None, workspace: str, state: str, given: Mapping[str, str]) -> list[str]:
    """The words before a command of a check or a hook, which puts nothing out; empty without a sandbox.

    Args:
        sandbox: The sandbox, if there is one.
        workspace: The folder of its workspace.
        state: The state directory.
        given: The environment of the run.
    """
    outputs = os.path.dirname(workspace)  # noqa: PTH120 - it is writable as it is
    own = {names.ENV_WORKSPACE: workspace, names.ENV_OUTPUTS: outputs}
    return sandbox.prefix(own, state, None, given) if sandbox else []


def bubblewrap(hidden: Sequence[Path], linked: Sequence[Path], environment: Mapping[str, str]) -> Bubblewrap:
    """The sandbox of a run, once it was tried.

    Args:
        hidden: Folders that tasks do not see.
        linked: Files and folders in them that workspaces have links to.
        environment: Of the run.

    Raises:
        RunError: this machine has none, or it would hide what tasks need.
    """
    home = Path(os.path.realpath(environment["HOME"])) if environment.get("HOME") else None
    for folder in hidden:
        real = Path(os.path.realpath(folder))
        if home and home.is_relative_to(real):
            found = f"the sandbox hides the checkout {folder}, and your home folder is in it"
            raise RunError(found, "omit --sandbox, or use a clone in a folder of its own")
    try:
        program, env = find_bubblewrap()
    except SandboxError as error:
        raise RunError(f"no sandbox: {error}", error.fix) from None
    real_paths = [os.path.realpath(folder) for folder in hidden]
    tops = [path for path in real_paths if not any(path.startswith(f"{other}/") for other in real_paths)]
    return Bubblewrap(program, env, tuple(dict.fromkeys(tops)), tuple(map(str, linked)))


def find_bubblewrap() -> tuple[str, str]:
    """The paths of ``bwrap`` and ``env``, which were tried with each other.

    Raises:
        SandboxError: they do not exist, or this machine does not let them make a sandbox.
    """
    program, env = shutil.which("bwrap"), shutil.which("env")
    if sys.platform != "linux" or program is None or env is None:
        found = "bwrap is not on the PATH" if sys.platform == "linux" else "Bubblewrap needs Linux"
        raise SandboxError(found, "install bubblewrap (apt install bubblewrap), or omit --sandbox")
    words = [env, "--ignore-signal=TERM", program, *_base(), "--", env, "--default-signal=TERM", "true"]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxError(f"{program} cannot be started: {error}", "omit --sandbox") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().split("\n")
        fix = "allow user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0), or omit --sandbox"
        raise SandboxError(f"{program} does not work here: {said[-1] or f'exit code {done.returncode}'}", fix)
    return program, env


def _base() -> list[str]:
    words = ["--unshare-pid", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", _TMP]
    for capability in _ROOT_MAY_NOT if os.geteuid() == 0 else ():
        words += ["--cap-drop", f"CAP_{capability}"]
    return words


def _not_in_another(paths: Sequence[str]) -> list[str]:
    """Those of some writable folders that are not in another one: a task can replace these by links to anywhere."""
    outer = [path for path in dict.fromkeys(paths) if not _is_below(path, paths)]
    real = {path: os.path.realpath(path) for path in outer}
    return [
        path
        for path in outer
        if not any(_is_in(folder, [real[other] for other in outer if other != path]) for folder in _on_the_way(path))
    ]


def _on_the_way(path: str) -> Iterator[str]:
    """The real folders in which the names of a path are looked up, also those of links on the way."""
    at, names_left, links = "/", [*reversed(path.split("/"))], 0
    while names_left:
        name = names_left.pop()
        if name in ("", "."):
            continue
        if name == "..":
            at = os.path.dirname(at)  # noqa: PTH120
            continue
        yield at
        entry = f"{at.rstrip('/')}/{name}"
        if os.path.islink(entry) and links < _LINKS_MAX:  # noqa: PTH114
            links += 1
            target = os.readlink(entry)  # noqa: PTH115
            at = "/" if target.startswith("/") else at
            names_left += reversed(target.split("/"))
        else:
            at = entry


def _is_below(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is in one of some folders by its name, wherever links lead."""
    return ".." not in path.split("/") and any(path != folder and _is_in(path, [folder]) for folder in folders)


def _is_in(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of some folders, or in one."""
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)
