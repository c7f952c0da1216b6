"""``pproj`` as the tests call it: in this process, with what it printed and its exit code."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parallelproject.cli import main
from parallelproject.cli.output import terminal

DATA = Path(__file__).parents[3] / "shared" / "data"
"""Real files of other tools."""
REAL = sorted([*DATA.glob("taskmaster/*.json"), *DATA.glob("beads/*.jsonl")])
_NONE = pytest.param(None, marks=pytest.mark.skip(reason="the real files of other tools are not here"))
real = pytest.mark.parametrize("file", REAL or [_NONE], ids=lambda file: file and file.stem)
"""For tests that read each of these files."""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Pproj = Callable[..., Result]


@pytest.fixture(autouse=True)
def _no_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of their own: in one with local runs, as after ``make demo``, commands may mean those."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pproj(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Pproj:
    """Calls the command line as ``main`` does; keyword ``width`` is that of the terminal."""
    for name in ("COLUMNS", "KUBECONFIG", "KUBERNETES_SERVICE_HOST", "NO_COLOR", "PPROJ_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(terminal._Choice, "no_color", False)

    def run(*arguments: object, width: int | None = None, program: str = "pproj") -> Result:
        if width is not None:
            monkeypatch.setenv("COLUMNS", str(width))
        capsys.readouterr()
        code = main.call([os.fspath(a) if isinstance(a, Path) else str(a) for a in arguments], program)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on a PATH without agents."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.fixture
def tasks_json(tmp_path: Path) -> Path:
    """A TaskMaster file: two done, one with subtasks, one that writes what another writes."""
    tasks = [
        {"id": 1, "title": "Set up", "status": "done"},
        {"id": 2, "title": "API schema", "description": "Write src/api/schema.py", "dependencies": [1]},
        {
            "id": 3,
            "title": "Backend",
            "dependencies": [2],
            "subtasks": [
                {"id": 1, "title": "Routes", "description": "In src/api/routes.py.\n\nAll of them.  \nReally."},
                {"id": 2, "title": "Storage", "description": "SQL in src/db/store.py", "dependencies": [1]},
            ],
        },
        {"id": 4, "title": "Frontend component", "description": "src/api/routes.py too", "dependencies": [2]},
        {"id": 5, "title": "Release", "dependencies": [3, 4], "priority": "high"},
    ]
    file = tmp_path / "shop.json"
    file.write_text(json.dumps({"tasks": tasks}))
    return file


MANIFEST = """\
apiVersion: parallelproject.io/v1alpha1
kind: ParallelProject
metadata: {name: checkout}
spec:
  suspend: false
  parallelism: 3
  roles:
  - name: coder
    podTemplate:
      spec:
        containers:
        - {name: agent, image: busybox, command: [sh, -c, "echo $PPROJ_TASK_ID"]}
  tasks:
  - {id: schema, estimateSeconds: 60}
  - {id: backend, dependencies: [schema], estimateSeconds: 600}
  - {id: frontend, dependencies: [schema], estimateSeconds: 300}
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    file = tmp_path / "checkout.yaml"
    file.write_text(MANIFEST)
    return file
