"""What the stories run on: the shared control plane with fake nodes, or a cluster that runs containers."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.clusters import Cluster, agent_image, open_cluster, static_program_image
from e2e.install import Installed, install
from e2e.landing import Landing, make_landing
from e2e.room import Room, make_room
from rig import ControlPlane, Gitea
from rig.fixtures import binaries, control_plane, namespace, pytest_collection_finish
from tests.controller.operator_process import OperatorProcess

__all__ = ["binaries", "control_plane", "namespace", "pytest_collection_finish"]

AGENT = "registry.example/agent:1.4"
"""The image that the README names, with a stand-in for an agent."""


@pytest.fixture(scope="session")
def operator(control_plane: ControlPlane) -> Iterator[OperatorProcess]:
    made = OperatorProcess(control_plane)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def shell(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> dict[str, str]:
    """An environment as a person has it: pproj and kubectl on the PATH, a kubeconfig with a namespace of its own."""
    config = tmp_path / "kubeconfig"
    config.write_text(control_plane.kubeconfig.read_text())
    control_plane.kubectl("--kubeconfig", str(config), "config", "set-context", "--current", "--namespace", namespace)
    tools = f"{Path(sys.executable).parent}:{control_plane.binaries.folder}"
    return os.environ | {"PATH": f"{tools}:{os.environ['PATH']}", "KUBECONFIG": str(config), "NO_COLOR": "1"}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster that runs containers, with the project's images."""
    with open_cluster() as found:
        yield found


@pytest.fixture(scope="session")
def installed(cluster: Cluster) -> Installed:
    """The operator there, installed with its chart."""
    return install(cluster)


@pytest.fixture(scope="session")
def forge(cluster: Cluster) -> Iterator[Gitea]:
    """A Gitea that pods reach."""
    if not cluster.host:
        pytest.skip("E2E_HOST does not say at which address pods reach this machine")
    with Gitea(host=cluster.host) as server:
        server.user("robot")
        yield server


@pytest.fixture(scope="session")
def agent(cluster: Cluster) -> str:
    """The image of tasks."""
    return agent_image(cluster, AGENT)


@pytest.fixture(scope="session")
def static_image(cluster: Cluster) -> str:
    """An image of one program, and nothing else."""
    if cluster.load is None:
        pytest.skip("images cannot be loaded into this cluster")
    return static_program_image(cluster)


@pytest.fixture
def room(cluster: Cluster, installed: Installed, agent: str, tmp_path: Path) -> Iterator[Room]:
    """A namespace that lets in no pod but a restricted one, deleted after the story without waiting for its end."""
    with make_room(cluster, agent, tmp_path) as made:
        yield made


@pytest.fixture
def landing(forge: Gitea, room: Room) -> Landing:
    """A repository that the tasks of ``room`` land in."""
    return make_landing(forge, room)
