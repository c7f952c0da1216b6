"""The command that containers run: its instruction, its result, its exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parallelproject.git.container.instructions import RESULT_MAX, encode
from tests.git.remote import BRANCH, Remote


def pproj_git(
    step: str, instruction: dict[str, Any] | str, folder: Path, *, by_file: bool = False
) -> tuple[int, dict[str, Any]]:
    text = instruction if isinstance(instruction, str) else json.dumps(instruction)
    command = [sys.executable, "-m", "parallelproject.git.container.main", step]
    environment = {**os.environ, "PPROJ_GIT": text}
    if by_file:
        (folder / "instruction.json").write_text(text)
        del environment["PPROJ_GIT"]
        command += [str(folder / "instruction.json"), "--result", str(folder / "result.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    said = (folder / "result.json").read_text() if by_file else done.stdout
    assert len(said.encode()) <= RESULT_MAX + 1
    result: dict[str, Any] = json.loads(said)
    assert done.stderr == (f"{result['message']}\n" if "message" in result else "")  # what the container's log shows
    return done.returncode, result


def instruction(remote: Remote, task: str, **fields: Any) -> dict[str, Any]:
    folder = remote.folder / task
    return {
        "url": str(remote.path), "local": True, "branch": BRANCH, "baseRef": "main", "run": "run-1", "task": task,
        "attempt": 1, "title": "A title", "author": {"name": "agents", "email": "agents@example.org"},
        "workspace": str(folder / "workspace"), "private": str(folder / "private"), **fields,
    }  # fmt: skip


def test_a_task_from_prepare_to_landed(remote: Remote) -> None:
    given = instruction(remote, "a", policy={"land": "Merge", "files": ["x"]})
    code, result = pproj_git("prepare", given, remote.folder)
    assert (code, result) == (0, {"outcome": "Prepared", "base": remote.tip("main")})
    workspace = Path(given["workspace"])
    for i in range(400):
        (workspace / f"a-rather-long-name-{i}").write_text("1")
    code, result = pproj_git("land", given, remote.folder, by_file=True)
    assert (code, result["outcome"], result["commit"]) == (0, "Landed", remote.tip())
    assert (result["pathsTotal"], result["undeclaredTotal"]) == (400, 400)
    code, result = pproj_git("land", given, remote.folder)
    assert (code, result["outcome"]) == (0, "AlreadyLanded")


def test_a_checkout_is_of_the_branch_or_of_its_base_and_pushes_nothing(remote: Remote) -> None:
    before = remote.refs()
    base = instruction(remote, "hook")
    assert pproj_git("checkout", base, remote.folder) == (0, {"outcome": "Prepared", "base": remote.tip("main")})
    assert (Path(base["workspace"]) / "README").read_text() == "hello\n"
    assert remote.refs() == before
    task = instruction(remote, "a")
    pproj_git("prepare", task, remote.folder)
    (Path(task["workspace"]) / "new").write_text("1")
    pproj_git("land", task, remote.folder)
    landed = remote.refs()
    tip = base | {name: f"{base[name]}2" for name in ("workspace", "private")}
    assert pproj_git("checkout", tip, remote.folder) == (0, {"outcome": "Prepared", "base": remote.tip()})
    assert (Path(tip["workspace"]) / "new").read_text() == "1"
    assert pproj_git("checkout", tip, remote.folder)[0] == 0, "an init container may run again"
    assert remote.refs() == landed
    gone = tip | {"url": "/nonexistent/repository", "private": f"{base['private']}3"}
    assert pproj_git("checkout", gone, remote.folder)[0] == 23


def test_failures_have_their_exit_codes(remote: Remote) -> None:
    given = instruction(remote, "a")
    pproj_git("prepare", given, remote.folder)
    (Path(given["workspace"]) / "README").write_text("mine")
    remote.commit(BRANCH, {"README": "theirs"}, "theirs")
    code, result = pproj_git("land", given, remote.folder)
    assert code == 20
    assert result["outcome"] == "Conflict"
    assert result["paths"] == ["README"]
    assert result["ref"] == "refs/parallelproject/run-1/a/conflict/1"
    assert pproj_git("salvage", given, remote.folder)[1]["outcome"] == "Salvaged"
    missing = given | {"url": "/nonexistent/repository"}
    code, result = pproj_git("prepare", missing | {"private": str(remote.folder / "p2")}, remote.folder)
    assert (code, result["outcome"]) == (23, "AuthOrProtected")
    unreachable = given | {"url": "https://127.0.0.1:1/x.git", "private": str(remote.folder / "p3")}
    code, result = pproj_git("prepare", unreachable, remote.folder)
    assert (code, result["outcome"]) == (25, "Transient")


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"url": 1}', '{"task": "a"}'])
def test_an_instruction_that_is_none(text: str, tmp_path: Path) -> None:
    code, result = pproj_git("prepare", text, tmp_path)
    assert (code, result["reason"]) == (22, "InvalidInstruction")


def test_an_unknown_field_is_named(remote: Remote) -> None:
    code, result = pproj_git("prepare", instruction(remote, "a", colour="red"), remote.folder)
    assert code == 22
    assert "colour" in result["message"]


def test_a_result_always_fits() -> None:
    paths = [f"{i}/" + "ü" * 300 for i in range(1000)]
    result = json.loads(encode({"outcome": "Policy", "message": "m" * 10_000, "paths": paths, "undeclared": paths}))
    assert result["pathsTotal"] == 1000


def test_it_loads_nothing_but_the_standard_library() -> None:
    """Each pod starts it several times, and pydantic alone takes longer than all else."""
    code = (
        "import sys; import parallelproject.git.container.main as _; "
        "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    found = {name for name in said.split() if not name.startswith("_")}  # of the start of the interpreter
    assert found == {"parallelproject"}
