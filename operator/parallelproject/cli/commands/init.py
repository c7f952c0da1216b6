"""``pproj init``: a first ``.pproj.yaml``, from what a folder and the PATH have."""

import json
import os
import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from parallelproject.agents.catalog import PRESETS
from parallelproject.cli.input.agent_option import found_agents
from parallelproject.cli.input.config_file import repository_of
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.model.names import CONFIG_FILE
from parallelproject.sources.discover import Found, discover

_HEAD = """\
# Options of pproj run, plan and lint in this folder and below. An option on the command line goes first.
# Any option of pproj run --help that is not about one call may be set here, without its dashes.
"""
_SHORT = [preset.short for preset in PRESETS.values()]
_MAKE_TEST = re.compile(r"^test\s*:", re.MULTILINE)


def run(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="[DIR]",
            help="Folder of the task file, where .pproj.yaml is written; by default this folder.",
            show_default=False,
        ),
    ] = Path(),
) -> None:
    """Write a first .pproj.yaml, from what is found here.

    It looks for a task file of a known tool, the git repository around it, an agent program on the PATH, and a test
    command, and says what it found. It never changes an existing file.
    """
    if not folder.is_dir():
        raise Failure(f"{folder} is not a folder", hint="give the folder of the task file", code=2)
    path = folder / CONFIG_FILE
    files, agents, top = discover(folder), found_agents(), repository_of(folder)
    text = _text(folder, files, agents, top)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Failure(f"{path} is there already, and stays as it is", hint="edit it, or remove it first") from None
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from None
    terminal.show(f"wrote {path}")
    _say_found(folder, files, agents, top)


def _text(folder: Path, files: list[Found], agents: list[str], top: Path | None) -> str:
    lines = [_HEAD]
    if len(files) == 1:
        lines.append(f"file: {_scalar(_relative(files[0].path, folder))}  # {files[0].what}")
    elif files:
        lines += ["# There are several task files: remove the # of the one that is meant.", *_choices(folder, files)]
    else:
        lines.append("# file: tasks.json")
    lines.append(f"repo: {_scalar(_relative(top, folder))}" if top else "# repo: .")
    lines.append("")
    lines += [f"# The coding agent that does the tasks: {', '.join(_SHORT)}.", "# TYPE:MODEL also names its model."]
    for agent in agents or ["claude"]:
        lines.append(f"{'' if agents[:1] == [agent] else '# '}agent: {agent}")
    lines.append("# Or any program, for /bin/sh. PPROJ_TASK_FILE is a file that describes the task.")
    lines.append("# command: 'make \"task-$PPROJ_TASK_ID\"'")
    lines += ["", "# What must succeed in a task's workspace before its work lands."]
    lines.append(f"# check: {_scalar(_check(folder, top))}")
    lines += ["", "# parallelism: 4", "# max-attempts: 2", "# task-timeout: 2h", "# keep-going: true"]
    return "\n".join(lines) + "\n"


def _choices(folder: Path, files: list[Found]) -> list[str]:
    return [f"# file: {_scalar(_relative(one.path, folder))}  # {one.what}" for one in files]


def _say_found(folder: Path, files: list[Found], agents: list[str], top: Path | None) -> None:
    """What it found, and what is left to do."""
    tasks = f"{_relative(files[0].path, folder)} ({files[0].what})" if len(files) == 1 else f"{len(files)} files"
    terminal.show(f"  task file:  {tasks if files else 'none found: set file'}")
    if len(files) > 1:
        terminal.show("              choose one in it")
    terminal.show(f"  repository: {top if top else 'none found: git init makes one, then set repo'}")
    others = f" (also found: {', '.join(agents[1:])})" if agents[1:] else ""
    terminal.show(f"  agent:      {agents[0] + others if agents else 'none is on the PATH: set agent or command'}")
    where = "" if folder == Path() else f" {shlex.quote(str(folder))}"
    if len(files) == 1:
        terminal.show(f"Next:\n  {typed()} plan{where}" + (f"\n  {typed()} run{where}" if agents else ""))


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder)


def _check(folder: Path, top: Path | None) -> str:
    """A command that tests the repository, as far as files say."""
    for place in dict.fromkeys((top or folder, folder)):
        try:
            if (place / "Makefile").is_file() and _MAKE_TEST.search(
                (place / "Makefile").read_text(errors="replace", encoding="utf-8")
            ):
                return "make test"
            if (place / "package.json").is_file():
                content = json.loads((place / "package.json").read_bytes())
                if isinstance(content, dict) and "test" in (content.get("scripts") or {}):
                    return "npm test"
            if (place / "pyproject.toml").is_file():
                return "python -m pytest -q"
            if (place / "go.mod").is_file():
                return "go test ./..."
            if (place / "Cargo.toml").is_file():
                return "cargo test"
        except (OSError, ValueError, TypeError):
            continue
    return "make test"


def _scalar(text: str) -> str:
    """A text as YAML, on one line: single quotes, as they leave backslashes and double quotes as they are."""
    if re.fullmatch(r"[A-Za-z0-9._/][-A-Za-z0-9._/ ]*", text):
        return text
    return "'" + text.replace("'", "''") + "'"
