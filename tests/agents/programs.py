"""The real agent programs that tests run, at fixed versions: from npm, into the user's cache."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

VERSIONS = {
    # By the name of the preset: the package, its version, and what it runs after it was unpacked.
    "claude": ("@anthropic-ai/claude-code", "2.1.197", "install.cjs"),
    "codex": ("@openai/codex", "0.171.0", ""),
    "gemini": ("@google/gemini-cli", "0.61.0", ""),
    "opencode": ("opencode-ai", "1.18.33", "postinstall.mjs"),
}
_SECONDS = 240
"""Longest time that an installation may take."""


def program(name: str) -> Path:
    """The folder with the program of an agent, installed once; skips the test where it cannot be had, and says why."""
    package, version, after = VERSIONS[name]
    key = hashlib.sha256(f"{package}@{version}".encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "parallelproject" / "agents"
    folder = cache / f"{name}-{key}"
    done = folder / "done"
    if not done.exists():
        if shutil.which("npm") is None or shutil.which("node") is None:
            pytest.skip(f"{package} {version} cannot be installed: there is no npm")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _run(folder, "npm", "install", "--no-audit", "--no-fund", "--prefix", ".", f"{package}@{version}")
            if after:
                _run(folder / "node_modules" / package, "node", after)
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", b"") or b""
            pytest.skip(f"{package} {version} cannot be installed: {error} {said.decode(errors='replace')[-300:]}")
        done.touch()
    return folder / "node_modules" / ".bin"


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
