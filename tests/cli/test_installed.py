"""``uv tool install .`` and ``pipx install .``: the program works outside of the checkout, with its own packages."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TASKS = "- [ ] 1 [P:Group-A] Write a\n- [ ] 2 [P:Group-A] Write b\n"


def call(*words: object, folder: Path, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: setuptools leaves a folder where it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "operator", source / "operator", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    call(BIN / "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, source, folder=folder)
    (found,) = folder.glob("parallelproject-*.whl")
    return found


@pytest.fixture(scope="module")
def tool(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of ``uv tool install``, with everything of uv's in folders of its own."""
    folder = tmp_path_factory.mktemp("uv")
    programs = folder / "bin"
    env = {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(programs), "UV_PYTHON": sys.executable}
    done = call(BIN / "uv", "tool", "install", wheel, folder=folder, check=False, **env)
    if done.returncode and "dns error" in done.stderr + done.stdout:
        pytest.skip("needs a package registry")
    assert done.returncode == 0, done.stderr
    return programs


def test_the_wheel_has_every_module_and_what_they_read(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "operator" / "parallelproject"
    files = {path for pattern in ("*.py", "*.yaml", "py.typed") for path in package.rglob(pattern)}
    assert {str(path.relative_to(ROOT / "operator")) for path in files} <= names


def test_the_installed_program_says_what_it_is_and_runs_tasks_from_any_folder(tool: Path, tmp_path: Path):
    assert {path.name for path in tool.iterdir()} >= {"pproj", "kubectl-pproj"}
    env = {"PATH": f"{tool}:/usr/bin:/bin", "PYTHONPATH": "", "HOME": str(tmp_path)}
    assert call("pproj", "--version", folder=tmp_path, **env).stdout.startswith("pproj ")
    assert "Examples:" in call("pproj", "help", "run", folder=tmp_path, **env).stdout
    (tmp_path / "tasks.md").write_text(TASKS)
    done = call("pproj", "run", "tasks.md", "--command", "echo $PPROJ_TASK_ID", folder=tmp_path, **env)
    assert "all 2 tasks succeeded" in done.stdout
    where = call(tool / "pproj", "list", "--kubeconfig", tmp_path / "none", folder=tmp_path, check=False, **env)
    assert where.stderr == f"error: --kubeconfig {tmp_path}/none: there is no such file\n"


def test_the_readme_installs_it_by_the_same_commands():
    text = (ROOT / "README.md").read_text()
    assert "uv tool install .\n" in text
    assert "pipx install .\n" in text
