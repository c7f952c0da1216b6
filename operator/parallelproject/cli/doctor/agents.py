"""Which agent programs are on the PATH, and whether they start."""

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from parallelproject.cli.doctor.finding import Finding, ok, warning
from parallelproject.cli.doctor.programs import ask

AGENTS = {
    "claude": "Claude Code",
    "codex": "Codex",
    "gemini": "Gemini CLI",
    "copilot": "Copilot CLI",
    "opencode": "OpenCode",
    "cursor-agent": "Cursor",
    "aider": "Aider",
    "goose": "Goose",
    "qwen": "Qwen Code",
}
"""By the name of its program, the agent."""
_CHECK = "agents"


def check_agents() -> Sequence[Finding]:
    """A line for each agent program that is there; one line where none is."""
    found = {program: path for program in AGENTS if (path := shutil.which(program))}
    if not found:
        return [
            warning(
                _CHECK,
                f"none of {', '.join(AGENTS)} is on the PATH",
                "install one and log in; pproj run --command CMD runs any other program",
            )
        ]
    with ThreadPoolExecutor(len(found)) as pool:  # each takes a second or two to start
        return list(pool.map(_asked, found.items()))


def _asked(entry: tuple[str, str]) -> Finding:
    program, path = entry
    name = AGENTS[program]
    try:
        answer = ask([path, "--version"])
    except OSError as failure:
        return warning(_CHECK, f"{name}: {path} cannot be started: {failure.strerror}", f"install {program} again")
    if answer.code is None:  # a first start from a cold disk, or a busy machine: nothing is known to be broken
        return warning(_CHECK, f"{name}: {path} --version: {answer.line}", f"try again, or run {program} --version")
    if answer.code != 0:
        printed = f": {answer.line}" if answer.line else ""
        found = f"{name}: {path} --version ends with exit code {answer.code}{printed}"
        return warning(_CHECK, found, f"install {program} again")
    return ok(_CHECK, f"{name}: {path}, version {_number(answer.line)}")


def _number(line: str) -> str:
    """The version in a line like ``codex-cli 0.171.0`` or ``2.1.197 (Claude Code)``; else the line."""
    return next((word for word in line.split() if word[:1].isdecimal() or word[1:2].isdecimal()), line)
