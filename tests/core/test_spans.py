"""A project's run as a trace: what is in it, and that it is the same whoever makes it."""

import re
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.planner.agent_usage import AgentUsage
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.report.spans import AgentModel, Span, Subject, Trace, trace_of
from parallelproject.core.report.status import render_status
from parallelproject.model.trace_context import attempt_context
from tests.core.examples import examples
from tests.core.projects import specs
from tests.core.simulation import Chaos, History, simulate

SHOP = Subject("team", "shop", "0f1e2d3c")
START = "2026-11-21T11:37:00Z"
AT = 1795261020.0


def row(id: str, level: int, state: str, attempts: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": id, "level": level, "state": state, "attempts": attempts, **fields}


STATUS: dict[str, Any] = {
    "startTime": START,
    "completionTime": "2026-11-21T11:40:00Z",
    "counts": {"total": 3, "succeeded": 1, "failed": 1, "skipped": 1},
    "conditions": [{"type": "Succeeded", "status": "False", "reason": "TasksFailed", "message": "1 failed: test"}],
    "tasks": [
        row("schema", 0, "Succeeded", 2, failures=1, commit="9b1e77c000", startTime="2026-11-21T11:38:00Z",
            completionTime="2026-11-21T11:39:00Z"),
        row("test", 1, "Failed", 1, failures=1, reason="ExitCode", exitCode=3, jobName="shop-test-1",
            startTime="2026-11-21T11:39:00Z", completionTime="2026-11-21T11:40:00Z"),
        {"id": "ship", "state": "Skipped", "level": 2, "reason": "DependencyFailed"},
    ],
}  # fmt: skip
SEEN = {
    "schema": (
        Attempt(1, Phase.FAILED, started=AT, ended=AT + 30, reason="ExitCode", exit_code=7, name="shop-schema-1"),
        Attempt(2, Phase.SUCCEEDED, started=AT + 60, ended=AT + 120, name="shop-schema-2"),
    )
}


def made(status: dict[str, Any] = STATUS, seen: Any = SEEN, subject: Subject = SHOP) -> Trace:
    found = trace_of(subject, status, seen)
    assert found is not None
    return found


def tree(trace: Trace) -> dict[str, tuple[float, float, str | None]]:
    """By the names on the way to it: begin and end in seconds from the first, and why it failed."""
    names: dict[int, str] = {0: ""}
    found = {}
    for span in trace.spans:
        names[span.id] = f"{names[span.parent]}/{span.name}"
        found[names[span.id]] = (span.start - AT, span.end - AT, span.failed)
    return found


def test_levels_tasks_and_attempts_are_below_the_project() -> None:
    assert tree(made()) == {
        "/shop": (0, 180, "1 failed: test"),
        "/shop/L0": (0, 120, None),
        "/shop/L0/schema": (0, 120, None),
        "/shop/L0/schema/attempt 1": (0, 30, "ExitCode"),
        "/shop/L0/schema/attempt 2": (60, 120, None),
        "/shop/L1": (120, 180, "1 failed"),
        "/shop/L1/test": (120, 180, "ExitCode"),
        "/shop/L1/test/attempt 1": (120, 180, "ExitCode"),
    }


def attributes(trace: Trace, name: str) -> dict[str, Any]:
    (found,) = (span.attributes for span in trace.spans if span.name == name)
    return dict(found)


def test_attributes_tell_who_it_was_and_how_it_ended() -> None:
    trace = made()
    assert attributes(trace, "shop") == {
        "k8s.namespace.name": "team",
        "parallelproject.project.name": "shop",
        "parallelproject.project.uid": "0f1e2d3c",
        "parallelproject.project.result": "TasksFailed",
        "parallelproject.tasks.total": 3,
        "parallelproject.tasks.succeeded": 1,
        "parallelproject.tasks.failed": 1,
        "parallelproject.tasks.skipped": 1,
    }
    assert attributes(trace, "schema") == {
        "parallelproject.task.id": "schema",
        "parallelproject.task.state": "Succeeded",
        "parallelproject.task.attempts": 2,
        "parallelproject.task.failures": 1,
        "parallelproject.task.conflicts": 0,
        "parallelproject.task.commit": "9b1e77c000",
    }
    assert attributes(trace, "attempt 2") == {
        "parallelproject.task.id": "schema",
        "parallelproject.attempt": 2,
        "parallelproject.attempt.result": "Succeeded",
        "k8s.job.name": "shop-schema-2",
        "parallelproject.commit": "9b1e77c000",
    }
    (failed,) = (span.attributes for span in trace.spans if span.attributes.get("process.exit.code") == 3)
    assert failed["k8s.job.name"] == "shop-test-1"


def test_without_its_jobs_a_task_has_the_attempt_that_is_written_down() -> None:
    names = [span.name for span in made(seen={}).spans]
    assert names == ["shop", "L0", "schema", "attempt 2", "L1", "test", "attempt 1"]
    ids = {span.id for span in made().spans}
    assert {span.id for span in made(seen={}).spans} < ids


def test_another_end_or_another_project_is_another_trace() -> None:
    again = made({**STATUS, "completionTime": "2026-11-21T11:41:00Z"})
    other = made(subject=SHOP._replace(uid="1f1e2d3c"))
    traces = [made(), again, other]
    assert len({trace.id for trace in traces}) == 3
    assert len({span.id for trace in traces for span in trace.spans}) == sum(len(trace.spans) for trace in traces)


def test_a_project_that_has_not_ended_has_no_trace() -> None:
    assert trace_of(SHOP, {**STATUS, "completionTime": None}, SEEN) is None
    assert trace_of(SHOP, {}, {}) is None


def test_ids_stay_as_they_are() -> None:
    """Those of this version: a later one must make the same, or what is exported twice is told twice."""
    trace = made()
    assert f"{trace.id:032x}" == "a7d71853b657258b1b3990bfb075d24d"
    assert f"{trace.spans[0].id:016x}" == "a7d71853b657258b"


chaoses = st.builds(
    Chaos, failing=st.sampled_from([0.0, 0.4]), late=st.sampled_from([0, 6]), vanishing=st.sampled_from([0.0, 0.2])
)


def trace_at_end(history: History) -> Trace:
    end = history.end
    status = render_status(end.graph, end.spec, end.plan, {}, 1, end.now, name="p")
    return made(status, end.observed)


@examples(100)
@given(st.builds(simulate, specs(), st.integers(0, 2**32), chaoses))
def test_every_span_is_within_its_parent_and_has_an_id_of_its_own(history: History) -> None:
    trace = trace_at_end(history)
    known: dict[int, Span] = {}
    for span in trace.spans:
        assert span.id not in known
        assert 0 < span.id < 2**64
        assert span.start <= span.end
        if span.parent:
            above = known[span.parent]
            if above.parent:  # the project's own end is that of its plan: a pod may have ended a second after
                assert above.start <= span.start
                assert span.end <= above.end
        known[span.id] = span
    assert all(a.parent == 0 or b.parent != 0 for a, b in pairwise(trace.spans))


def test_an_attempt_has_the_attributes_of_its_agent_and_links_to_the_trace_of_its_task() -> None:
    used = AgentUsage(900, 40, Decimal("0.25"))
    status = {**STATUS, "tasks": [STATUS["tasks"][0], {**STATUS["tasks"][1], "inputTokens": 7}]}
    seen = {"schema": (SEEN["schema"][0], SEEN["schema"][1]._replace(usage=used))}
    agents = {"schema": AgentModel("ClaudeCode", "sonnet"), "test": AgentModel("Aider")}
    trace = trace_of(SHOP, status, seen, agents)
    assert trace is not None
    found = attributes(trace, "attempt 2")
    assert {key: value for key, value in found.items() if "gen_ai" in key or "cost" in key} == {
        "gen_ai.agent.name": "ClaudeCode",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.system": "anthropic",
        "gen_ai.request.model": "sonnet",
        "gen_ai.usage.input_tokens": 900,
        "gen_ai.usage.output_tokens": 40,
        "parallelproject.attempt.cost_usd": "0.25",
    }
    (of_test,) = (span.attributes for span in trace.spans if span.attributes.get("process.exit.code") == 3)
    assert {key: value for key, value in of_test.items() if "gen_ai" in key} == {
        "gen_ai.agent.name": "Aider",
        "gen_ai.usage.input_tokens": 7,
    }
    (span,) = (span for span in trace.spans if span.name == "attempt 2")
    assert span.link == attempt_context(SHOP.uid, "schema", 2)


def test_the_context_of_an_attempt_stays_as_it_is_and_is_its_own() -> None:
    """A running task has it: another release must derive the same."""
    context = attempt_context("0f1e2d3c", "schema", 2)
    assert context.traceparent == f"00-{context.trace:032x}-{context.span:016x}-01"
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", context.traceparent)
    others = [attempt_context("0f1e2d3c", "schema", 3), attempt_context("0f1e2d3c", "test", 2)]
    assert len({context, *others}) == 3
