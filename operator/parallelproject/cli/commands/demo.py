"""``pproj demo``: a backlog done by a real agent program against a scripted model on this machine, without a key."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from parallelproject.agents.catalog import BY_NAME
from parallelproject.cli.input.arguments import NoColor
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.demo.backlog import AGENTS, FAILING, SUCCEEDING, environment, misleading, script, serving, spec
from parallelproject.local.engine.options import RunOptions
from parallelproject.local.start import EXIT_FAILED, EXIT_INTERRUPTED, run_project
from parallelproject.model.project import ParallelProject, parse_spec
from parallelproject.model.spec import Agent


def run(
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent",
            metavar="TYPE",
            help="The agent program: claude or codex; by default the first one that is on the PATH.",
            show_default=False,
        ),
    ] = None,
    no_color: NoColor = False,
) -> int:
    """Run an example backlog with a real agent program, and no key.

    The program is your own. A model server on this machine answers it, by a script: nothing is paid. All files are in
    a new temporary folder; your settings and logins are not used. One of the tasks fails, to show how that looks. Exit
    code: 0 when all ended as announced, 130 when it was interrupted, else 1.
    """
    if no_color:
        terminal.forbid_color()
    name = _chosen(agent)
    if shutil.which("git") is None:
        raise Failure("git is not on the PATH", hint="install git")
    folder = Path(tempfile.mkdtemp(prefix="pproj-demo-"))
    repository, state = folder / "repository", folder / "state"
    try:
        (folder / "home").mkdir()
        (folder / "script.json").write_text(json.dumps(script()), encoding="utf-8")
        _make_repository(repository)
        with serving(folder / "script.json") as url:
            for variable in misleading(os.environ):
                del os.environ[variable]
            os.environ.update(environment(name, folder / "home", url))
            project = ParallelProject(metadata={"name": "demo"}, spec=parse_spec(spec()))
            succeeded: list[str] = []
            code = run_project(project, _options(name, repository, state, succeeded))
    except OSError as error:
        raise Failure(f"{error.filename or folder} cannot be written: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise Failure(f"git cannot make the repository {repository}: {said}") from None
    if code != EXIT_FAILED or frozenset(succeeded) != SUCCEEDING:
        if code != EXIT_INTERRUPTED:
            terminal.say(f"this is not how the demo ends: only {FAILING} fails. The logs are in {state}/logs")
        return code or EXIT_FAILED
    _say_next(name, folder, repository)
    return 0


def _chosen(asked: str | None) -> str:
    """The short name of the agent.

    Raises:
        Failure: its program is missing.
    """
    names = " or ".join(AGENTS)
    if asked is not None and asked not in AGENTS:
        raise Failure(f"--agent: {asked} is not {names}", hint=f"give --agent {next(iter(AGENTS))}", code=2)
    wanted = [asked] if asked else list(AGENTS)
    found = next((name for name in wanted if shutil.which(BY_NAME[name].program)), None)
    if found is None:
        programs = [BY_NAME[name].program for name in wanted]
        which = f"{programs[0]} is not" if asked else f"neither {' nor '.join(programs)} is"
        raise Failure(f"{which} on the PATH", hint=f"install it: {BY_NAME[wanted[0]].install}")
    return found


def _make_repository(folder: Path) -> None:
    """Makes it without the user's settings of git: a signature may need a passphrase, a hook may refuse the commit."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], env=own, check=True, capture_output=True)
    me = ["-c", "user.name=demo", "-c", "user.email=demo@example.com"]
    commit = ["git", "-C", str(folder), *me, "commit", "-q", "--allow-empty", "-m", "Begin"]
    subprocess.run(commit, env=own, check=True, capture_output=True)


def _options(name: str, repository: Path, state: Path, succeeded: list[str]) -> RunOptions:
    def finished(tasks: Sequence[str]) -> bool:
        succeeded.extend(tasks)
        return True

    return RunOptions(
        agent=Agent(type=BY_NAME[name].type, model=AGENTS[name]),
        repository=repository,
        state_dir=state,
        no_color=not terminal.color_allowed(sys.stdout),
        rerun="",
        finished=finished,
    )


def _say_next(name: str, folder: Path, repository: Path) -> None:
    title = BY_NAME[name].title
    terminal.show(
        f"\nThe task {FAILING} failed, as announced: its answer was an error, and the exit code was 0.\n"
        f"This was {title} and a scripted model. With your own key or login, in a repository with a backlog:\n"
        f"  {typed()} doctor\n"
        f"  {typed()} run --repo . --agent {name}\n"
        f"The demo is in {folder}:\n"
        f"  git -C {shlex.quote(str(repository))} log --oneline parallel/demo\n"
        f"  rm -r {shlex.quote(str(folder))}"
    )
