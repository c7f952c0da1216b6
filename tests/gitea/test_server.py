"""The server itself: how it is built and kept, and how it ends. Where it is built here, Go is a stand-in."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import rig
from rig import Binaries, Gitea, RigError, find_or_build, find_or_build_gitea
from rig.binaries import GITEA, GITEA_FILES
from tests.gitea.setup import until
from tests.processes import has_ended

GO = """#!/bin/sh
echo "$*" >> "$GO_LOG"
case "$1" in
env) echo '{"GOVERSION": "go1.0", "GOOS": "plan9", "GOARCH": "pdp11"}'; exit ;;
list) echo "$GO_SOURCES"; exit ;;
esac
echo "CGO_ENABLED=$CGO_ENABLED" >> "$GO_LOG"
while [ "$1" != -o ]; do shift; done
touch "$2"
chmod +x "$2"
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and the stand-in for Go; its modules are closed to writers, as Go's are."""
    go = tmp_path / "path" / "go"
    go.parent.mkdir()
    go.write_text(GO)
    go.chmod(0o755)
    sources = tmp_path / "sources"
    for folder in ("templates/repo", "options/locale", "public/assets/img", "models"):
        (sources / folder).mkdir(parents=True)
        (sources / folder / "file").write_text(folder)
        (sources / folder / "file").chmod(0o444)
        (sources / folder).chmod(0o555)
    monkeypatch.setenv("PATH", str(go.parent), prepend=":")
    monkeypatch.setenv("GO_LOG", str(tmp_path / "go.log"))
    monkeypatch.setenv("GO_SOURCES", str(sources))
    monkeypatch.setenv("PPROJ_TOOLS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path / "cache"


def test_it_is_built_once_with_what_it_reads(cache: Path) -> None:
    said: list[str] = []
    built = find_or_build_gitea(progress=said.append)
    assert built.has([GITEA])
    assert built.folder.parent == cache
    files = built[GITEA_FILES]
    assert sorted(str(file.relative_to(files)) for file in files.rglob("file")) == [
        "options/locale/file", "public/assets/img/file", "templates/repo/file"
    ]  # fmt: skip
    assert all(folder.stat().st_mode & 0o200 for folder in (files, *files.rglob("*")))  # so that it can be removed
    assert find_or_build_gitea(progress=said.append) == built
    log = (cache.parent / "go.log").read_text()
    assert log.count("build ") == 1
    assert "-tags=sqlite sqlite_unlock_notify" in log
    assert "CGO_ENABLED=1" in log
    assert len(said) == 3


def test_the_control_plane_is_built_without_it_and_it_without_the_control_plane(cache: Path) -> None:
    control_plane = find_or_build(progress=lambda line: None)
    log = cache.parent / "go.log"
    assert "gitea" not in log.read_text()
    log.unlink()
    assert find_or_build_gitea(progress=lambda line: None).folder != control_plane.folder
    assert "kube" not in log.read_text()
    assert log.read_text().count("build ") == 1


def test_without_go_the_error_says_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RigError, match=r"^Gitea must be built.*install Go.*version\)$"):
        find_or_build_gitea()


def test_a_program_that_ends_at_once_is_told_with_what_it_said(tmp_path: Path) -> None:
    program = tmp_path / GITEA
    program.write_text("#!/bin/sh\necho no such luck\nexit 3\n")
    program.chmod(0o755)
    before = set(tmp_path.iterdir())
    with (
        pytest.raises(RigError, match=r"(?s)gitea migrate ended with exit code 3.*no such luck"),
        Gitea(binaries=Binaries(tmp_path)),
    ):
        pass
    assert set(tmp_path.iterdir()) == before


@pytest.mark.gitea
def test_it_is_run_by_nobody_who_is_root(gitea: Gitea) -> None:
    assert gitea.pid
    assert Path(f"/proc/{gitea.pid}").stat().st_uid != 0


@pytest.mark.gitea
def test_it_dies_with_the_process_that_started_it(gitea: Gitea) -> None:
    script = "from rig import Gitea\nwith Gitea() as gitea: print(gitea.pid, gitea.log.parent, flush=True); input()"
    env = {**os.environ, "PYTHONPATH": str(Path(rig.__file__).parents[1])}
    owner = subprocess.Popen(
        [sys.executable, "-c", script], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    pid, folder = owner.stdout.readline().split()
    assert Path(f"/proc/{pid}").exists()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    until(lambda: has_ended(int(pid)), "it to end with its owner")
    assert Path(folder).exists()  # removed by the next one, when it is a minute old
