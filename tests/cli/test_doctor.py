"""``pproj doctor``: what it says of this machine and of a real API server, and how each is fixed."""

import copy
import json
import socket
from pathlib import Path

import pytest
import yaml

from parallelproject.agents.catalog import PRESETS
from parallelproject.cli.doctor import programs
from parallelproject.cli.doctor.definition import compare
from parallelproject.cli.doctor.finding import Finding, Verdict
from parallelproject.model.crd import crd
from rig import ControlPlane
from rig.binaries import Binaries
from tests.local.checkout import Checkout

from .conftest import Pproj, Result

GIT = "/usr/bin:/bin"


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home and a PATH without any agent."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "bin").mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{GIT}")
    for name in ("XDG_CONFIG_HOME", "GIT_AUTHOR_NAME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_COUNT"):
        monkeypatch.delenv(name, raising=False)


def program(folder: Path, name: str, script: str) -> None:
    file = folder / "bin" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def checks(result: Result) -> dict[str, dict[str, str]]:
    """The answer in JSON, by the name of the check; of several with one name the last."""
    return {check["check"]: check for check in result.json["checks"]}


def test_on_a_machine_with_an_agent_and_a_repository_all_is_well(pproj: Pproj, tmp_path: Path):
    program(tmp_path, "codex", "echo codex-cli 0.171.0")
    checkout = Checkout(tmp_path)
    (tmp_path / "remote").mkdir()
    checkout.git("clone", "--quiet", "--bare", ".", str(tmp_path / "remote" / "shop.git"))
    checkout.git("remote", "add", "origin", str(tmp_path / "remote" / "shop.git"))
    result = pproj("doctor", "--repo", checkout.path)
    assert result.code == 0
    assert result.err == ""
    assert result.out.splitlines()[0] == f"ok       agents      Codex: {tmp_path}/bin/codex, version 0.171.0"
    found = [line.split()[:2] for line in result.out.splitlines()]
    assert [row for row in found if row[1] != "sandbox"] == [  # that is there where the machine has Bubblewrap
        ["ok", check] for check in ("agents", "git", "identity", "repository", "remote", "cluster")
    ]


def test_a_sandbox_is_proposed_where_it_works(pproj: Pproj, tmp_path: Path):
    program(tmp_path, "bwrap", "exit 0")
    found = checks(pproj("doctor", "-o", "json"))["sandbox"]
    assert (found["result"], "with pproj run --sandbox" in found["message"]) == ("ok", True)
    program(tmp_path, "bwrap", "echo setting up uid map: Permission denied >&2; exit 1")
    found = checks(pproj("doctor", "-o", "json"))["sandbox"]
    assert found["result"] == "warning"
    assert found["message"].endswith("bwrap does not work here: setting up uid map: Permission denied")
    assert "allow user namespaces" in found["fix"]


def test_it_finds_each_agent_that_init_can_call(pproj: Pproj, tmp_path: Path):
    titles = {preset.program: preset.title for preset in PRESETS.values()}
    for name in titles:
        program(tmp_path, name, f"echo {name} 1.2.3")
    messages = [
        check["message"] for check in pproj("doctor", "-o", "json").json["checks"] if check["check"] == "agents"
    ]
    assert messages == [f"{title}: {tmp_path}/bin/{name}, version 1.2.3" for name, title in titles.items()]


def test_each_thing_that_is_missing_has_its_fix(pproj: Pproj, tmp_path: Path):
    program(tmp_path, "claude", "echo it is broken >&2; exit 3")
    (tmp_path / "home" / ".gitconfig").write_text("[user]\n\tname = Ada\n")
    checkout = Checkout(tmp_path)
    checkout.git("remote", "add", "origin", str(tmp_path / "nowhere.git"))
    result = pproj("doctor", "--repo", checkout.path, "-o", "json")
    assert result.code == 0
    found = checks(result)
    assert found["agents"]["message"].endswith("bin/claude --version ends with exit code 3: it is broken")
    assert found["identity"]["message"] == "user.email not set: you cannot merge what has landed"
    assert found["identity"]["fix"] == 'git config --global user.email "…"'
    assert found["remote"]["result"] == "warning"
    assert "origin does not answer: fatal: " in found["remote"]["message"]
    assert all("fix" in check for check in found.values() if check["result"] != "ok")
    checkout.git("remote", "remove", "origin")
    assert (
        checks(pproj("doctor", "--repo", checkout.path, "-o", "json"))["remote"]["fix"] == "git remote add origin URL"
    )


