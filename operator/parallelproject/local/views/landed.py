"""The end of a summary, of a run with a repository: what landed, what is kept, and how to look at both."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.report.drift import Comparison, compare
from parallelproject.git.branches.reviewed_work import changed_paths
from parallelproject.git.plumbing.refs import OTHER, PREFIX, TaskRefs, kept_work
from parallelproject.local.delivery.target import LandingTarget
from parallelproject.model.problem import listed

_SHOWN = 10
"""Most tasks or paths that are named in one list."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the repository has of a run, by its refs alone."""

    target: LandingTarget
    landed: Mapping[str, str]
    """By task, its last commit."""
    commits: int
    """The number of all their commits: a task that was repaired has several."""
    kept: Mapping[str, tuple[str, ...]]
    """By task, the refs of work that did not land, the last attempt's last. Of one that has landed only those with work
    that was elsewhere than in its files."""
    earlier: int
    """How many more refs there are: work of earlier attempts of tasks that have landed."""
    waiting: tuple[str, ...]
    """Tasks whose work is safe and still has to land."""
    comparison: Comparison


def account(target: LandingTarget, graph: CompiledGraph) -> Account:
    """Reads it.

    Raises:
        GitFailedError: the repository cannot be read.
    """
    found = target.repository.task_refs(target.run, list(graph.ids))
    commits = sum(name.endswith("/landed") for name in target.repository.refs_of_run(target.run))
    landed = {task: refs["landed"] for task, refs in found.items() if "landed" in refs}
    paths = changed_paths(target.repository.git, landed.values())
    kept, earlier = {}, 0
    for task, refs in found.items():
        folder = TaskRefs(target.run, task).folder
        names = kept_work(refs)
        if task in landed:
            others = [name for name in names if name.startswith(f"{OTHER}/")]
            earlier += len(names) - len(others)
            names = others
        if names:
            kept[task] = tuple(f"{folder}/{name}" for name in names)
    waiting = tuple(task for task, refs in found.items() if "result" in refs and "landed" not in refs)
    changed = {task: paths.get(commit, ()) for task, commit in landed.items()}
    return Account(target, landed, commits, kept, earlier, waiting, compare(graph, changed))


def report(account: Account) -> list[str]:
    """What landed and what did not, a line each."""
    target = account.target
    count = account.commits
    lines = [f"Landed: {_count(count, 'commit')} on {target.branch}" if count else f"Nothing landed on {target.branch}"]
    open_ = [(task, ref) for task, refs in account.kept.items() for ref in _to_show(refs)]
    if open_:
        lines.append("Kept, not landed:")
        lines += [f"  {task}: {ref}" for task, ref in open_[:_SHOWN]]
        lines += _more(len(open_))
    if account.earlier:
        lines.append(f"Also kept from earlier attempts: {_count(account.earlier, 'ref')}")
    if account.waiting:
        lines.append(f"Done and safe, still to land: {listed(account.waiting, _SHOWN)}")
    return lines


def warnings(account: Account) -> list[str]:
    """What was changed and had not been declared."""
    lines = []
    overlaps = account.comparison.overlaps
    if overlaps:
        lines.append(
            "Changed by several tasks that could run at the same time (merged; declare the paths in the tasks' files):"
        )
        lines += [f"  {overlap.path}: {listed(overlap.tasks, _SHOWN)}" for overlap in overlaps[:_SHOWN]]
        lines += _more(len(overlaps))
    undeclared = account.comparison.undeclared
    if undeclared:
        lines.append("Changed, but not declared in the task's files:")
        lines += [f"  {task}: {listed(paths, _SHOWN)}" for task, paths in list(undeclared.items())[:_SHOWN]]
        lines += _more(len(undeclared))
    return lines


def commands(account: Account, *, is_done: bool) -> list[tuple[str, str]]:
    """Commands to look at it, and to take it once all is done, each with what it does."""
    target = account.target
    git = _git(target.repository.folder)
    base, branch = shlex.quote(target.base.name), shlex.quote(target.branch)
    found = []
    if account.landed:
        found += [
            (f"{git} log --oneline {base}..{branch}", "Show what landed, a commit for each task"),
            (f"{git} diff {base}...{branch}", "Show all of it as one change"),
        ]
        if is_done and not target.repository.is_bare:
            found.append((f"{git} merge {branch}", "Merge it into the branch that is checked out"))
    last = next((refs[-1] for refs in account.kept.values()), None)
    if last:
        ref = shlex.quote(last)
        found += [
            (f"{git} show {ref}", "Show work that did not land"),
            (f"{git} branch recovered {ref}", "Get it back, as a branch"),
        ]
    if account.earlier:
        folder = f"{PREFIX}/{target.run}/"
        found.append((f"{git} for-each-ref {shlex.quote(folder)}", "List all that is kept of the run"))
    return found


def _to_show(refs: Sequence[str]) -> list[str]:
    """The work of the last attempt, and all that was elsewhere than in an attempt's files."""
    others = [ref for ref in refs if f"/{OTHER}/" in ref]
    return [*[ref for ref in refs if ref not in others][-1:], *others]


def _git(folder: Path) -> str:
    """The command, for a user in the folder where the run was started."""
    here = Path.cwd()
    if here == folder or folder in here.parents:
        return "git"
    shown = str(folder).removeprefix(f"{here}/")
    return f"git -C {shlex.quote(shown)}"


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _more(count: int) -> list[str]:
    return [f"  and {count - _SHOWN} more"] if count > _SHOWN else []
