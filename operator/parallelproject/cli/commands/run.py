"""``pproj run``: the same engine on this machine, tasks as local processes."""

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from parallelproject.cli.commands.local_publish import publisher
from parallelproject.cli.input.arguments import (
    HERE,
    All,
    Command,
    Dangling,
    DanglingOption,
    File,
    Format,
    NoColor,
    Parallelism,
    ProjectName,
    SchedulingOption,
    Sets,
    Tag,
)  # fmt: skip
from parallelproject.cli.input.task_file import located, placed, read_file, tell
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure, of_problems
from parallelproject.cli.output.program import typed
from parallelproject.local.engine.options import RunOptions
from parallelproject.local.start import run_project
from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import ParallelProject, parse_spec
from parallelproject.sources import Imported


def run(
    file: File = HERE,
    command: Command = None,
    parallelism: Parallelism = None,
    scheduling: SchedulingOption = None,
    name: ProjectName = None,
    settings: Sets = None,
    state_dir: Annotated[
        Path | None,
        typer.Option("--state-dir", metavar="DIR", help="Where the run keeps its state; by default .pproj/NAME."),
    ] = None,
    repo: Annotated[
        Path | None,
        typer.Option(
            "--repo",
            metavar="DIR",
            help="Give each task a workspace of its own from this git repository, and land its work there, on the "
            "branch parallel/NAME. What is checked out in DIR is not touched.",
        ),
    ] = None,
    push: Annotated[
        bool,
        typer.Option(
            "--push",
            help="With a repository: push the branch to its remote at the end; with spec.git.forge, also open its pull "
            "request or bring it up to date.",
        ),
    ] = False,
    credentials: Annotated[
        Path | None,
        typer.Option(
            "--credentials",
            metavar="DIR",
            help="Files for publishing: username, password or token, ssh-privatekey and known_hosts, ca.crt, and "
            "forge-token where it is another; by default git is asked for the password.",
        ),
    ] = None,
    states_back: Annotated[
        bool,
        typer.Option(
            "--write-back", help="At the end, mark what has succeeded as done in FILE; nothing else in it is changed."
        ),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget an earlier run and start over.")] = False,
    background: Annotated[
        bool,
        typer.Option("--detach", help="Run in the background; pproj watch follows it, pproj stop stops it."),
    ] = False,
    format: Format = None,
    tag: Tag = None,
    dangling: DanglingOption = Dangling.ERROR,
    all_tasks: All = False,
    no_color: NoColor = False,
) -> int:
    """Run a file's tasks here, as local processes.

    A run that was cut off goes on where it was: what succeeded does not run again. Exit code: 0 when all tasks
    succeeded, 1 when not, 130 when it was interrupted.
    """
    if no_color:
        terminal.forbid_color()
    if command is not None and not command.strip():
        raise Failure(
            "--command is empty: it says what runs a task", hint="leave it away, or give --command 'CMD'", code=2
        )
    file = located(file, "run")
    imported = read_file(file, format, tag, dangling, all_tasks, name)
    tell(imported)
    project = _with(settings, imported) if settings else imported.project
    if command is None and project.spec.tasks and not project.spec.roles:
        found = f"{file}: nothing says what runs a task"
        raise Failure(f"{found} (give --command 'CMD', or a manifest whose roles have a podTemplate)")
    if push and repo is None and project.spec.git is None:
        raise Failure("--push: there is no repository", hint="give --repo DIR", code=2)
    finished = None
    if states_back:
        finished = _writer(file, imported, partial(read_file, file, format, tag, dangling, all_tasks, name))
    git = project.spec.git
    options = RunOptions(
        command=command,
        parallelism=parallelism,
        scheduling=scheduling,
        state_dir=state_dir,
        fresh=fresh,
        repository=repo,
        push=push,
        publish=publisher(git, credentials) if push and git and git.forge else None,
        no_color=not terminal.color_allowed(sys.stdout),
        source=file if str(file) != "-" else None,
        finished=finished,
        rerun=_again(),
    )
    try:
        if background:
            from parallelproject.cli.commands.detached import run_detached  # here, because few runs need it

            return run_detached(project, options)
        return run_project(project, options)
    except ProblemsError as error:
        raise of_problems(placed(error.problems, file, project, imported.report.format)) from None


def _writer(file: Path, imported: Imported, read: Callable[[], Imported]) -> Callable[[Sequence[str]], bool]:
    from parallelproject.cli.commands.writeback import check_writable, write_back  # here, because few runs need it

    check_writable(file, imported)
    return partial(write_back, file, read)


def _with(settings: list[str], imported: Imported) -> ParallelProject:
    from parallelproject.cli.commands.importing import changed  # here, because it loads what only a cluster needs

    manifest = changed(imported, settings)
    return ParallelProject(metadata=manifest["metadata"], spec=parse_spec(manifest["spec"]))


def _again() -> str:
    """The command line that was typed, without what is for the first time only."""
    words = [word for word in sys.argv[1:] if word not in ("--fresh", "--detach")]
    return f"{typed()} {shlex.join(words)}"
