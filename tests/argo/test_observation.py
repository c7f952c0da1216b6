"""What Workflows and their metadata say about attempts, in any order."""

from typing import Any

import pytest

from parallelproject.core.planner.attempt import STOP_OVERDUE, Phase
from parallelproject.core.times import epoch
from parallelproject.executors.base.observed import ObservedAttempts
from parallelproject.executors.base.optional import Hold
from parallelproject.executors.workflow.arguments import DELIVERY
from parallelproject.executors.workflow.executor import WorkflowExecutor
from parallelproject.executors.workflow.observation import RESULT, WorkflowView, view_workflow
from parallelproject.model.names import ANNOTATION_CLAIM, ANNOTATION_DELIVERY, ANNOTATION_STOP, FINALIZER_RECORDED
from parallelproject.model.work import WorkKey

Json = dict[str, Any]

A1 = WorkKey.of_task("a", 1)
PHASE, COMPLETED = "workflows.argoproj.io/phase", "workflows.argoproj.io/completed"
BEGAN = "2026-01-01T00:00:00Z"


def metadata(
    version: int = 1,
    phase: str = "",
    *,
    held: bool = True,
    released: bool = False,
    stop: str = "",
    spec_at: str = BEGAN,
    by: str = "pproj",
    delivers: bool = False,
    deleting: bool = False,
) -> Json:
    labels = {PHASE: phase, COMPLETED: str(phase in ("Succeeded", "Failed", "Error")).lower()} if phase else {}
    marks = ({ANNOTATION_STOP: stop} if stop else {}) | ({ANNOTATION_DELIVERY: "x"} if delivers else {})
    marks |= WorkflowExecutor().release(Hold("w", "1")).body["metadata"]["annotations"] if released else {}
    field = {"manager": by, "time": spec_at, "fieldsV1": {"f:spec": {}}}
    going = {"deletionTimestamp": BEGAN} if deleting else {}
    return {"metadata": going | {
        "name": "p-a-1", "uid": "w", "resourceVersion": str(version), "creationTimestamp": BEGAN, "labels": labels,
        "finalizers": [FINALIZER_RECORDED] if held and not released else [], "annotations": marks,
        "managedFields": [field],
    }}  # fmt: skip


def whole(version: int = 1, phase: str = "", message: str = "", spec: Json | None = None, **more: Any) -> Json:
    status = {"phase": phase, "message": message, "startedAt": BEGAN, "finishedAt": "2026-01-01T00:01:00Z"}
    return metadata(version, phase, **more) | {"spec": spec or {}, "status": status if phase else {}}


@pytest.fixture
def seen() -> ObservedAttempts:
    return ObservedAttempts(WorkflowExecutor())


def found(seen: ObservedAttempts, obj: Json) -> None:
    seen.found(A1, view_workflow(obj))


def end(seen: ObservedAttempts) -> tuple[Phase, str | None, int | None]:
    (attempt,) = seen.attempts["a"]
    return attempt.phase, attempt.reason, attempt.exit_code


def test_an_end_that_the_metadata_says_is_read_once_and_stays(seen: ObservedAttempts) -> None:
    found(seen, whole(1))
    found(seen, metadata(2, "Running"))
    assert seen.unconfirmed == frozenset()
    found(seen, metadata(3, "Failed"))
    assert seen.unconfirmed == {A1}
    (attempt,) = seen.attempts["a"]
    assert (attempt.phase, attempt.running) == (Phase.ACTIVE, False)
    found(seen, whole(3, "Failed", "main: Error (exit code 7)"))  # the same state, with more in it
    assert (end(seen), seen.unconfirmed) == ((Phase.FAILED, "ExitCode", 7), frozenset())
    found(seen, metadata(4, "Failed"))  # a label of the archive
    found(seen, metadata(2, "Running"))  # an old one
    assert (end(seen), seen.unconfirmed) == ((Phase.FAILED, "ExitCode", 7), frozenset())


def test_one_that_is_released_is_recorded_and_not_read(seen: ObservedAttempts) -> None:
    found(seen, metadata(3, "Failed", released=True))
    assert (end(seen), seen.unconfirmed) == ((Phase.FAILED, "WorkflowFailed", None), frozenset())


def test_one_whose_finalizer_or_annotations_others_have_removed_is_read_and_not_just_a_success(
    seen: ObservedAttempts,
) -> None:
    found(seen, metadata(2, "Running", delivers=True))
    found(seen, metadata(3, "Succeeded", held=False))
    assert (seen.attempts["a"][0].phase, seen.unconfirmed) == (Phase.ACTIVE, {A1})
    spec = {"arguments": {"parameters": [{"name": DELIVERY, "value": '{"url": "…"}'}]}}
    found(seen, whole(3, "Succeeded", held=False, spec=spec))
    assert (end(seen), seen.unconfirmed) == ((Phase.FAILED, "WorkflowFailed", None), frozenset())


