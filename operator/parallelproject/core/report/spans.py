"""A project's run as the spans of a trace: the project, its levels, their tasks, the attempts. Pure.

Derived from what is recorded at the end, so that any process derives the same spans: ids are functions of the project's
uid, of the time of its end, and of the place in it. A project that resumes after its end and ends again is another
trace.

Times are whole seconds, as Kubernetes has them. The status has the times of each task's last
attempt. Times of earlier ones are known as long as their Jobs exist. An attempt without times has no span. A task that
never started has none.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from parallelproject.core.planner.agent_usage import AgentUsage, decimal_text
from parallelproject.core.planner.attempt import Attempt, Phase, Record
from parallelproject.core.report.status import condition, read_row
from parallelproject.core.times import epoch
from parallelproject.model.agents import AgentType
from parallelproject.model.names import level_name
from parallelproject.model.status import TaskState
from parallelproject.model.trace_context import TraceContext, attempt_context, derived_id

Value = str | int | bool

_RESULTS = {
    Phase.SUCCEEDED: "Succeeded",
    Phase.FAILED: "Failed",
    Phase.STOPPED: "Stopped",
    Phase.HELD: "Held",
    Phase.PASSED: "Passed",
    Phase.REJECTED: "Rejected",
    Phase.LOST: "Failed",
}
_ENDED = (TaskState.SUCCEEDED.value, TaskState.FAILED.value)


class Span(NamedTuple):
    """Something with a duration. Times are seconds since the epoch."""

    name: str
    id: int
    """64 bits, never 0."""
    parent: int
    """The id of its parent span; 0 for the first."""
    start: float
    end: float
    attributes: Mapping[str, Value]
    failed: str | None = None
    """Why it failed; None if it did not."""
    link: TraceContext | None = None
    """Of an attempt: the context that its task had, in which its agent may have made spans."""


class Trace(NamedTuple):
    """A run."""

    id: int
    """128 bits, never 0."""
    spans: Sequence[Span]
    """Each after its parent."""


class Subject(NamedTuple):
    """The project."""

    namespace: str
    name: str
    uid: str


class AgentModel(NamedTuple):
    """The coding agent of a task, for the attributes of its attempts."""

    agent: str
    """An ``AgentType``."""
    model: str | None = None
    """The model that is asked for; None: the agent's own."""


_PROVIDERS = {
    AgentType.CLAUDE_CODE.value: "anthropic",
    AgentType.CODEX.value: "openai",
    AgentType.GEMINI.value: "gcp.gemini",
}
"""The provider of agents that have only one, by the names of OpenTelemetry's conventions for generative AI."""


def trace_of(
    project: Subject,
    status: Mapping[str, Any],
    seen: Mapping[str, Sequence[Attempt]],
    agents: Mapping[str, AgentModel] = MappingProxyType({}),
) -> Trace | None:
    """The trace of a project that has ended; None if its status has no time of its end.

    Args:
        project: Its identity.
        status: As it is written.
        seen: By task id, the observed attempts.
        agents: By task id, its coding agent.
    """
    start, end = epoch(status.get("startTime")), epoch(status.get("completionTime"))
    if start is None or end is None:
        return None
    run = f"{project.uid}/{status['completionTime']}"
    root = derived_id(run, 8)
    result = condition(status, "Succeeded")
    counts = status.get("counts") or {}
    attributes: dict[str, Value] = {
        "k8s.namespace.name": project.namespace,
        "parallelproject.project.name": project.name,
        "parallelproject.project.uid": project.uid,
        "parallelproject.project.result": str(result.get("reason")),
        **{f"parallelproject.tasks.{state}": count for state, count in sorted(counts.items())},  # the server sorts them
    }
    failed = None if result.get("status") == "True" else str(result.get("message") or result.get("reason"))
    spans = [Span(project.name, root, 0, start, max(start, end), attributes, failed)]
    levels: dict[int | None, list[list[Span]]] = {}
    for row in status.get("tasks") or ():
        found = list(_task(run, project.uid, row, seen.get(row["id"], ()), agents.get(row["id"])))
        if found:
            levels.setdefault(row.get("level"), []).append(found)
    for level, tasks in levels.items():
        parent = root
        if level is not None:  # a task that was removed from the spec has none
            parent = derived_id(f"{run}/{level}", 8)
            first, last = min(task[0].start for task in tasks), max(task[0].end for task in tasks)
            failures = sum(task[0].failed is not None for task in tasks)
            why = f"{failures} failed" if failures else None
            facts: dict[str, Value] = {"parallelproject.level": level, "parallelproject.tasks.started": len(tasks)}
            spans.append(Span(level_name(level), parent, root, first, last, facts, why))
        for task in tasks:
            spans += [task[0]._replace(parent=parent), *task[1:]]
    return Trace(derived_id(run, 16), spans)


