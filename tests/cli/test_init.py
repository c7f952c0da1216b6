"""``pproj init``: a first ``.pproj.yaml``, from what is found."""

import json
from pathlib import Path

import pytest
import yaml

from parallelproject.agents.catalog import PRESETS
from tests.cli.conftest import Pproj
from tests.local.checkout import Checkout

_AGENT = """\
#!/bin/sh
cat > "$PPROJ_TASK_ID.txt"
printf '%s\\n' "$@" >> "$PPROJ_TASK_ID.txt"
echo '{"type":"result","subtype":"success","is_error":false,"result":"Done."}'
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A repository with a task file in a folder, which is the current one."""
    checkout = Checkout(tmp_path)
    folder = checkout.path / "plan"
    folder.mkdir()
    (folder / "tasks.json").write_text(json.dumps({"tasks": [{"id": 1, "title": 'It\'s "one"'}]}))
    (checkout.path / "Makefile").write_text("all:\n\ntest: all\n")
    monkeypatch.chdir(folder)
    return checkout


def _agent(folder: Path, name: str) -> None:
    (folder / name).write_text(_AGENT)
    (folder / name).chmod(0o755)


def _written() -> dict[str, object]:
    return yaml.safe_load(Path(".pproj.yaml").read_text())


def test_it_names_task_file_repository_and_agent_and_run_works_with_it(pproj: Pproj, shop: Checkout, programs: Path):
    _agent(programs, "codex")
    _agent(programs, "claude")
    result = pproj("init")
    assert result.code == 0, result.err
    assert result.out.splitlines()[:4] == [
        "wrote .pproj.yaml",
        "  task file:  tasks.json (TaskMaster)",
        f"  repository: {shop.path}",
        "  agent:      claude (also found: codex)",
    ]
    assert "  pproj run\n" in result.out
    assert _written() == {"file": "tasks.json", "repo": "..", "agent": "claude"}
    assert "# check: make test\n" in Path(".pproj.yaml").read_text()
    ran = pproj("run")
    assert ran.code == 0, ran.out + ran.err
    seen = shop.show("1.txt", "parallel/plan")
    assert '# Task 1: It\'s "one"' in seen, "the agent reads the task as it is written"
    assert "--dangerously-skip-permissions" in seen.splitlines()


def test_each_agent_that_it_may_write_is_found_and_is_one_that_run_accepts(
    pproj: Pproj, shop: Checkout, programs: Path
):
    for preset in PRESETS.values():
        for other in programs.iterdir():
            other.unlink()
        _agent(programs, preset.program)
        Path(".pproj.yaml").unlink(missing_ok=True)
        assert pproj("init").code == 0
        assert _written()["agent"] == preset.short
        Path("tasks.json").write_text(json.dumps({"tasks": []}))
        assert pproj("run", "--fresh").code == 0, preset.short


def test_a_file_that_is_there_stays_as_it_is(pproj: Pproj, shop: Checkout, programs: Path):
    Path(".pproj.yaml").write_text("parallelism: 2\n")
    result = pproj("init")
    assert result.code == 1
    assert "error: .pproj.yaml is there already, and stays as it is" in result.err
    assert Path(".pproj.yaml").read_text() == "parallelism: 2\n"


def test_where_nothing_is_found_it_says_what_to_set(pproj: Pproj, programs: Path, tmp_path: Path):
    folder = tmp_path / "empty"
    folder.mkdir()
    result = pproj("init", folder)
    assert result.code == 0
    assert "task file:  none found: set file" in result.out
    assert "repository: none found" in result.out
    assert "agent:      none is on the PATH: set agent or command" in result.out
    assert "Next" not in result.out
    assert yaml.safe_load((folder / ".pproj.yaml").read_text()) is None, "all of it is a comment"


def test_of_several_task_files_none_is_chosen(pproj: Pproj, shop: Checkout, programs: Path):
    Path("prd.json").write_text("{}")
    result = pproj("init")
    assert "task file:  2 files" in result.out
    text = Path(".pproj.yaml").read_text()
    assert "# file: tasks.json  # TaskMaster\n# file: prd.json  # a PRD\n" in text
    assert "file" not in (_written() or {})


def test_a_folder_that_is_not_there_is_named(pproj: Pproj, programs: Path):
    result = pproj("init", "nowhere")
    assert (result.code, "error: nowhere is not a folder" in result.err) == (2, True)
