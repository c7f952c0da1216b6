"""``make demo-agents``: a whole backlog with a real program, and what is said where that is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agents.programs import program

SCRIPT = Path(__file__).parents[2] / "manifests/examples/demo/agents.py"


def demo(agent: str, path: str, temporary: Path) -> tuple[int, str]:
    env = {**os.environ, "PATH": path, "TMPDIR": str(temporary), "HOME": str(temporary)}
    found = subprocess.run([sys.executable, str(SCRIPT), agent], env=env, capture_output=True, text=True, check=False)
    return found.returncode, found.stdout + found.stderr


def test_a_missing_program_is_named_with_its_installation(tmp_path: Path) -> None:
    code, said = demo("claude", "/nowhere", tmp_path)
    assert (code, said) == (
        1,
        "error: claude is not on the PATH (install it: npm install -g @anthropic-ai/claude-code)\n",
    )


@pytest.mark.sampled(1)
@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_the_backlog_ends_as_announced(agent: str, tmp_path: Path) -> None:
    code, said = demo(agent, f"{program(agent)}:{os.environ['PATH']}", tmp_path)
    assert code == 0, said
    assert "6 of 7 tasks succeeded, 1 failed" in said
    assert "failed (RateLimited)" in said
    assert "Landed: 5 commits" in said
