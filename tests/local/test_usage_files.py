"""What attempts of earlier sessions have spent counts for the role that they were started with."""

import json
from pathlib import Path

import pytest

from parallelproject.core.planner.claim import Claim
from parallelproject.local.engine.earlier_sessions import attempt_of
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.store import SUCCEEDED, AttemptRow
from parallelproject.local.state.usage_files import UsageFiles
from parallelproject.model.work import WorkKey

KEY = WorkKey.of_task("a", 1)


@pytest.mark.parametrize(
    ("task_file", "claim"),
    [
        ({"role": "coder"}, Claim("coder")), ({"role": None}, Claim()), ({}, None), ({"role": ["x"]}, None), ([], None),
    ],
)  # fmt: skip
def test_an_attempt_has_spent_the_budget_of_the_role_in_its_task_file(
    tmp_path: Path, task_file: object, claim: Claim | None
) -> None:
    directory = StateDirectory(tmp_path)
    directory.create()
    for file, content in (
        (directory.task_file("a", 1), task_file),
        (f"{directory.outputs('a')}/usage.json", {"usd": 1}),
    ):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(json.dumps(content))
    usages = UsageFiles(directory)
    row = AttemptRow(KEY, SUCCEEDED, 1.0, 2.0, None, 0)
    usages.take(row)
    assert attempt_of(row, 3.0, usages=usages).claim == claim
    Path(directory.task_file("a", 1)).unlink()
    assert attempt_of(row, 3.0, usages=usages).claim is None
