"""A run in the middle when pproj is upgraded: it goes on, and nothing is run or counted twice."""

from collections.abc import Callable

import pytest

from parallelproject.model.work import WorkKind
from tests.local import earlier_state
from tests.local.runner import Runner

JOURNAL = 'echo "$PPROJ_TASK_ID $PPROJ_ATTEMPT" >> $JOURNAL; [ $PPROJ_TASK_ID != twice ]'
VERSIONS = range(len(earlier_state.REVISIONS))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_that_an_earlier_version_left_in_the_middle_goes_on(runner: Callable[..., Runner], version: int) -> None:
    run = runner(earlier_state.spec(*earlier_state.LATER, backoff=0), JOURNAL)
    earlier_state.restore(run.state, version)
    output = run.run(code=1)
    assert "have changed" not in output
    assert {(row.key.kind, row.key.step) for row in run.attempts()} == {(WorkKind.TASK, "")}
    # What was being run is run again, and counts as no failure: each may have one attempt that fails.
    assert sorted(run.journal()) == ["forgiven 4", "later 1", "running 2", "twice 2"]
    assert {(row.key.task, row.key.attempt): (row.phase, row.reason, row.exit_code) for row in run.attempts()} == {
        ("done", 1): ("Succeeded", None, 0),
        ("spilled", 1): ("Succeeded", None, 0),
        ("forgiven", 1): ("Failed", "ExitCode", 7),
        ("forgiven", 2): ("Stopped", "Interrupted", None),
        ("forgiven", 3): ("Stopped", "Interrupted", None),
        ("forgiven", 4): ("Succeeded", None, 0),
        ("running", 1): ("Stopped", "Interrupted", None),
        ("running", 2): ("Succeeded", None, 0),
        ("later", 1): ("Succeeded", None, 0),
        ("twice", 1): ("Failed", "ExitCode", 7),
        ("twice", 2): ("Failed", "ExitCode", 1),
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_once_it_has_gone_on_it_is_as_any_other(runner: Callable[..., Runner], version: int) -> None:
    run = runner(earlier_state.spec(*earlier_state.LATER, backoff=0), "true")
    earlier_state.restore(run.state, version)
    run.run()
    run.command = JOURNAL
    assert "all 6 tasks have succeeded already" in run.run()
    assert run.journal() == []
