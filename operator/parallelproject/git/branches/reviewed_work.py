"""A branch as its pull request is reviewed: who wrote which line, and where another commit does not merge into it."""

from collections.abc import Iterable, Sequence

from parallelproject.core.review.observed import BranchWork, CodeLine, LandedCommit
from parallelproject.git.plumbing.command import GitCommand
from parallelproject.git.plumbing.landed_history import trailer_format
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.trailers import REPAIR, RUN, TASK

_HEX = frozenset("0123456789abcdef")


def branch_work(git: GitCommand, run: str, tip: str, base: str, lines: Sequence[CodeLine] = ()) -> BranchWork:
    """The commits of a branch that its base does not have, and who wrote some lines.

    Args:
        git: A repository with both.
        run: The run whose tasks are known.
        tip: The commit of the branch.
        base: A commit.
        lines: The lines; those of commits that are not known here are skipped.

    Raises:
        GitFailedError: git failed.
    """
    form = "%H%x00%P%x00" + "%x00".join(map(trailer_format, (RUN, TASK, REPAIR)))
    printed = git.run("log", "--reverse", "--topo-order", f"--format={form}", tip, f"^{base}", "--").stdout
    rows = [line.split("\0") for line in lines_of(printed.decode(errors="surrogateescape").removesuffix("\n"))]
    changed = changed_paths(git, [row[0] for row in rows])
    commits = []
    for commit, parents, of_run, task, repair in rows:
        is_ours = of_run == run and len(parents.split()) == 1
        number = int(repair) if repair.isdigit() else 0
        commits.append(LandedCommit(commit, task if is_ours else "", changed.get(commit, ()), number))
    return BranchWork(tuple(commits), {line: commit for line in lines if (commit := _blamed(git, line))})


def changed_paths(git: GitCommand, commits: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """By commit, the paths that it changed.

    Raises:
        GitFailedError: git failed.
    """
    found: dict[str, list[str]] = {}
    if known := dict.fromkeys(commits):
        options = ("--stdin", "-r", "-z", "--name-only", "--no-renames", "--root")
        printed = git.run("diff-tree", *options, stdin="\n".join([*known, ""]).encode()).stdout
        at = ""
        for field in printed.decode(errors="surrogateescape").split("\0"):
            if field.rstrip("\n") in known:
                at = field.rstrip("\n")
            elif field:
                found.setdefault(at, []).append(field)
    return {commit: tuple(paths) for commit, paths in found.items()}


def _blamed(git: GitCommand, line: CodeLine) -> str:
    """The commit that changed a line last; empty: not known."""
    if "\0" in line.path or not set(line.commit) <= _HEX or not line.commit:
        return ""
    done = git.run(
        "blame", "--porcelain", "-L", f"{line.line},{line.line}", line.commit, "--", line.path, codes=(0, 128)
    )
    return done.stdout.decode(errors="replace").partition(" ")[0] if done.returncode == 0 else ""