@pytest.mark.parametrize(("argument", "expected"), [('{"url": "…"}', Phase.FAILED), ("", Phase.SUCCEEDED)])
def test_the_instruction_in_its_spec_also_says_that_it_lands_work(
    seen: ObservedAttempts, argument: str, expected: Phase
) -> None:
    spec = {"arguments": {"parameters": [{"name": DELIVERY, "value": argument}]}}
    found(seen, whole(3, "Succeeded", spec=spec))
    assert end(seen)[0] is expected


def test_one_that_was_deleted_and_released_before_its_end_is_read_at_its_end(seen: ObservedAttempts) -> None:
    found(seen, metadata(2, "Running", released=True, deleting=True, delivers=True))
    found(seen, metadata(3, "Succeeded", released=True, deleting=True, delivers=True))  # Argo's finalizer holds it
    assert (seen.attempts["a"][0].phase, seen.unconfirmed) == (Phase.ACTIVE, {A1})
    seen.gone(A1, "w")
    assert end(seen)[0] is Phase.LOST


@pytest.mark.parametrize(("phase", "expected"), [("Succeeded", Phase.SUCCEEDED), ("Error", Phase.FAILED)])
def test_how_one_ended_that_is_gone_before_it_was_read_is_known_by_its_label(
    seen: ObservedAttempts, phase: str, expected: Phase
) -> None:
    found(seen, metadata(3, phase))
    seen.gone(A1, "w")
    assert end(seen)[0] is expected


def test_one_that_goes_before_its_end_is_lost_or_stopped(seen: ObservedAttempts) -> None:
    found(seen, metadata(2, "Running"))
    seen.gone(A1, "w")
    assert end(seen)[0] is Phase.LOST
    other = ObservedAttempts(WorkflowExecutor())
    found(other, metadata(2, "Running", stop="Stopped"))
    other.gone(A1, "w")
    assert end(other)[0] is Phase.STOPPED
    overdue = ObservedAttempts(WorkflowExecutor())
    found(overdue, metadata(2, "Running", stop=STOP_OVERDUE))
    overdue.gone(A1, "w")
    assert end(overdue)[:2] == (Phase.FAILED, "DeadlineExceeded")


@pytest.mark.parametrize(
    ("phase", "message", "spec", "reason", "code"),
    [
        ("Failed", "main: Error (exit code 3)", {}, "ExitCode", 3),
        ("Failed", "child 'x' failed", {}, "WorkflowFailed", None),
        ("Failed", "main: Error (exit code 0)", {}, "WorkflowFailed", None),
        ("Failed", "Step exceeded its deadline", {}, "DeadlineExceeded", None),
        ("Failed", "child 'x' failed", {"activeDeadlineSeconds": 60}, "DeadlineExceeded", None),
        ("Failed", "main: Error (exit code 3)", {"activeDeadlineSeconds": 61}, "ExitCode", 3),
        ("Error", 'pods "a" is forbidden', {}, "WorkflowError", None),
        ("Error", "OOMKilled (exit code 137)", {}, "ExitCode", 137),
    ],
)
def test_why_one_failed(
    seen: ObservedAttempts, phase: str, message: str, spec: Json, reason: str, code: int | None
) -> None:
    found(seen, whole(3, phase, message, spec))
    assert end(seen) == (Phase.FAILED, reason, code)


def test_one_that_we_stopped_has_not_failed_unless_for_what_it_did(seen: ObservedAttempts) -> None:
    found(seen, whole(3, "Failed", "Stopped with strategy 'Terminate'", stop="Stopped"))
    assert end(seen)[0] is Phase.STOPPED
    other = ObservedAttempts(WorkflowExecutor())
    found(other, whole(3, "Failed", "Stopped with strategy 'Terminate'", stop=STOP_OVERDUE))
    assert end(other)[:2] == (Phase.FAILED, "DeadlineExceeded")
    last = ObservedAttempts(WorkflowExecutor())
    found(last, whole(3, "Succeeded", stop="Stopped"))  # it was quicker
    assert end(last)[0] is Phase.SUCCEEDED


