"""``pproj demo``: a whole backlog with a real program, and what is said where that is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parallelproject.cli.commands.demo import _make_repository
from parallelproject.demo.backlog import misleading
from tests.agents.programs import program

MAIN = "from parallelproject.cli.main import main; main()"


HOSTILE = {
    "CLAUDE_CODE_USE_BEDROCK": "1", "CLAUDE_CODE_USE_VERTEX": "1", "ANTHROPIC_AUTH_TOKEN": "mine", "CLAUDECODE": "1",
    "OPENAI_BASE_URL": "", "ANTHROPIC_BASE_URL": "", "ANTHROPIC_MODEL": "mine", "CODEX_SANDBOX": "seatbelt",
    "HTTP_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9",
    "GIT_DIR": "/nowhere", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "commit.gpgSign", "GIT_CONFIG_VALUE_0": "true",
}  # fmt: skip
"""Variables of users of other providers, behind proxies, in a session of an agent, in a hook of git."""


def demo(path: str, temporary: Path, *options: str, **more: str) -> tuple[int, str]:
    env = {**os.environ, "PATH": path, "TMPDIR": str(temporary), "HOME": str(temporary), **more}
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


def sign_all(home: Path) -> None:
    """Has git sign every commit, by a program that fails, and run a hook that refuses them."""
    hook = home / "hooks/pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    text = f"[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = /bin/false\n[core]\n\thooksPath = {hook.parent}\n"
    (home / ".gitconfig").write_text(text)


def test_the_repository_is_made_whatever_the_user_has_set_for_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_all(tmp_path)
    for name, value in {**HOSTILE, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    _make_repository(tmp_path / "repository")
    log = ["git", f"--git-dir={tmp_path}/repository/.git", "log", "--format=%s", "main"]
    assert subprocess.run(log, env={"PATH": os.environ["PATH"]}, capture_output=True).stdout == b"Begin\n"


def test_variables_that_lead_an_agent_elsewhere_are_removed() -> None:
    kept = ["PATH", "HOME", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "LANG"]
    assert misleading([*HOSTILE, *kept]) == [name for name in HOSTILE if not name.startswith("GIT_")]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_the_backlog_ends_as_announced(agent: str, tmp_path: Path) -> None:
    sign_all(tmp_path)
    code, said = demo(f"{program(agent)}:{os.environ['PATH']}", tmp_path, "--agent", agent, **HOSTILE)
    assert code == 0, said
    assert "6 of 7 tasks succeeded, 1 failed" in said
    assert "failed (RateLimited)" in said
    assert "Landed: 5 commits" in said
    assert f"run --repo . --agent {agent}\n" in said