def test_an_agent_that_does_not_answer_in_time_is_not_called_broken(
    pproj: Pproj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(programs, "_SECONDS", 0.1)
    program(tmp_path, "claude", "exec tail -f /dev/null")
    found = checks(pproj("doctor", "-o", "json"))["agents"]
    assert found["message"].endswith("bin/claude --version: no answer within 0.1 s")
    assert found["fix"] == "try again, or run claude --version"


def test_what_was_named_and_is_not_there_is_an_error(pproj: Pproj, tmp_path: Path):
    result = pproj("doctor", "--repo", tmp_path, "--kubeconfig", tmp_path / "none")
    assert result.code == 1
    lines = result.out.splitlines()
    assert f"error    repository  {tmp_path} is in no git repository" in lines
    assert f"error    cluster     no cluster is configured: there is no file {tmp_path}/none" in lines
    assert result.err == "2 errors, 1 warning\n"
    (tmp_path / "empty").mkdir()
    assert "repository  this folder is not in a repository" in pproj("doctor").out


def test_without_git_and_with_one_that_is_too_old(pproj: Pproj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program(tmp_path, "git", "echo git version 2.30.1")
    old = pproj("doctor")
    assert old.code == 1
    assert "error    git         git is 2.30.1; work lands with 2.38 or newer only" in old.out
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "error    git         git is not on the PATH" in pproj("doctor").out


def test_a_narrow_terminal_has_every_word(pproj: Pproj, tmp_path: Path):
    wide, narrow = pproj("doctor"), pproj("doctor", width=60)
    assert max(map(len, narrow.out.splitlines())) <= 60
    assert narrow.out.split() == wide.out.split()


def test_a_server_that_is_not_there(pproj: Pproj, tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{free.getsockname()[1]}"
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "here", "users": [],
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": ""}}],
    }))  # fmt: skip
    result = pproj("doctor", "--kubeconfig", file)
    assert result.code == 1
    assert f"error    cluster     {server} does not answer: " in result.out


def test_a_definition_is_compared_by_its_fields_and_values():
    ours = crd()
    assert compare(ours).verdict is Verdict.OK

    def changed(*path: str, **values: object) -> Finding:
        other = copy.deepcopy(ours)
        node = other["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        for part in path:
            node = node[part]
        for name, value in values.items():
            if value is None:
                del node[name]
            else:
                node[name] = value
        return compare(other)

    older = changed(scheduling=None)
    assert (older.verdict, older.message.split(": ", 1)[1]) == (Verdict.ERROR, "it lacks spec.scheduling, "
        "spec.scheduling: Graph, spec.scheduling: Levels")  # fmt: skip
    assert older.fix.startswith("kubectl apply --server-side -f crds/")
    assert changed("scheduling", enum=["Levels"]).message.endswith("it lacks spec.scheduling: Graph")
    newer = changed(speed={"type": "string"})
    assert (newer.verdict, newer.message.split(", ")[1]) == (Verdict.WARNING, "which does not know spec.speed")
    gone = copy.deepcopy(ours)
    gone["spec"]["versions"][0]["name"] = "v2"
    assert "serves v2, not v1alpha1" in compare(gone).message


@pytest.mark.cluster
def test_a_cluster_with_the_definition_and_without_an_operator(
    pproj: Pproj, control_plane: ControlPlane, namespace: str
):
    result = pproj("doctor", "--kubeconfig", control_plane.kubeconfig, "-n", namespace, "-o", "json")
    assert result.code == 0, result.out
    found = checks(result)
    assert {name: found[name]["result"] for name in ("cluster", "definition", "rights")} == {
        "cluster": "ok", "definition": "ok", "rights": "ok",
    }  # fmt: skip
    assert "operator" in found
    stranger = checks(
        pproj("doctor", "--kubeconfig", control_plane.kubeconfig_for("bob"), "-n", namespace, "-o", "json")
    )
    assert stranger["rights"]["result"] == "error"
    assert "get, list, watch, create, patch, delete parallelprojects; get, list pods" in stranger["rights"]["message"]
    assert stranger["definition"]["result"] == stranger["operator"]["result"] == "warning"
    lease = {
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "parallelproject", "namespace": namespace},
        "spec": {"holderIdentity": "me", "leaseDurationSeconds": 3600, "renewTime": "2999-01-01T00:00:00.000000Z"},
    }  # fmt: skip
    control_plane.kubectl("apply", "-f", "-", input=json.dumps(lease))
    assert "ok       operator    " in pproj("doctor", "--kubeconfig", control_plane.kubeconfig).out


@pytest.mark.cluster
def test_a_cluster_that_does_not_know_projects(pproj: Pproj, binaries: Binaries):
    with ControlPlane(controllers=False, binaries=binaries) as bare:
        result = pproj("doctor", "--kubeconfig", bare.kubeconfig)
    assert result.code == 1
    assert "error    definition  the cluster has no parallelprojects.parallelproject.io\n" in result.out
    assert "fix: kubectl apply --server-side -f crds/parallelprojects.parallelproject.io.yaml\n" in result.out
