"""What a task of a local run gets as TRACEPARENT."""

from collections.abc import Callable

import pytest

from tests.local.runner import Runner, tasks

Make = Callable[..., Runner]


def test_each_attempt_has_a_trace_of_its_own_unless_the_caller_has_one(
    runner: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRACEPARENT", raising=False)
    run = runner(tasks("a", "b"), "echo $TRACEPARENT >> $JOURNAL")
    run.run()
    assert [len(line.split("-")[1]) for line in run.journal()] == [32, 32]
    assert len(set(run.journal())) == 2
    run.journal_file.unlink()
    monkeypatch.setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    run.options["fresh"] = True
    run.run()
    assert set(run.journal()) == {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
