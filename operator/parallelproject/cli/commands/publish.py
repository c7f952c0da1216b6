"""``pproj publish``: what a local run has landed is pushed, gets its pull request, and is followed if that is asked."""

import shlex
from pathlib import Path

from parallelproject.cli.commands.asking import become
from parallelproject.cli.input.arguments import NameOrOnly
from parallelproject.cli.input.run_options import Credentials, Follow, StateDirectory
from parallelproject.cli.local.lookup import local_runs
from parallelproject.cli.output.failure import Failure
from parallelproject.local.read import command_of, read_run


def run(
    name: NameOrOnly = "",
    follow: Follow = False,
    credentials: Credentials = None,
    state_dir: StateDirectory = None,
) -> None:
    """Push what a local run has landed, and open or update its pull request.

    It continues the run by its own command line with --push, so tasks that have not succeeded run first. With --follow
    it stays: failed checks, comments of reviewers and conflicts go to the task that owns the lines, which runs again,
    until the pull request is merged, approved or closed. Run it in the folder in which the run was started.
    """
    words = command_words(name, state_dir)
    for option, value in (("--credentials", credentials), ("--state-dir", state_dir)):
        if value is not None and option not in words:
            words += [option, str(value)]
    words += ["--follow"] if follow else ["--push", "--no-follow"]
    become(words)


def command_words(name: str, state_dir: Path | None) -> list[str]:
    """The command line that a local run was started by.

    Raises:
        Failure: there is no such run, or it cannot be started again.
    """
    runs = local_runs(name or None, state_dir, names_cluster=False)
    if runs is None:
        what = f"{name}: there is no local run of this name here" if name else "there is no local run here"
        raise Failure(what, hint="in a cluster the operator publishes; pproj run FILE --push runs and publishes")
    runs.only()
    project = read_run(runs.directory)
    words = shlex.split(command_of(project)) if project else []
    at = words.index("run") if "run" in words else -1
    if at < 0 or "-" in words[at + 1 :]:
        raise Failure(f"{runs.note}: the command line that started it is not known", hint="pproj run FILE --push")
    return words