def test_one_whose_spec_others_change_is_read(seen: ObservedAttempts) -> None:
    found(seen, whole(1))
    found(seen, metadata(2, "Running", spec_at="2026-01-01T00:00:09Z"))
    assert seen.unconfirmed == {A1}
    suspended = whole(2, "Running", spec={"suspend": True}, spec_at="2026-01-01T00:00:09Z")
    found(seen, suspended)
    (attempt,) = seen.attempts["a"]
    assert (attempt.reason, attempt.running, seen.unconfirmed) == ("JobSuspended", True, frozenset())
    found(seen, metadata(3, "Running", spec_at="2026-01-01T00:00:09Z"))
    assert seen.attempts["a"][0].is_suspended


def test_a_change_of_the_spec_is_noticed_also_where_the_watch_was_first(seen: ObservedAttempts) -> None:
    found(seen, metadata(1, spec_at="2026-01-01T00:00:01Z"))  # of one creation: the next second began meanwhile
    assert seen.unconfirmed == frozenset()
    found(seen, whole(1, spec_at="2026-01-01T00:00:01Z"))  # the answer to the creation
    found(seen, metadata(2, "Running", spec_at="2026-01-01T00:00:01Z"))
    assert seen.unconfirmed == frozenset()
    found(seen, metadata(3, "Running", spec_at="2026-01-01T00:00:01Z", by="argo"))  # in the same second
    assert seen.unconfirmed == {A1}
    found(seen, whole(3, "Running", spec={"suspend": True}, spec_at="2026-01-01T00:00:01Z", by="argo"))
    assert (seen.attempts["a"][0].is_suspended, seen.unconfirmed) == (True, frozenset())


def test_a_stop_that_others_take_back_is_asked_for_again(seen: ObservedAttempts) -> None:
    found(seen, whole(2, "Running", spec={"shutdown": "Terminate"}, stop="Stopped"))
    assert seen.attempts["a"][0].stopping
    found(seen, whole(3, "Running", spec={}, stop="Stopped"))
    assert not seen.attempts["a"][0].stopping
    found(seen, metadata(4, "Running", stop="Stopped"))  # a label of Argo
    assert not seen.attempts["a"][0].stopping


def test_a_suspended_one_that_is_being_stopped_or_deleted_is_not_called_suspended(seen: ObservedAttempts) -> None:
    suspended = {"suspend": True, "shutdown": "Terminate"}
    found(seen, whole(2, "Running", spec=suspended, stop="Stopped"))
    assert (seen.attempts["a"][0].reason, seen.attempts["a"][0].stopping) == (None, True)
    deleted = whole(3, "Running", spec=suspended)
    deleted["metadata"]["deletionTimestamp"] = BEGAN
    found(seen, deleted)
    assert seen.attempts["a"][0].reason == "JobTerminating"


def test_what_others_remove_from_its_annotations_is_remembered(seen: ObservedAttempts) -> None:
    marked = whole(1, "Running", spec={"shutdown": "Terminate"}, stop="Stopped")
    marked["metadata"]["annotations"][ANNOTATION_CLAIM] = '{"role": "coder"}'
    found(seen, marked)
    held = seen.attempts["a"][0].claim
    assert held is not None
    found(seen, metadata(2, "Running"))
    assert (seen.attempts["a"][0].claim, seen.attempts["a"][0].stopping) == (held, True)
    seen.gone(A1, "w")
    assert end(seen)[0] is Phase.STOPPED


def test_one_that_ended_by_a_clock_that_is_behind_has_not_ended_before_it_started(seen: ObservedAttempts) -> None:
    behind = whole(3, "Succeeded")
    behind["status"]["finishedAt"] = "2025-12-31T23:59:00Z"
    found(seen, behind)
    (attempt,) = seen.attempts["a"]
    assert attempt.started == attempt.ended == epoch(BEGAN)


def test_of_a_long_message_the_beginning_is_kept(seen: ObservedAttempts) -> None:
    view = view_workflow(whole(3, "Error", "x" * 5000))
    assert len(WorkflowExecutor().said_at_end(view)) == 1024


def test_one_without_a_phase_is_in_trouble_after_a_while(seen: ObservedAttempts) -> None:
    found(seen, whole(1))
    (attempt,) = seen.attempts["a"]
    assert attempt.started is not None
    late = attempt.started + WorkflowExecutor.silent_seconds
    assert late - attempt.started < 30
    assert (seen.troubles(late - 1), seen.next_trouble(late - 1)) == ({}, late)
    assert (seen.troubles(late), seen.next_trouble(late)) == ({"a": "NoController"}, None)
    found(seen, metadata(2, "Pending"))
    assert (seen.troubles(late), seen.next_trouble(late - 1)) == ({"a": "WorkflowPending"}, None)


