"""``pproj run --detach``: what is said of a run that continues in the background."""

from dataclasses import replace
from typing import TextIO

from parallelproject.cli.local.background import detach
from parallelproject.cli.local.runs import options_of, short
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.report.changes import Consumer
from parallelproject.local.engine.board import Board
from parallelproject.local.engine.command import commands
from parallelproject.local.engine.options import RunOptions
from parallelproject.local.start import run_project
from parallelproject.local.state.directory import StateDirectory
from parallelproject.model.project import ParallelProject


def run_detached(project: ParallelProject, options: RunOptions) -> int:
    """Starts a run in the background and says how to follow it; 0 when it has started.

    Raises:
        ProblemsError: the spec makes no graph, or does not say what a task runs.
        Failure: the state cannot be written.
    """
    spec = options.applied_to(project.spec)
    commands(spec, compile_graph(spec), options.command, options.agent)  # what is wrong with them is said here
    directory = StateDirectory(options.state_dir) if options.state_dir else StateDirectory.default(project.name)

    def run(out: TextIO, began: Consumer[Board]) -> int:
        consumers = (*options.consumers, began)
        return run_project(project, replace(options, stdout=out, stderr=out, view="plain", consumers=consumers))

    try:
        code, printed = detach(directory, run)
    except OSError as error:
        raise Failure(f"cannot write {error.filename or directory.path}: {error.strerror}") from None
    if code is not None:
        (terminal.say if code else terminal.show)(printed.rstrip("\n"))
        return code
    name = project.name + options_of(directory.path)
    terminal.show(f"{project.name} is running in the background; what it prints is in {short(directory.output)}")
    terminal.show_next(
        [
            f"{typed()} watch {name}  # follows it",
            f"{typed()} logs {name} -f  # shows what its tasks print",
            f"{typed()} stop {name}  # stops it",
        ]
    )
    return 0
