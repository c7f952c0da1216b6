"""A forge for each test, of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forge.setup import Publisher, Settings
from tests.forge.standin import StandIn
from tests.forge.world import World
from tests.git.conftest import LINES
from tests.git.remote import Remote

CANARY = "canary-token-0123456789"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path, {"a.txt": LINES, "b.txt": LINES, "README": "hello\n"})


@pytest.fixture
def world(remote: Remote) -> World:
    return World(remote)


@pytest.fixture(params=["GitHub", "GitLab", "Gitea"])
def standin(request: pytest.FixtureRequest, world: World) -> Iterator[StandIn]:
    standin = StandIn(request.param, world, CANARY)
    yield standin
    standin.stop()


@pytest.fixture
def publisher(standin: StandIn, remote: Remote, tmp_path: Path) -> Publisher:
    token = tmp_path / "token"
    token.write_text(f"{CANARY}\n")
    return Publisher(Settings(standin.kind, standin.url, str(remote.path), tmp_path / "publish", token))


@pytest.fixture
def without_forge(remote: Remote, tmp_path: Path) -> Publisher:
    return Publisher(Settings("None", "", str(remote.path), tmp_path / "publish", tmp_path / "no-token"))
