"""Names of refs: which are valid, and where a task's state is kept on the remote."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.model.problem import quoted

PREFIX = "refs/parallelproject"
"""Where the state of all runs is kept."""
OTHER = "kept"
"""In a task's refs, the folder of work outside of its workspace's files."""
_REPAIR = "repair"
"""In a task's refs, the folder of its repairs: work that lands after the task's own has landed."""

_ATTEMPT = re.compile(r"[0-9]+")
_OF_REPAIR = re.compile(rf"{_REPAIR}/([0-9]+)/(landed|result)")
_LONGEST = 200  # bytes; with the prefix and ".lock" it must fit a file name's 255
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_RUN = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?")
_TASK = re.compile(r"[A-Za-z0-9](?:[-._A-Za-z0-9]{0,61}[A-Za-z0-9])?")


def ref_problem(name: str) -> str | None:
    """Why this is not a valid name below ``refs/…/`` by git-check-ref-format(1); None if it is valid.

    Stricter than git for useless names: a leading ``-`` (an option to some command), names longer than a file's,
    and what is not Unicode text.
    """
    found = _FORBIDDEN.search(name)
    if not name or name == "@":
        return "is empty"
    if any("\ud800" <= character <= "\udfff" for character in name):
        return "is not text"
    if len(name.encode()) > _LONGEST:
        return f"is longer than {_LONGEST} bytes"
    if found:
        return f"contains {quoted(found[0])}"
    if name.startswith(("-", "/")) or name.endswith(("/", ".")):
        return f"starts or ends with {quoted(name[0] if name[0] in '-/' else name[-1])}"
    for part in name.split("/"):
        if part.startswith(".") or part.endswith(".lock"):
            return f"has the part {quoted(part)}, which git reserves"
    return None


def check_branch(name: str, place: str) -> str:
    """The branch's full ref.

    Args:
        name: As in ``parallel/checkout``, without ``refs/heads/``.
        place: Its field, for the error.

    Raises:
        PolicyError: it is not a valid name of a branch.
    """
    problem = ref_problem(name)
    if problem is None and (name == "HEAD" or name.startswith("refs/")):
        problem = "is not the name of a branch"
    if problem:
        raise PolicyError("InvalidRef", f"{place}: {quoted(name)} {problem}")
    return f"refs/heads/{name}"


def task_branch(branch: str, task: str) -> str:
    """The branch of one task, if each has its own; without ``refs/heads/``.

    A branch ``branch`` cannot exist next to it: git has a folder of that name.

    Raises:
        PolicyError: that is not a valid name of a branch.
    """
    if not _TASK.fullmatch(task):
        raise PolicyError("InvalidRef", f"task: {quoted(task)} is not a task's id")
    return check_branch(f"{branch}/{_part(task)}", "branch").removeprefix("refs/heads/")


def _part(task: str) -> str:
    """A task's id as a part of a ref.

    An id may contain what a ref may not (``a..b``, ``x.lock``): those dots are written as ``%2E``. No id contains
    ``%``, so two ids never become the same part.
    """
    name = re.sub(r"\.lock$", "%2Elock", task)
    return re.sub(r"(?<=[.])[.]", "%2E", name)


@dataclass(frozen=True, slots=True)
class TaskRefs:
    """The refs of one task of one run."""

    run: str
    task: str
    prefix: str = PREFIX
    repair: int = 0
    """Number of the repair of the task's landed work; 0: the task's own work. Each lands once."""

    def __post_init__(self) -> None:
        if not _RUN.fullmatch(self.run):
            raise PolicyError("InvalidRef", f"run: {quoted(self.run)} is not a valid name of a run")
        if not _TASK.fullmatch(self.task):
            raise PolicyError("InvalidRef", f"task: {quoted(self.task)} is not a task's id")
        if not self.prefix.startswith("refs/") or ref_problem(self.prefix):
            raise PolicyError("InvalidRef", f"refPrefix: {quoted(self.prefix)} is not a valid prefix of refs")

    @property
    def run_folder(self) -> str:
        """All refs of this run are below it."""
        return f"{self.prefix}/{self.run}"

    @property
    def folder(self) -> str:
        """All refs of this task are below it."""
        return f"{self.run_folder}/{_part(self.task)}"

    @property
    def landing_folder(self) -> str:
        """``result`` and ``landed`` are below it."""
        return f"{self.folder}/{_REPAIR}/{self.repair}" if self.repair else self.folder

    @property
    def result(self) -> str:
        """The work, safe and not landed yet."""
        return f"{self.landing_folder}/result"

    @property
    def landed(self) -> str:
        """The task's commit on the branch. It is created once, together with it, which makes landing exactly once."""
        return f"{self.landing_folder}/landed"

    def salvage(self, attempt: int) -> str:
        """Work of an attempt that failed or was superseded."""
        return f"{self.folder}/salvage/{attempt}"

    def held(self, attempt: int) -> str:
        """Work of an attempt that further steps of the task follow on."""
        return f"{self.folder}/held/{attempt}"

    def conflict(self, attempt: int) -> str:
        """An attempt's work that conflicted with landed work."""
        return f"{self.folder}/conflict/{attempt}"

    def kept(self, attempt: int, name: str) -> str:
        """Work of an attempt outside of its workspace's files, such as on another branch."""
        return f"{self.folder}/{OTHER}/{attempt}/{name}"


def refs_by_task(run: str, tasks: Iterable[str], refs: Iterable[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """The refs of a run's tasks.

    Args:
        run: Name of the run.
        tasks: Ids of its tasks; others are skipped.
        refs: Names of refs, and their commits.

    Returns:
        By task, its refs as in ``landed`` or ``salvage/1``, with their commits. ``landed`` is its last commit on the
        branch: that of its last repair, if it had one.
    """
    folders = {TaskRefs(run, task).folder: task for task in tasks}
    found: dict[str, dict[str, str]] = {}
    for name, commit in refs:
        folder = "/".join(name.split("/")[:4])
        if folder in folders:
            found.setdefault(folders[folder], {})[name.removeprefix(f"{folder}/")] = commit
    for of_task in found.values():
        repairs = sorted((int(match[1]), name) for name in of_task if (match := _OF_REPAIR.fullmatch(name)))
        for _, name in repairs:
            of_task[name.rpartition("/")[2]] = of_task.pop(name)
    return found


def kept_work(refs: Iterable[str]) -> list[str]:
    """The refs of a task that keep work which did not land, in the order of their attempts."""

    def attempt(name: str) -> tuple[int, str]:
        number = _ATTEMPT.match(name.partition("/")[2])
        return (int(number[0]) if number else 0, name)

    return sorted((name for name in refs if "/" in name), key=attempt)
