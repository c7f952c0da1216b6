"""``pproj clean``: what finished local runs have left is listed, and removed once that is agreed to."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from parallelproject.cli.input.arguments import StateDirectoryOfRun
from parallelproject.cli.input.completion import readable_names
from parallelproject.cli.input.typed_times import seconds
from parallelproject.cli.local.runs import short
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.cli.output.tables import span
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.local.cleaning import (
    RunLeftovers,
    abandoned_workspaces,
    remove_run,
    remove_workspaces,
    survey,
)  # fmt: skip
from parallelproject.local.errors import RunError
from parallelproject.local.read import is_run, run_named, runs_below
from parallelproject.model.problem import listed
from parallelproject.model.suggest import did_you_mean


def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Runs of this folder to remove, also with work that did not land; by default all succeeded runs whose "
            "work has landed.",
            autocompletion=readable_names,
            show_default=False,
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", metavar="TIME", help="Only runs that ended at least this long ago, as in 12h or 7d."
        ),
    ] = None,
    state_dir: StateDirectoryOfRun = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
) -> int:
    """Remove what finished local runs have left; asks first.

    Removes the state, logs, workspaces and git refs of each run. Its branch is removed only if the base has all of
    its commits. Active runs are never removed. A run that failed or was interrupted, or that has work that did not
    land, is removed only if you name it. Without names, workspaces of runs that were deleted by hand are removed too.
    """
    asked = names or []
    found = [survey(path) for path in _directories(asked, state_dir)]
    now, limit = time.time(), seconds(older_than, "--older-than") or 0.0
    reasons = {run.path: run.stays(bool(asked), now, limit) for run in found}
    going = [run for run in found if not reasons[run.path]]
    abandoned = [] if asked or state_dir else abandoned_workspaces()
    for one in going:
        for line in _described(one, now, bool(asked)):
            terminal.show(line)
    for root, size in abandoned:
        terminal.show(f"{root}: workspaces of a run whose state was deleted, {_bytes(size)}")
    for one in found:
        if reasons[one.path]:
            terminal.say(f"{one.name} stays: {reasons[one.path]}{_hint(one)}")
    if not going and not abandoned:
        terminal.say("nothing to remove")
        return int(bool(asked))
    total = _bytes(sum(one.size for one in going) + sum(size for _, size in abandoned))
    if dry_run:
        terminal.say(f"{total} would be removed")
        return 0
    if not yes and not _agreed(total):
        terminal.say("nothing is removed")
        return 1
    failures = [*_removed(going, bool(asked)), *_removed_roots([root for root, _ in abandoned])]
    for line in failures:
        terminal.error(line)
    if not failures:
        terminal.say(f"{total} removed")
    return int(bool(failures))


def _directories(names: Sequence[str], state_dir: Path | None) -> list[Path]:
    if state_dir is not None:
        if names:
            raise Failure("--state-dir names the run already", hint="give names or --state-dir", code=2)
        if not is_run(state_dir):
            raise Failure(f"--state-dir {state_dir}: there is no local run")
        return [state_dir.absolute()]
    here = Path.cwd()
    if not names:
        return runs_below(here)
    found = []
    for name in dict.fromkeys(names):
        path = run_named(name, here)
        if path is None:
            hint = did_you_mean(name, [run.name for run in runs_below(here)]) or f"{typed()} list shows all"
            raise Failure(f"there is no local run {name} in this folder", hint=hint)
        found.append(path)
    return found


def _described(run: RunLeftovers, now: float, is_named: bool) -> Iterator[str]:
    """What is removed of a run, and what of it stays."""
    ended = "" if run.ended is None else f" {span(now - run.ended)} ago"
    yield f"{run.name}: {run.outcome}{ended}, {_bytes(run.size)}"
    yield f"  state, logs and workspaces: {short(run.path)}"
    git = run.git
    if run.trouble:
        yield f"  its repository is left as it is: {run.trouble}"
    if git is None:
        return
    if git.landed:
        yield f"  {len(git.landed)} refs of work that has landed: {git.repository}"
    if git.kept and is_named:
        yield f"  {len(git.kept)} refs of work that did NOT land: {listed(list(git.kept), 3)}"
    if git.branch_commit:
        yield f"  branch {git.branch}, which is fully merged: {git.repository}"
    elif git.branch:
        yield f"  branch {git.branch} stays: {git.branch_stays}"


def _hint(run: RunLeftovers) -> str:
    if run.outcome == "active":
        return ""
    return f" ({typed()} clean {run.name} removes it)"


def _agreed(total: str) -> bool:
    if not sys.stdin.isatty():
        raise Failure("cannot ask: standard input is not a terminal", hint="--yes removes it, --dry-run lists it")
    return typer.confirm(f"Remove this ({total})?", err=True)


def _removed(runs: Sequence[RunLeftovers], is_named: bool) -> Iterator[str]:
    """Removes them; yields what could not be."""
    for run in runs:
        try:
            remove_run(run, with_kept_work=is_named)
        except (RunError, GitFailedError) as error:
            yield f"{run.name}: {error}"
        except OSError as error:
            yield f"{run.name}: cannot remove {error.filename or run.path}: {error.strerror}"


def _removed_roots(roots: Sequence[Path]) -> Iterator[str]:
    for root in roots:
        try:
            remove_workspaces(root)
        except OSError as error:
            yield f"cannot remove {error.filename or root}: {error.strerror}"


def _bytes(size: float) -> str:
    """A size as ``du -h`` has it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError
