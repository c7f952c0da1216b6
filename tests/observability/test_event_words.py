"""Every event that people read says what happened, and what comes next."""

import pytest

from parallelproject.controller.telemetry.events import notices
from parallelproject.core.report.changes import Event, What, changes
from parallelproject.core.report.event_words import levels_message, message, next_step
from parallelproject.core.report.readings import StatusReading
from parallelproject.core.times import iso

SILENT = {What.FOUND, What.CHANGED, What.REPORTED}
"""These have no words of their own: the last one comes with a message."""
OF_THE_END = {
    What.STARTED, What.SUCCEEDED, What.STOPPED, What.SKIPPED, What.LANDED, What.HOOK_STARTED, What.HOOK_SUCCEEDED,
    What.STEP_PASSED, What.STEP_REJECTED,  # steps are for local runs
}  # fmt: skip
"""Nothing of these is to be done: they are in the log alone."""


def example(what: What) -> Event:
    of_the_whole = {What.ACCEPTED, What.REJECTED, What.SUSPENDED, What.RESUMED, What.COMPLETED, What.LEVEL_COMPLETED}
    of_the_whole |= {What.HOOK_STARTED, What.HOOK_SUCCEEDED, What.HOOK_FAILED, What.GROUP_PHASE}
    task = "" if what in of_the_whole else "a"
    about = {"hook": "beforeLevel", "group": "X", "phase": "Execution"}
    return Event(what, task, 2, 1.0, "ExitCode", 3, "abc", 1, 2, 0, "in words", job="p-a-2", **about)


@pytest.mark.parametrize("what", [what for what in What if what not in SILENT])
def test_every_event_has_words_that_name_its_task(what: What) -> None:
    event = example(what)
    assert message(event)
    assert not event.task or message(event).startswith("a: ")
    assert "\n" not in message(event)


@pytest.mark.parametrize("what", [what for what in What if what not in SILENT | OF_THE_END])
def test_every_kubernetes_event_says_what_comes_next(what: What) -> None:
    (notice,) = notices([example(what)], "shop")
    assert notice.message.startswith(message(example(what)))
    assert notice.message.partition("; next: ")[2] == next_step(example(what), "shop") != ""


def status(suspended: bool, reason: str = "", words: str = "") -> StatusReading:
    entry = {"type": "Suspended", "status": str(suspended), "reason": reason, "message": words}
    return StatusReading({"conditions": [entry]})


def test_a_suspension_says_by_whom_and_what_ends_it() -> None:
    by_a_person = status(True, "Requested", "spec.suspend is true: no new task starts")
    (notice,) = notices(changes(status(False), by_a_person), "shop")
    assert notice.message == ("spec.suspend is true: no new task starts; running tasks finish; next: pproj resume shop")
    (notice,) = notices(changes(status(False), status(True, "OtherProject", "urgent goes first")), "shop")
    assert notice.message == "urgent goes first; running tasks finish; next: it resumes by itself"
    (notice,) = notices(changes(by_a_person, status(False)), "shop")
    assert notice.message == "no longer suspended; next: ready tasks start"


def test_levels_that_end_together_are_one_sentence_and_the_last_one_has_no_next() -> None:
    levels = [Event(What.LEVEL_COMPLETED, level=i, amount=2, total=3) for i in (0, 1)]
    assert levels_message(levels) == "L0, L1 done: 4 of 6 tasks succeeded"
    (notice,) = notices(levels, "shop")
    assert notice.message == "L0, L1 done: 4 of 6 tasks succeeded; next: L2"
    end = Event(What.COMPLETED, reason="TasksFailed", message="4 of 6", warning=True)
    first, last = notices([*levels, end], "shop")
    assert first.message == "L0, L1 done: 4 of 6 tasks succeeded"
    assert last.message.endswith("pproj retry shop runs what failed again")


def test_a_conflict_is_not_called_a_failure() -> None:
    conflict = Event(What.FAILED, "a", 1, reason="Conflict")
    assert message(conflict) == "a: attempt 1 did not merge with what landed while it ran (Conflict)"
    assert list(notices([conflict], "shop")) == []


def failed(task: str, number: int, reason: str = "ExitCode") -> Event:
    return Event(What.FAILED, task, number, 1.0, reason, 3)


def test_the_failures_of_a_task_are_one_event_that_of_the_last_attempt() -> None:
    found = notices([failed("a", 1), failed("b", 1), failed("a", 2)], "shop")
    assert [notice.message for notice in found] == [
        "b: attempt 1 failed (ExitCode 3); next: attempt 2",
        "a: attempt 2 failed (ExitCode 3); next: attempt 3",
    ]


def test_a_task_that_has_succeeded_or_failed_for_good_has_no_event_of_attempts() -> None:
    events = [failed("a", 1), Event(What.SUCCEEDED, "a", 2), failed("b", 1), Event(What.TASK_FAILED, "b", 1)]
    assert [notice.reason for notice in notices(events, "shop")] == ["TaskFailed"]


@pytest.mark.parametrize(
    ("reason", "step"),
    [
        ("AllSucceeded", "nothing is left to run"),
        ("TasksFailed", "pproj why shop TASK explains a failure; pproj retry shop runs what failed again"),
        ("Stopped", "pproj get shop shows what has not run"),
    ],
)
def test_what_comes_after_the_end_depends_on_how_it_ended(reason: str, step: str) -> None:
    assert next_step(Event(What.COMPLETED, reason=reason, warning=reason != "AllSucceeded"), "shop") == step


def test_the_words_of_an_attempt_are_those_of_its_row() -> None:
    row = {"id": "a", "state": "Running", "attempts": 1, "startTime": iso(1000)}
    ended = row | {"state": "Failed", "reason": "DeadlineExceeded", "failures": 1, "completionTime": iso(1060)}
    found = changes(StatusReading({"tasks": [row]}), StatusReading({"tasks": [ended]}))
    assert [message(event) for event in found] == [
        "a: attempt 1 failed (DeadlineExceeded)",
        "a: failed for good with attempt 1 (DeadlineExceeded)",
    ]


def test_the_cause_of_a_failure_is_in_one_pair_of_brackets() -> None:
    for what in What:
        assert "((" not in message(example(what)), what
    assert message(example(What.HOOK_FAILED)) == "hook beforeLevel of X failed (ExitCode 3)"
    assert message(example(What.HOOK_FAILED)._replace(reason="", exit_code=None)) == "hook beforeLevel of X failed"
