"""Where the programs are looked for, and how they are built; the Go here is a stand-in that writes empty files."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rig
from rig import Binaries, RigError, binaries, find_or_build
from rig.binaries import FULL

GO = """#!/bin/sh
echo "$*" >> "$GO_LOG"
if [ "$1" = env ]; then
    echo '{"GOVERSION": "go1.0", "GOOS": "plan9", "GOARCH": "pdp11"}'
    exit
fi
while [ "$1" != -o ]; do shift; done
[ "$3" != "$GO_BREAKS" ] || { echo "no such package: $3"; exit 1; }
touch "$2"
chmod +x "$2"
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and the stand-in for Go."""
    go = tmp_path / "path" / "go"
    go.parent.mkdir()
    go.write_text(GO)
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(go.parent), prepend=":")
    monkeypatch.setenv("GO_LOG", str(tmp_path / "go.log"))
    monkeypatch.setenv("PPROJ_TOOLS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path / "cache"


def builds(cache: Path) -> int:
    return (cache.parent / "go.log").read_text().count("build ")


def assets(folder: Path, *programs: str) -> Path:
    folder.mkdir()
    for program in programs:
        (folder / program).touch(mode=0o755)
    return folder


def test_dev_cluster_asks_for_go_before_it_installs_anything(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("make", "bash", "sed"):
        (programs / name).symlink_to(str(shutil.which(name)))
    made = subprocess.run(
        ["make", "dev-cluster", f"VENV={tmp_path / 'venv'}"], cwd=Path(__file__).parents[2], check=False, text=True,
        env={"PATH": str(programs), "HOME": str(tmp_path)}, capture_output=True,
    )  # fmt: skip
    assert made.returncode == 2
    assert made.stdout == ""
    error, fix = made.stderr.splitlines()[:2]
    assert error == "error: there is no go on the PATH, and the control plane is built with Go"
    version = re.search(r"^go (\S+)$", (Path(__file__).parents[2] / "tools/go/go.mod").read_text(), re.M)
    assert version
    assert fix == f"fix: install Go {version[1]} or newer; the first start then builds for 5 to 15 minutes, once"
    assert list(tmp_path.iterdir()) == [programs]


def test_kubebuilder_assets_come_first(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = assets(cache.parent / "assets", *FULL)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(folder))
    assert find_or_build() == Binaries(folder)
    assert not cache.exists()


def test_kubebuilder_assets_without_all_that_is_needed_are_passed_over(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = assets(cache.parent / "assets", "etcd", "kube-apiserver", "kubectl")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(folder))
    assert find_or_build(["etcd", "kubectl"]).folder == folder
    assert find_or_build().folder.parent == cache


def test_what_is_missing_is_built_once_and_says_so(cache: Path) -> None:
    said: list[str] = []
    built = find_or_build(progress=said.append)
    assert built.has(FULL)
    assert said[1:4] == [
        "building kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kubectl (1/3) ...",
        "building etcd (2/3) ...",
        "building kwok (3/3) ...",
    ]
    assert find_or_build(progress=said.append) == built
    assert builds(cache) == 3
    assert len(said) == 5


def test_a_build_that_takes_long_says_how_long(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = cache.parent / "path" / "go"
    go.write_text(GO.replace("touch", 'until grep -q said "$GO_LOG"; do sleep 0.05; done; touch'))
    monkeypatch.setattr(binaries, "_SAY_EVERY_SECONDS", 0.01)
    said: list[str] = []

    def progress(line: str) -> None:
        said.append(line)
        if line.startswith("still"):
            with (cache.parent / "go.log").open("a") as log:
                log.write("said\n")

    find_or_build(progress=progress)
    assert "still building kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kubectl: 0 s" in said


def test_all_are_built_with_their_numbers(cache: Path) -> None:
    command = [sys.executable, "-m", "rig", "build"]
    env = {**os.environ, "PYTHONPATH": str(Path(rig.__file__).parents[1])}
    broken = subprocess.run(command, env=env | {"GO_BREAKS": "code.gitea.io/gitea"}, capture_output=True, text=True)
    assert (broken.returncode, broken.stdout.count("\n")) == (1, 4)
    assert "[1/6] building the wrapper of tasks' commands, once: " in broken.stderr
    assert "[2/6] building etcd (2/3) ..." in broken.stderr
    assert "[5/6] building Gitea, once: " in broken.stderr


def test_of_two_processes_one_builds(cache: Path) -> None:
    script = "from rig import find_or_build; find_or_build()"
    env = {**os.environ, "PYTHONPATH": str(Path(rig.__file__).parents[1])}
    both = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL, env=env) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert builds(cache) == 3


def test_a_build_that_fails_names_its_log_and_leaves_no_folder(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_BREAKS", "go.etcd.io/etcd/server/v3")
    with pytest.raises(RigError, match=rf"(?s)building etcd failed.*{cache}/\w+\.log.*no such package"):
        find_or_build()
    assert {file.suffix for file in cache.iterdir()} == {".log", ".lock"}


def test_without_go_the_error_says_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RigError, match=r"install Go.*or set KUBEBUILDER_ASSETS"):
        find_or_build()
