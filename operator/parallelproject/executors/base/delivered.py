"""What ``pproj-git`` reports about the work of an attempt, the same for all executors. Pure."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from parallelproject.core.planner.agent_usage import AgentUsage
from parallelproject.core.planner.attempt import NO_NOTES, DeliveryNotes
from parallelproject.core.planner.outputs import Outputs, outputs_of
from parallelproject.core.steps.step import StepVerdict
from parallelproject.executors.base.agent_session import AgentSession
from parallelproject.executors.base.task_file import conflict_feedback, gate_feedback
from parallelproject.git.plumbing.outcome import AGENT_FAILED, GATE_REJECTED, DeliveryError, Outcome
from parallelproject.model.moment import moment
from parallelproject.model.output_values import is_output, value_of
from parallelproject.model.status import Reason

_BY_CODE = {error.exit_code: Reason(error.outcome.value) for error in DeliveryError.__subclasses__()}
"""Why work did not land, by the exit code of the container that lands it; any other code is TRANSIENT."""
_CODES = {error.outcome: error.exit_code for error in DeliveryError.__subclasses__()}
_DONE = frozenset({Outcome.LANDED, Outcome.ALREADY_LANDED, Outcome.NO_CHANGE})
_MOVES_ON = frozenset({StepVerdict.HELD, StepVerdict.PASSED})
_COMMIT = 10
"""Characters of a commit's hash that are recorded."""


_CODE_MAX, _COUNT_MAX = 255, 1_000_000
"""Larger numbers are no exit codes, and no counts of files: anyone may write a result that looks like ours."""


class Delivered(NamedTuple):
    """What happened to the work of an attempt."""

    reason: Reason | None = None
    """Why it did not land; None if it did, or if the task's own container failed."""
    commit: str | None = None
    """The short hash of the task's commit on the branch."""
    paths: tuple[str, ...] = ()
    """The paths of a conflict."""
    ref: str | None = None
    """The ref of work that did not land."""
    notes: DeliveryNotes = NO_NOTES
    exit_code: int | None = None
    """Of the attempt, where a coding agent has failed: 75 if it is to be run later."""
    retry_at: float | None = None
    """When the limit that it met is over, in seconds since the epoch; None: not known."""
    explanation: str = ""
    """How the agent has failed, for the next attempt."""
    usage: AgentUsage | None = None
    """What the agent has used, or the task has reported."""
    question: str = ""
    """What it asks a person."""
    outputs: Outputs = ()
    """The outputs of a task whose own work has landed, or is held, or that changed nothing."""
    session: AgentSession | None = None
    """The session of its agent, which the next attempt may continue."""
    is_done: bool = False
    """Whether the task needs nothing more: its work has landed, or it changed nothing."""
    verdict: StepVerdict | None = None
    """How an attempt at a step has ended by which its task moves on to another step."""
    report: str = ""
    """What has to change, of a gate that has rejected the work."""


NOT_DELIVERED = Delivered()


def delivered(code: int, message: str) -> Delivered:
    """Reads the result of a container that lands work.

    Args:
        code: Its exit code.
        message: Its result, see ``git.container.instructions``.
    """
    report = _object(message)
    commit, paths = report.get("commit"), report.get("paths")
    ref = report["ref"] if isinstance(report.get("ref"), str) else None
    verdict = _mapping(report.get("agent"))
    said, reported = AgentUsage.read(verdict), AgentUsage.reported(report.get("usage"))
    usage = said.completed_by(reported) if said else reported
    session = AgentSession.read(verdict)
    if code == AGENT_FAILED:
        return _of_agent(verdict, ref)._replace(usage=usage, session=session)
    if code == GATE_REJECTED:
        return _of_gate(report, message.partition("\n")[2])._replace(usage=usage, session=session)
    if code:
        reason = _BY_CODE.get(code, Reason.TRANSIENT)
        conflict = paths if reason is Reason.CONFLICT and isinstance(paths, list) else ()
        return Delivered(reason, None, tuple(map(str, conflict)), ref, usage=usage, session=session)
    notes = DeliveryNotes(_length(report, "undeclared"), _length(report, "shared"), _length(report, "kept"))
    short = commit[:_COMMIT] if isinstance(commit, str) else None
    outcome = str(report.get("outcome"))
    return Delivered(
        None, short, (), ref, notes, usage=usage, outputs=_outputs(message), session=session,
        is_done=outcome in _DONE, verdict=StepVerdict(outcome) if outcome in _MOVES_ON else None,
    )  # fmt: skip


