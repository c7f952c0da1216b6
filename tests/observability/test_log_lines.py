"""The lines of the operator's log: one for each event, and which of them need attention."""

import logging

import pytest

from parallelproject.controller.projects.project import Project
from parallelproject.controller.telemetry.log_lines import LogLines
from parallelproject.core.report.changes import Event, What
from parallelproject.executors.base.executors import Executors
from parallelproject.executors.base.observed import ObservedAttempts
from parallelproject.executors.job.executor import JobExecutor


def project() -> Project:
    executor = JobExecutor()
    metadata = {"name": "shop", "namespace": "team", "uid": "uid-1", "generation": 1, "resourceVersion": "1"}
    body = {"metadata": metadata, "spec": {"tasks": [{"id": "a"}, {"id": "b"}]}}
    return Project(body, ObservedAttempts(executor), Executors(executor).problems)


def lines(caplog: pytest.LogCaptureFixture, *events: Event) -> list[tuple[str, str]]:
    with caplog.at_level(logging.INFO):
        LogLines().take(project(), events)
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_an_attempt_with_which_its_task_failed_for_good_has_one_line(caplog: pytest.LogCaptureFixture) -> None:
    first, last = (Event(What.FAILED, "a", number, 1.0, "ExitCode", 3) for number in (1, 2))
    other = Event(What.FAILED, "b", 2, 1.0, "ExitCode", 3)
    final = Event(What.TASK_FAILED, "a", 2, 1.0, "ExitCode", 3, warning=True)
    assert lines(caplog, first, last, final, other) == [
        ("INFO", "a: attempt 1 failed (ExitCode 3)"),
        ("WARNING", "a: failed for good with attempt 2 (ExitCode 3)"),
        ("INFO", "b: attempt 2 failed (ExitCode 3)"),
    ]


def test_the_end_and_what_is_reported_have_their_reason(caplog: pytest.LogCaptureFixture) -> None:
    end = Event(What.COMPLETED, reason="AllSucceeded", message="2 of 2 tasks succeeded")
    trouble = Event(What.REPORTED, reason="Refused", message="in\ntwo lines", warning=True)
    assert lines(caplog, Event(What.CHANGED, "a"), end, trouble) == [
        ("INFO", "AllSucceeded: 2 of 2 tasks succeeded"),
        ("WARNING", "Refused: in two lines"),
    ]
    assert {(record.project, record.namespace) for record in caplog.records} == {("shop", "team")}  # type: ignore[attr-defined]
