"""``pproj publish`` and ``--follow``: which run is meant, and what cannot be followed."""

import json
from pathlib import Path

import pytest

from parallelproject.cli.commands import publish
from tests.cli.conftest import Pproj
from tests.local.checkout import Checkout

_HEAD = {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": "demo"}}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that would be started."""
    found: list[list[str]] = []
    monkeypatch.setattr(publish, "become", found.append)
    return found


def manifest(folder: Path, **git: object) -> Path:
    file = folder / "demo.yaml"
    settings = {"git": {"url": str(folder / "checkout"), **git}} if git else {}
    file.write_text(json.dumps(_HEAD | {"spec": {"tasks": [{"id": "a"}], **settings}}))
    return file


def test_a_run_is_continued_by_its_own_command_line(
    pproj: Pproj, tmp_path: Path, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = manifest(tmp_path)
    words = ["run", str(file), "--command", "echo 'a b'"]
    monkeypatch.setattr("sys.argv", ["pproj", *words])
    assert pproj(*words).code == 0
    assert pproj("publish", "demo", "--follow").code == 0
    assert pproj("publish", "--credentials", "/secrets").code == 0
    assert started == [
        ["pproj", *words, "--follow"],
        ["pproj", *words, "--credentials", "/secrets", "--push", "--no-follow"],
    ]


def test_without_a_run_there_is_nothing_to_publish(pproj: Pproj, started: list[list[str]]) -> None:
    for words in (["publish"], ["publish", "other"]):
        result = pproj(*words)
        assert result.code == 1
        assert "there is no local run" in result.err
        assert "pproj run FILE --push" in result.err
    assert started == []


def test_what_cannot_be_followed_is_refused_before_anything_runs(pproj: Pproj, tmp_path: Path) -> None:
    Checkout(tmp_path)
    forge = {"type": "Gitea", "url": "https://git.example"}
    cases = [
        ({}, [], "--follow: there is no repository"),
        ({"baseRef": "main"}, [], "there is no forge with pull requests"),
        ({"forge": {"type": "None"}}, [], "there is no forge with pull requests"),
        ({"forge": forge, "strategy": "BranchPerTask"}, [], "it follows one pull request"),
        ({"forge": forge, "pullRequest": {"scope": "Level"}}, [], "it follows one pull request"),
        ({"forge": forge}, ["--detach"], "--follow and --detach exclude each other"),
    ]
    for git, options, said in cases:
        result = pproj("run", manifest(tmp_path, **git), "--command", "touch ran", "--follow", *options)
        assert (result.code, said in result.err) == (2, True), result.err
    assert not (tmp_path / ".pproj").exists()
