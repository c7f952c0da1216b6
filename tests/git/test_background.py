"""A call of git ends in time, also if a process that has left its group holds its output open."""

import os
from pathlib import Path

import pytest

from parallelproject.git.plumbing import command
from parallelproject.git.plumbing.address import parse
from parallelproject.git.plumbing.command import GitCommand
from parallelproject.git.plumbing.failure import Cause, GitFailedError


@pytest.mark.parametrize("then", ["exec cat", "true"])
def test_a_call_is_over_when_its_time_is(
    fifo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nsetsid cat {fifo} &\n{then} {fifo}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setattr(command, "SECONDS", 0.5)
    git = GitCommand(tmp_path, tmp_path, parse("https://localhost/x"))
    with pytest.raises(GitFailedError) as raised:
        git.run("status")
    assert raised.value.cause is Cause.NETWORK