def _outputs(message: str) -> Outputs:
    """The lines below a result. The last one may be cut, as the kubelet does it in a pod of many containers."""
    found = {}
    for line in message.split("\n")[1:]:
        try:
            name, value = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(name, str) and isinstance(value, str) and is_output(name):
            found[name] = value
    return outputs_of(found)


def declared_outputs(message: str) -> Outputs:
    """The outputs in the termination message of a task's own container: a JSON object with the field ``outputs``, whose
    values are texts. Anything else has none."""
    try:
        outputs = json.loads(message or "{}")["outputs"]
        found = {name: value_of(value.encode()) for name, value in outputs.items() if is_output(name)}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ()
    return outputs_of({name: value for name, value in found.items() if value is not None})


def result_of(message: str) -> tuple[Outcome, Delivered] | None:
    """Reads a result whose exit code is not known; None if it is not the result of a step.

    Args:
        message: As of ``delivered``.
    """
    try:
        outcome = Outcome(str(_object(message).get("outcome")))
    except ValueError:
        return None
    return outcome, delivered(_CODES.get(outcome, 0), message)


def explanation(message: str) -> str:
    """The sentence in a result; empty if it has none."""
    return str(_object(message).get("message") or "")


def feedback_of(failed: Delivered | None, number: int) -> str:
    """The feedback for the attempt after one whose agent failed, or whose work was in conflict; empty after any other.

    Args:
        failed: The result of that attempt.
        number: Its number.
    """
    if failed is None or not (failed.explanation or failed.reason is Reason.CONFLICT) or failed.verdict:
        return ""
    kept = f"The work of attempt {number} is kept in the repository: {failed.ref}" if failed.ref else ""
    if failed.explanation:
        return "\n".join(filter(None, (f"Attempt {number} ended with {failed.explanation}", kept))) + "\n"
    return conflict_feedback(number, failed.paths, kept)


def report_of(judged: Delivered | None, number: int, *, by_itself: bool) -> str:
    """What a step gets of a gate that has rejected the work.

    Args:
        judged: The result of the attempt of the gate; None: it is not known any more.
        number: Its number.
        by_itself: Whether the gate itself reads it, in order to judge again.
    """
    found, report = (judged.explanation, judged.report) if judged else ("", "")
    return gate_feedback(number, found or f"attempt {number} rejected the work", report, by_itself=by_itself)


def _of_agent(verdict: Mapping[str, Any], ref: str | None) -> Delivered:
    """What failed an agent's attempt. A verdict that cannot be read is a failure all the same."""
    try:
        reason = Reason(str(verdict.get("reason")))
    except ValueError:
        reason = Reason.AGENT_ERROR
    until = verdict.get("resetAt")
    said = str(verdict.get("message") or "")
    lines = [f"{verdict.get('outcome') or reason}" + (f": {said}" if said else "")]
    if verdict.get("lastMessage"):
        lines += ["", "Its last message:", "", str(verdict["lastMessage"])]
    return Delivered(
        reason,
        ref=ref,
        exit_code=_code(verdict),
        retry_at=moment(until),
        explanation="\n".join(lines),
        question=str(verdict.get("question") or verdict.get("message") or "") if reason is Reason.NEEDS_INPUT else "",
    )


def _of_gate(result: Mapping[str, Any], report: str) -> Delivered:
    """The verdict of a gate against the work. One that cannot be read is a verdict all the same."""
    code = _code(result)
    return Delivered(
        Reason.GATE_FAILED,
        exit_code=1 if code is None else code,
        explanation=str(result.get("message") or ""),
        verdict=StepVerdict.REJECTED,
        report=report,
    )


def _code(fields: Mapping[str, Any]) -> int | None:
    """The exit code in a result; None if it has none."""
    code = fields.get("exitCode")
    return int(code) if isinstance(code, int) and 0 <= code <= _CODE_MAX else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _length(report: Mapping[str, Any], name: str) -> int:
    """The length of a list before it was cut to fit."""
    found, total = report.get(name), report.get(f"{name}Total")
    if isinstance(total, int) and 0 <= total <= _COUNT_MAX:
        return int(total)
    return len(found) if isinstance(found, list) else 0


def _object(message: str) -> Mapping[str, Any]:
    """A message that is a JSON object; empty for any other."""
    try:
        found = json.loads(message.partition("\n")[0] or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
