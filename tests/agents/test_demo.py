"""``pproj demo``: a whole backlog with a real program, and what is said where that is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agents.programs import program

MAIN = "from parallelproject.cli.main import main; main()"


def demo(path: str, temporary: Path, *options: str) -> tuple[int, str]:
    env = {**os.environ, "PATH": path, "TMPDIR": str(temporary), "HOME": str(temporary)}
    found = subprocess.run(
        [sys.executable, "-c", MAIN, "demo", *options], env=env, capture_output=True, text=True, check=False
    )
    return found.returncode, found.stdout + found.stderr


def test_a_missing_program_is_named_with_its_installation(tmp_path: Path) -> None:
    fix = "install it: npm install -g @anthropic-ai/claude-code"
    code, said = demo("/nowhere", tmp_path)
    assert (code, said) == (1, f"error: neither claude nor codex is on the PATH\n{fix}\n")
    code, said = demo("/nowhere", tmp_path, "--agent", "claude")
    assert (code, said) == (1, f"error: claude is not on the PATH\n{fix}\n")
    code, said = demo("/nowhere", tmp_path, "--agent", "vim")
    assert (code, said) == (2, "error: --agent: vim is not claude or codex\ngive --agent claude\n")
    assert list(tmp_path.iterdir()) == [], "nothing was made"


@pytest.mark.sampled(1)
@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_the_backlog_ends_as_announced(agent: str, tmp_path: Path) -> None:
    code, said = demo(f"{program(agent)}:{os.environ['PATH']}", tmp_path, "--agent", agent)
    assert code == 0, said
    assert "6 of 7 tasks succeeded, 1 failed" in said
    assert "failed (RateLimited)" in said
    assert "Landed: 5 commits" in said
    assert f"run --repo . --agent {agent}\n" in said
