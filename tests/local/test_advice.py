"""What the end of a run says of settings that would have helped."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.local.runner import Runner

_TASKS = [
    {"id": "a"},
    {"id": "b"},
    {"id": "c", "dependencies": ["a"]},
    {"id": "d", "dependencies": ["b"]},
    {"id": "e", "dependencies": ["a"], "maxAttempts": 1},
]
_COMMAND = 'test "$PPROJ_TASK_ID" != e || test "$PPROJ_ATTEMPT" = 2'


@pytest.mark.parametrize(("scheduling", "helps"), [("Levels", True), ("Graph", False)])
def test_the_end_says_what_graph_would_have_saved_by_the_times_taken(
    runner: Callable[..., Runner], scheduling: str, helps: bool
) -> None:
    run = runner({"tasks": _TASKS, "scheduling": scheduling}, _COMMAND)
    assert "Graph" not in run.run(1), "nothing is known where not all have run, and moments are not worth a word"
    with closing(sqlite3.connect(run.state / "state.db")) as state:  # as if these two had taken so long
        state.execute("update attempts set started = ended - 100 where task in ('a', 'd')")
        state.commit()
    said = run.run(0)
    assert ("hint: --scheduling Graph would have saved about 1 min 4" in said or "about 1 min 3" in said) is helps
    assert ("hint: " in said) is helps