def _task(
    run: str, uid: str, row: Mapping[str, Any], seen: Sequence[Attempt], agent: AgentModel | None
) -> Iterator[Span]:
    """The span of a task, then those of its attempts; empty if no time is known."""
    record = read_row(row)
    me = derived_id(f"{run}//{row['id']}", 8)
    attempts = [
        span._replace(
            link=attempt_context(uid, row["id"], number), attributes={**span.attributes, **_of_agent(agent, used)}
        )
        for number, span, used in _attempts(run, row, record, seen, me)
    ]
    if not attempts:
        return
    attributes: dict[str, Value] = {
        "parallelproject.task.id": row["id"],
        "parallelproject.task.state": row["state"],
        "parallelproject.task.attempts": record.attempts,
        "parallelproject.task.failures": record.failures,
        "parallelproject.task.conflicts": record.conflicts,
    }
    if row.get("reason"):
        attributes["parallelproject.task.reason"] = row["reason"]
    if record.commit:
        attributes["parallelproject.task.commit"] = record.commit
    failed = str(row.get("reason")) if row["state"] == TaskState.FAILED.value else None
    first, last = min(span.start for span in attempts), max(span.end for span in attempts)
    yield Span(row["id"], me, 0, first, last, attributes, failed)
    yield from attempts


def _of_agent(agent: AgentModel | None, used: AgentUsage | None) -> dict[str, Value]:
    """Attributes of OpenTelemetry's conventions for generative AI; what is not known is absent."""
    found: dict[str, Value] = {}
    if agent is not None:
        found["gen_ai.agent.name"] = agent.agent
        if provider := _PROVIDERS.get(agent.agent):
            found |= {"gen_ai.provider.name": provider, "gen_ai.system": provider}
        if agent.model:
            found["gen_ai.request.model"] = agent.model
    if used is not None and used.input_tokens is not None:
        found["gen_ai.usage.input_tokens"] = used.input_tokens
    if used is not None and used.output_tokens is not None:
        found["gen_ai.usage.output_tokens"] = used.output_tokens
    if used is not None and used.usd is not None:
        found["parallelproject.attempt.cost_usd"] = decimal_text(used.usd)
    return found


def _attempts(
    run: str, row: Mapping[str, Any], record: Record, seen: Sequence[Attempt], task: int
) -> Iterator[tuple[int, Span, AgentUsage | None]]:
    """The attempts whose times are known: their numbers, spans, and what they used if that is known."""
    known = {attempt.number: attempt for attempt in seen}
    for number in sorted(known.keys() | ({record.attempts} if record.attempts else set())):
        attempt = known.get(number)
        start, end = (attempt.started, attempt.ended) if attempt else (None, None)
        if number == record.attempts:  # the recorded value counts: another process would find the same
            start, end = record.started or start, record.ended or end
        if start is None or end is None:
            continue
        result, reason, code, job = _result(row, record, number, attempt)
        attributes: dict[str, Value] = {
            "parallelproject.task.id": row["id"],
            "parallelproject.attempt": number,
            "parallelproject.attempt.result": result,
        }
        if reason:
            attributes["parallelproject.attempt.reason"] = reason
        if code is not None:
            attributes["process.exit.code"] = code
        if job:
            attributes["k8s.job.name"] = job
        if result == "Succeeded" and record.commit:
            attributes["parallelproject.commit"] = record.commit
        why = (reason or result) if result == "Failed" else None
        start = float(int(start))
        end = max(start, float(int(end)))
        used = attempt.usage if attempt else record.usage if record.attempts == 1 else None
        span = Span(
            f"attempt {number}", derived_id(f"{run}//{row['id']}/{number}", 8), task, start, end, attributes, why
        )
        yield number, span, used


def _result(
    row: Mapping[str, Any], record: Record, number: int, attempt: Attempt | None
) -> tuple[str, str | None, int | None, str | None]:
    """How an attempt ended, why, its exit code and its Job; from the row if it is not observed."""
    if attempt is not None and attempt.phase in _RESULTS:
        reason = "Lost" if attempt.phase is Phase.LOST else attempt.reason
        return _RESULTS[attempt.phase], reason, attempt.exit_code, attempt.name
    if row["state"] in _ENDED and number == record.attempts:
        return row["state"], row.get("reason"), record.exit_code, record.job
    return ("Failed", record.reason, record.exit_code, record.job) if record.reason else ("Unknown", None, None, None)