_ODD_TIMES = {"spec": {}, "status": {"phase": "Failed", "startedAt": 5, "finishedAt": "soon", "message": {}}}


@pytest.mark.parametrize(
    "odd", [{"status": []}, {"spec": [], "status": "x"}, {"spec": {}, "status": {"phase": []}}, _ODD_TIMES]
)
def test_a_workflow_of_any_shape_is_read(odd: Json) -> None:
    assert isinstance(view_workflow(metadata() | odd), WorkflowView)


def test_one_that_has_ended_and_is_deleted_is_held_until_it_was_read(seen: ObservedAttempts) -> None:
    def deleted(obj: Json) -> Json:
        obj["metadata"]["deletionTimestamp"] = BEGAN
        return obj

    def releasable() -> list[WorkKey]:
        return list(seen.releasable(lambda attempt, task: False))

    found(seen, deleted(metadata(2, "Running")))
    assert releasable() == [A1]  # nothing of it is needed
    found(seen, deleted(metadata(3, "Failed")))
    assert (releasable(), seen.unconfirmed) == ([], {A1})
    found(seen, deleted(whole(3, "Failed", "main: Error (exit code 7)")))
    assert (releasable(), end(seen)) == ([], (Phase.FAILED, "ExitCode", 7))
    assert list(seen.releasable(lambda attempt, task: True)) == [A1]


def landed(seen: ObservedAttempts, phase: str, message: str = "", result: str | None = None) -> tuple[str, ...]:
    """The attempt of a Workflow that lands its work: its phase, reason and commit."""
    obj = whole(3, phase, message, delivers=True)
    if result is not None:
        obj["status"]["outputs"] = {"parameters": [{"name": "other", "value": "x"}, {"name": RESULT, "value": result}]}
    found(seen, obj)
    (attempt,) = seen.attempts["a"]
    return attempt.phase.name.capitalize(), str(attempt.reason), str(attempt.commit)


CONFLICT = '{"outcome": "Conflict", "message": "it conflicts", "paths": ["x"], "ref": "refs/a"}'


@pytest.mark.parametrize(
    ("phase", "message", "result", "expected"),
    [
        ("Succeeded", "", '{"outcome": "Landed", "commit": "0123456789abcdef"}', ("Succeeded", "None", "0123456789")),
        ("Succeeded", "", '{"outcome": "NoChange"}', ("Succeeded", "None", "None")),
        ("Succeeded", "", None, ("Failed", "WorkflowFailed", "None")),
        ("Succeeded", "", "no json", ("Failed", "WorkflowFailed", "None")),
        ("Succeeded", "", CONFLICT, ("Failed", "Conflict", "None")),
        ("Failed", f"main: Error (exit code 20): {CONFLICT}", None, ("Failed", "Conflict", "None")),
        ("Failed", "child 'p-a-1-7' failed", CONFLICT, ("Failed", "Conflict", "None")),
        ("Failed", "prepare: Error (exit code 23): {}", None, ("Failed", "AuthOrProtected", "None")),
        ("Failed", "main: OOMKilled (exit code 137)", None, ("Failed", "Transient", "None")),
        ("Failed", "agent: Error (exit code 7)", None, ("Failed", "ExitCode", "None")),
    ],
)
def test_what_the_git_part_reports_is_the_reason(
    seen: ObservedAttempts, phase: str, message: str, result: str | None, expected: tuple[str, ...]
) -> None:
    assert landed(seen, phase, message, result) == expected


def test_a_success_that_is_gone_before_its_result_was_read_is_lost(seen: ObservedAttempts) -> None:
    found(seen, metadata(3, "Succeeded", delivers=True))
    seen.gone(A1, "w")
    assert end(seen)[0] is Phase.LOST


def test_global_outputs_of_a_success_are_outputs_of_the_task(seen: ObservedAttempts) -> None:
    obj = whole(3, "Succeeded")
    given = [{"name": "b", "value": "2"}, {"name": "a", "value": "1"}, {"name": RESULT, "value": "{}"}, "odd"]
    obj["status"]["outputs"] = {"parameters": given}
    found(seen, obj)
    (attempt,) = seen.attempts["a"]
    assert attempt.outputs == (("a", "1"), ("b", "2"))


@pytest.mark.parametrize("odd", [None, [], {"parameters": "x"}, {"parameters": [{"name": None, "value": 1}]}])
def test_outputs_of_any_shape_are_read(seen: ObservedAttempts, odd: object) -> None:
    obj = whole(3, "Succeeded", delivers=True)
    obj["status"]["outputs"] = odd
    found(seen, obj)
    assert end(seen)[0] is Phase.FAILED
