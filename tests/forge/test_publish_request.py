"""The command of publishing Jobs: a project's work as it is on the remote, told on its pull request."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parallelproject.forge.clients.protocol import PullState
from parallelproject.forge.publishing.main import brief, summary
from parallelproject.forge.publishing.request import PublishRequest
from parallelproject.forge.publishing.result import PublishEnd, PublishResult
from parallelproject.git.container import instructions
from tests.forge.conftest import CANARY
from tests.forge.standin import StandIn
from tests.forge.world import World
from tests.git.remote import BRANCH, RUN, Remote

PUBLICATION = PublishRequest(
    url="https://x/y", base="main", branch="parallel/x", project="x", run="r", private=Path("/nonexistent")
)


@pytest.fixture(autouse=True)
def work(remote: Remote) -> None:
    """Two tasks have landed, one has failed."""
    remote.done("a", {"x": "1"}).land()
    remote.done("b", {"y": "1"}, number=3).land()
    remote.done("c", {"z": "half"}).salvage()


@pytest.fixture
def instruction(standin: StandIn, remote: Remote, tmp_path: Path) -> dict[str, Any]:
    token = tmp_path / "token"
    token.write_text(CANARY)
    rows: list[dict[str, Any]] = [
        {"id": "a", "title": "Write | x", "role": "coder"},
        {"id": "b", "attempts": 3, "reason": "Conflict"},
        {"id": "c", "failed": True, "reason": "ExitCode 1"},
        {"id": "d", "title": "not there yet"},
    ]
    return {
        "url": str(remote.path), "local": True, "base": "main", "branch": BRANCH, "project": "shop", "run": RUN,
        "private": str(tmp_path / "publish"), "labels": ["agents"], "tasks": rows,
        "forge": {"type": standin.kind, "url": standin.url, "token": str(token), "project": World.project},
    }  # fmt: skip


def publish(instruction: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "parallelproject.forge.publishing.main"]
    environment = {**os.environ, "PPROJ_PUBLISH": json.dumps(instruction)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stderr == ""
    assert CANARY not in done.stdout
    return done.returncode, json.loads(done.stdout)


@pytest.mark.sampled(1, over="standin")
def test_what_landed_was_retried_and_failed_is_told_on_one_pull_request(
    instruction: dict[str, Any], world: World, remote: Remote
) -> None:
    code, result = publish(instruction)
    (branch,) = result["branches"]
    assert (code, branch["end"], branch["number"], branch["state"]) == (0, "Open", 1, "open")
    assert branch["branch"] == BRANCH
    assert World.project in branch["url"]
    (pull,) = world.pulls
    assert pull.title == "shop (2 of 3 tasks)"
    landed = remote.refs()[f"refs/parallelproject/{RUN}/a/landed"]
    assert landed[:7] in pull.body
    assert "Write \\| x" in pull.body
    assert "3 attempts, Conflict" in pull.body
    assert f"refs/parallelproject/{RUN}/c/salvage/1" in pull.body
    assert "not there yet" not in pull.body
    assert publish(instruction) == (code, result)
    assert len(world.pulls) == 1


@pytest.mark.sampled(1, over="standin")
def test_a_task_that_has_landed_after_all_has_not_failed(instruction: dict[str, Any], world: World) -> None:
    instruction["tasks"][1] |= {"failed": True}
    publish(instruction)
    assert "### Failed\n- `c`" in world.pulls[0].body.replace("\n\n", "\n")
    assert world.pulls[0].title == "shop (2 of 3 tasks)"


@pytest.mark.sampled(1, over="standin")
def test_what_is_wrong_is_told_with_its_exit_code(instruction: dict[str, Any], tmp_path: Path) -> None:
    assert publish(instruction | {"title": "{{ nothing }}"})[0] == 22
    assert publish(instruction | {"what": 1}) == (
        22,
        {"outcome": "Policy", "reason": "InvalidInstruction", "message": "the instruction has unknown fields: what"},
    )
    (tmp_path / "token").unlink()
    code, result = publish(instruction)
    assert (code, result["outcome"], result["reason"]) == (23, "AuthOrProtected", "CredentialMissing")


def test_how_it_ended_is_said_however_much_there_is_to_say() -> None:
    paths = tuple(f"src/{'x' * 100}/{i}" for i in range(200))
    url = f"https://forge.example/{'y' * 100}/pulls/7"
    published = PublishResult(
        branch="b" * 200, end=PublishEnd.CONFLICT, number=7, url=url, state=PullState.OPEN, message="m" * 5000,
        paths=paths, merge_commit="0" * 40,
    )  # fmt: skip
    text = instructions.encode({"branches": [brief(published)]})
    assert len(text.encode()) <= instructions.RESULT_MAX
    (found,) = json.loads(text)["branches"]
    assert (found["end"], found["number"], found["url"], found["state"]) == ("Conflict", 7, url, "open")


def test_of_very_many_those_are_told_that_somebody_has_to_look_at() -> None:
    branch = {"number": 7, "url": "https://forge.example/acme/shop/pulls/7", "state": PullState.MERGED}
    published = [
        PublishResult(
            branch=f"parallel/x/{'t' * 50}-{i}", task=f"{'t' * 50}-{i}", end=PublishEnd.MERGED, is_news=True, **branch
        )
        for i in range(100)
    ]
    published[3] = replace(published[3], end=PublishEnd.CHECKS_FAILED)
    published[5] = replace(published[5], end=PublishEnd.WAITING)
    text = json.dumps(summary(PUBLICATION, published))
    said = json.loads(text)
    assert len(text) <= 4000
    assert said["ends"] == {"Merged": 98, "ChecksFailed": 1, "Waiting": 1}
    assert [branch["end"] for branch in said["branches"][:3]] == ["ChecksFailed", "Waiting", "Merged"]
    assert said["branches"][2]["task"].endswith("-99")
    assert 10 < len(said["branches"]) < 100
    assert (said["branchesTotal"], said["progress"]) == (100, True)
    assert "progress" not in summary(PUBLICATION, [replace(one, is_news=False) for one in published])
