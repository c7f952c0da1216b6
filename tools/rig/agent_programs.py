"""Programs of coding agents, at fixed versions: from npm, into the user's cache."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from rig.errors import RigError


class NpmProgram(NamedTuple):
    """A program in a package of npm."""

    package: str
    version: str
    after: str = ""
    """What runs after the package is unpacked, to put the program of this machine in its place."""
    file: str = ""
    """Below ``node_modules``: the program itself, which needs no Node.js; empty: it has no such file."""


PROGRAMS = {
    # By the name of the preset.
    "claude": NpmProgram(
        "@anthropic-ai/claude-code", "2.1.197", "install.cjs", "@anthropic-ai/claude-code-linux-x64/claude"
    ),
    "codex": NpmProgram(
        "@openai/codex", "0.171.0", "", "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex"
    ),
    "gemini": NpmProgram("@google/gemini-cli", "0.61.0"),
    "opencode": NpmProgram("opencode-ai", "1.18.33", "postinstall.mjs"),
}
_SECONDS = 240
"""Longest time that an installation may take."""


def find_or_install(name: str) -> Path:
    """The folder ``node_modules`` with the program of an agent, installed once.

    Raises:
        RigError: it cannot be installed.
    """
    found = PROGRAMS[name]
    wanted = f"{found.package}@{found.version}"
    key = hashlib.sha256(wanted.encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "parallelproject" / "agents"
    folder = cache / f"{name}-{key}"
    modules, done = folder / "node_modules", folder / "done"
    if not done.exists():
        if shutil.which("npm") is None or shutil.which("node") is None:
            raise RigError(f"{wanted} cannot be installed: there is no npm")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _run(folder, "npm", "install", "--no-audit", "--no-fund", "--prefix", ".", wanted)
            if found.after:
                _run(modules / found.package, "node", found.after)
        except (OSError, subprocess.SubprocessError) as error:
            output = getattr(error, "stderr", b"") or b""
            raise RigError(f"{wanted} cannot be installed: {error} {output.decode(errors='replace')[-300:]}") from None
        done.touch()
    return modules


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
