"""Pytest fixtures; a conftest imports them by name.

from rig.fixtures import binaries, control_plane, namespace, pytest_collection_finish  # noqa: F401
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.binaries import (
    Binaries,
    find_or_build,
    find_or_build_gitea,
    find_or_build_helm,
    find_or_build_kueue,
    find_or_build_rules,
    find_or_build_wrapper,
)
from rig.controlplane import ControlPlane
from rig.errors import RigError
from rig.gitea import Gitea
from rig.packages import find_or_unpack
from rig.project import project_manifests

_BUILDS = (
    (frozenset({"binaries", "control_plane"}), find_or_build),
    (frozenset({"gitea"}), find_or_build_gitea),
    (frozenset({"helm_program"}), find_or_build_helm),
    (frozenset({"kueue_program"}), find_or_build_kueue),
    (frozenset({"wrapper"}), find_or_build_wrapper),
    (frozenset({"rules"}), find_or_build_rules),
)
"""By fixtures, what has to be there for them."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the programs, if a test needs them, before the first test: a build is no part of a test's time."""
    if session.config.option.collectonly:
        return
    for fixtures, build in _BUILDS:
        if any(fixtures.intersection(getattr(item, "fixturenames", ())) for item in session.items):
            capture = session.config.pluginmanager.getplugin("capturemanager")
            with capture.global_and_fixture_disabled():
                build()


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """The programs of the control plane."""
    return find_or_build()


@pytest.fixture(scope="session")
def kueue_program() -> Binaries:
    """Kueue and its manifests."""
    return find_or_build_kueue()


@pytest.fixture(scope="session")
def control_plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """One control plane for all tests of this process, with the project's CRDs and RBAC objects."""
    with ControlPlane(binaries=binaries, manifests=project_manifests()) as cluster:
        yield cluster


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """The name of a new namespace, which is deleted after the test without waiting for its end."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.create_namespace(name)
    yield name
    control_plane.delete_namespace(name)


@pytest.fixture
def bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """``bwrap`` on the PATH, in this test only: some agents run otherwise where it is."""
    _put_on_path(monkeypatch, "bubblewrap", "bwrap")


@pytest.fixture
def git_lfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """``git-lfs`` on the PATH, in this test only."""
    _put_on_path(monkeypatch, "git-lfs", "git-lfs")


def _put_on_path(monkeypatch: pytest.MonkeyPatch, package: str, program: str) -> None:
    try:
        found = find_or_unpack(package, (package,), (program,))[program]
    except RigError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("PATH", str(Path(found).parent), prepend=os.pathsep)


@pytest.fixture(scope="session")
def wrapper() -> Path:
    """The program that runs a task's command in its own container."""
    return find_or_build_wrapper()


@pytest.fixture(scope="session")
def helm_program() -> Path:
    """Helm."""
    return find_or_build_helm()


@pytest.fixture(scope="session")
def rules() -> Path:
    """The program that plays alerts by the engine of Prometheus."""
    return find_or_build_rules()


@pytest.fixture(scope="session")
def gitea() -> Iterator[Gitea]:
    """One Gitea for all tests of this process; each makes repositories of its own."""
    with Gitea() as server:
        yield server
