"""What the cluster commands say where there is no cluster, or one that refuses: a line and the hint, no traceback."""

import base64
import json
import socket
from pathlib import Path

import pytest
import yaml

from parallelproject.model.names import CRD_NAME
from rig import ControlPlane
from rig.binaries import Binaries

from .conftest import Pproj

CRD = Path(__file__).parents[2] / "crds" / f"{CRD_NAME}.yaml"
COMMANDS = [["list"], ["get", "x"], ["why", "x", "t"], ["wait", "x"], ["watch", "x"], ["stop", "x"], ["delete", "x"]]


def kubeconfig(file: Path, server: str) -> Path:
    file.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": "secret"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    }))  # fmt: skip
    return file


@pytest.fixture(autouse=True)
def _no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_a_server_that_is_not_there(pproj: Pproj, tmp_path: Path, command: list[str]):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{free.getsockname()[1]}"
    result = pproj(*command, "--kubeconfig", kubeconfig(tmp_path / "config", server))
    assert result.code == 1
    assert result.err.startswith(f"error: cannot reach the cluster at {server}: ")
    assert result.err.endswith("is it running, and is the context right?\n")
    assert "secret" not in result.err


def test_no_configuration(pproj: Pproj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    result = pproj("list")
    assert result.code == 1
    error = f"error: no cluster is configured: there is no file {tmp_path}/.kube/config"
    assert result.err == f"{error}\nset KUBECONFIG or give --kubeconfig\n"
    assert result.out == "", "the client library prints nothing either"


@pytest.mark.parametrize("content", ["", "{", "[]", "a: b", "clusters: 3", "\x00"])
def test_a_configuration_that_is_none(pproj: Pproj, tmp_path: Path, content: str):
    file = tmp_path / "config"
    file.write_text(content)
    result = pproj("list", "--kubeconfig", file)
    assert result.code == 1
    assert "no cluster is configured" in result.err


def test_a_configuration_with_a_broken_certificate(pproj: Pproj, tmp_path: Path):
    file = tmp_path / "config"
    kubeconfig(file, "https://127.0.0.1:1")
    broken = yaml.safe_load(file.read_text())
    broken["clusters"][0]["cluster"]["certificate-authority-data"] = base64.b64encode(b"none").decode()
    file.write_text(yaml.safe_dump(broken))
    result = pproj("list", "--kubeconfig", file)
    assert result.code == 1
    assert result.err.startswith("error: no cluster is configured: ")


def test_a_context_that_is_not_there(pproj: Pproj, tmp_path: Path):
    result = pproj("list", "--kubeconfig", kubeconfig(tmp_path / "config", "http://x"), "--context", "other")
    assert result.code == 1
    assert "other" in result.err


@pytest.mark.cluster
def test_a_user_without_the_right(pproj: Pproj, control_plane: ControlPlane):
    result = pproj("list", "--kubeconfig", control_plane.kubeconfig_for("alice"))
    assert result.code == 1
    assert "forbidden" in result.err
    assert result.err.endswith("ask for the right on parallelprojects.parallelproject.io\n")


@pytest.mark.cluster
def test_credentials_that_are_not_accepted(pproj: Pproj, control_plane: ControlPlane, tmp_path: Path):
    config = yaml.safe_load(control_plane.kubeconfig.read_text())
    config["users"][0]["user"]["token"] = "wrong"
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(config))
    result = pproj("list", "--kubeconfig", file)
    assert result.code == 1
    assert "does not accept the credentials" in result.err


@pytest.mark.cluster
def test_a_cluster_without_the_crd_and_how_to_install_it(pproj: Pproj, binaries: Binaries, manifest: Path):
    with ControlPlane(controllers=False, binaries=binaries) as bare:
        for command in (["list"], ["get", "x"], ["submit", manifest], ["watch", "x"]):
            result = pproj(*command, "--kubeconfig", bare.kubeconfig)
            assert result.code == 1
            assert "has no parallelprojects.parallelproject.io\n" in result.err
            assert "kubectl apply --server-side -f crds/parallelprojects.parallelproject.io.yaml" in result.err


@pytest.mark.cluster
def test_a_crd_without_a_field_that_is_written(pproj: Pproj, binaries: Binaries, manifest: Path):
    """The API server would drop the field, and the command would say that it has been written."""
    old = yaml.safe_load(CRD.read_text())
    fields = old["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    fields.pop("skip")
    with ControlPlane(controllers=False, binaries=binaries) as bare:
        bare.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(old))
        bare.kubectl("wait", "--for=condition=Established", f"crd/{old['metadata']['name']}")
        assert pproj("submit", manifest, "--kubeconfig", bare.kubeconfig).code == 0
        name, tasks = (yaml.safe_load(manifest.read_text())[key] for key in ("metadata", "spec"))
        named = name["name"], tasks["tasks"][0]["id"]
        result = pproj("skip", *named, "--kubeconfig", bare.kubeconfig)
        assert (result.code, result.out) == (1, "")
        assert "does not have the field spec.skip" in result.err
        assert "kubectl apply --server-side -f crds/parallelprojects.parallelproject.io.yaml" in result.err
        assert pproj("suspend", named[0], "--kubeconfig", bare.kubeconfig).code == 0
