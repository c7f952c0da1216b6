"""A repository on a real Gitea for each test, and a robot that may write to it and nothing more."""

import secrets
from pathlib import Path

import pytest

from rig import Gitea
from rig.fixtures import gitea
from rig.gitearepository import Repository
from tests.gitea.setup import OWNER, REVIEWER, ROBOT, SCOPES, Publisher, Settings, mounted

__all__ = ["gitea"]


@pytest.fixture(scope="session")
def users(gitea: Gitea) -> Gitea:
    """The server, with those who use it."""
    for name in (OWNER, ROBOT, REVIEWER):
        gitea.user(name)
    return gitea


@pytest.fixture
def repository(users: Gitea) -> Repository:
    return users.repository(OWNER, f"shop-{secrets.token_hex(4)}", {ROBOT: "write"})


@pytest.fixture(scope="session")
def token(users: Gitea) -> str:
    """The robot's."""
    return users.token(ROBOT, SCOPES)


@pytest.fixture
def publisher(repository: Repository, token: str, tmp_path: Path) -> Publisher:
    return Publisher(Settings(repository.url, tmp_path / "publish", mounted(tmp_path, repository.gitea, token)))
