"""The stories run against the shared control plane, with the operator as its own process."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig import ControlPlane
from rig.fixtures import binaries, control_plane, namespace, pytest_collection_finish
from tests.controller.operator_process import OperatorProcess

__all__ = ["binaries", "control_plane", "namespace", "pytest_collection_finish"]


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
