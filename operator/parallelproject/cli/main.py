"""The ``pproj`` command (also ``kubectl pproj``): the table of commands, and how each of them may end."""

import errno
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from parallelproject.cli.cluster.target import ClusterTarget
from parallelproject.cli.lazy import CommandEntry, LazyGroup
from parallelproject.cli.output import program as started
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure, of_problems
from parallelproject.model.problem import ProblemsError

_COMMANDS = "parallelproject.cli.commands"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of a file or a device that takes no more."""
_FILES, _LOOK, _ACT, _OTHER = "With a file", "Look at a project", "Act on a project", "Other"

COMMANDS = {
    "lint": CommandEntry(f"{_COMMANDS}.lint", "Report every error in files, each with its place and the fix.", _FILES),
    "plan": CommandEntry(f"{_COMMANDS}.plan", "Show how a file's tasks would run, without running anything.", _FILES),
    "run": CommandEntry(f"{_COMMANDS}.run", "Run a file's tasks here, as local processes.", _FILES),
    "init": CommandEntry(f"{_COMMANDS}.init", "Write a first .pproj.yaml, from what is found here.", _FILES),
    "import": CommandEntry(f"{_COMMANDS}.importing", "Turn a file into a manifest for kubectl apply.", _FILES),
    "submit": CommandEntry(f"{_COMMANDS}.submit", "Apply a file to the cluster, where the operator runs it.", _FILES),
    "publish": CommandEntry(
        f"{_COMMANDS}.publish", "Push what a local run has landed, and open or update its pull request.", _ACT
    ),
    "list": CommandEntry(f"{_COMMANDS}.listing", "List projects, or the groups of their tasks.", _LOOK),
    "get": CommandEntry(
        f"{_COMMANDS}.get", "Show a project: its conditions, levels and tasks; or one group or one task.", _LOOK
    ),
    "watch": CommandEntry(f"{_COMMANDS}.watch", "Follow a project until it ends.", _LOOK),
    "wait": CommandEntry(
        f"{_COMMANDS}.wait", "Wait for the end of a project or a group; the exit code is its result.", _LOOK
    ),
    "why": CommandEntry(f"{_COMMANDS}.why", "Say what tasks wait for, or why they failed.", _LOOK),
    "logs": CommandEntry(f"{_COMMANDS}.logs", "Print the logs of tasks.", _LOOK),
    "suspend": CommandEntry(f"{_COMMANDS}.suspend", "Start no new tasks; running ones finish.", _ACT, "suspend"),
    "resume": CommandEntry(f"{_COMMANDS}.suspend", "Start tasks again, after suspend.", _ACT, "resume"),
    "stop": CommandEntry(f"{_COMMANDS}.suspend", "Stop running tasks and end the project.", _ACT, "stop"),
    "retry": CommandEntry(f"{_COMMANDS}.retry", "Run failed tasks again, and resume a stopped project.", _ACT),
    "approve": CommandEntry(f"{_COMMANDS}.approve", "Let tasks start that wait for approval.", _ACT),
    "answer": CommandEntry(f"{_COMMANDS}.answer", "Answer the question of a task, which then starts again.", _ACT),
    "skip": CommandEntry(f"{_COMMANDS}.skip", "Do not run tasks; what depends on them runs without them.", _ACT),
    "rerun": CommandEntry(f"{_COMMANDS}.rerun", "Run a project, or some of its tasks, again from the start.", _ACT),
    "delete": CommandEntry(f"{_COMMANDS}.delete", "Delete projects with all that belongs to them.", _ACT),
    "doctor": CommandEntry(
        f"{_COMMANDS}.doctor", "Check this machine and the cluster, and say how to fix them.", _OTHER
    ),
    "demo": CommandEntry(f"{_COMMANDS}.demo", "Run an example backlog with a real agent program, and no key.", _OTHER),
    "clean": CommandEntry(f"{_COMMANDS}.clean", "Remove what finished local runs have left; asks first.", _OTHER),
    "help": CommandEntry(f"{_COMMANDS}.help", "Show the help of a command.", _OTHER),
    "version": CommandEntry(f"{_COMMANDS}.version", "Print the version of this program.", _OTHER),
    "controller": CommandEntry(f"{_COMMANDS}.controller", "Run the operator: what the container runs.", _OTHER),
}
for _name in ("lint", "plan", "run"):
    COMMANDS[_name] = COMMANDS[_name]._replace(has_config=True)
LazyGroup.entries = COMMANDS

app = typer.Typer(
    cls=LazyGroup,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def _version(asked: bool) -> None:
    if asked:
        from parallelproject.cli.commands.version import run

        run()
        raise typer.Exit


@app.callback()
def common(
    ctx: typer.Context,
    namespace: Annotated[str | None, typer.Option("-n", "--namespace", hidden=True)] = None,
    context: Annotated[str | None, typer.Option("--context", hidden=True)] = None,
    kubeconfig: Annotated[str | None, typer.Option("--kubeconfig", hidden=True)] = None,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours, also on a terminal.")] = False,
    version: Annotated[
        bool, typer.Option("-V", "--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Run a graph of tasks in parallel, each exactly once."""
    if no_color:
        terminal.forbid_color()
    ctx.obj = ClusterTarget(namespace, context, kubeconfig)


def main() -> None:
    """Entry point of the console scripts."""
    code = call(sys.argv[1:], _program(), started.as_typed(sys.argv[0]))
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _cut_off(error)
    sys.exit(code)


def call(arguments: list[str], program: str = "pproj", typed: str | None = None) -> int:
    """Runs one command line; the exit code. Errors are printed to stderr, never as a traceback.

    Args:
        arguments: The words after the program.
        program: Its name, for help.
        typed: How it was called, for the commands that we suggest; by default by its name.
    """
    started.remember(typed or program)
    try:
        result: Any = app(args=arguments, prog_name=program, standalone_mode=False)
    except Failure as failure:
        return _report(failure)
    except ProblemsError as error:
        return _report(of_problems(error.problems))
    except _UsageError as error:
        return _usage(error, program)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError as error:
        return _cut_off(error)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:  # not our own file
            return _cut_off(error)
        if os.environ.get("PPROJ_DEBUG"):
            raise
        terminal.error(f"this is a bug in pproj: {type(error).__name__}: {error}")
        terminal.say("with PPROJ_DEBUG=1 it shows where")
        return 1
    return result if isinstance(result, int) else 0


def _report(failure: Failure) -> int:
    for line in failure.lines:
        terminal.error(line)
    if failure.hint:
        terminal.say(failure.hint)
    return failure.code


def _usage(error: Any, program: str) -> int:
    """Says what is wrong with the command line itself."""
    terminal.error(error.format_message().replace("Value error, ", ""))
    path = error.ctx.command_path if error.ctx else program
    terminal.say(f"{path} --help shows its usage")
    return 2


def _cut_off(error: OSError) -> int:
    """Our output cannot be written: the rest goes nowhere. That its reader has stopped is no error."""
    if not isinstance(error, BrokenPipeError):
        terminal.error(f"the output cannot be written: {error.strerror}")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _program() -> str:
    """What the user typed: kubectl runs ``kubectl-pproj`` for ``kubectl pproj``."""
    name = Path(sys.argv[0]).name
    return name.replace("-", " ", 1) if name.startswith("kubectl-") else "pproj"
