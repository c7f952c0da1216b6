"""How an attempt of an agent ended: the one rule, for all agents.

Success needs a clean final event, exit code 0, and a change or the word that none is needed. Exit codes lie: an agent
that met its limit, or was refused every edit, may end with 0.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from parallelproject.agents.error_text import as_last_message, by_words
from parallelproject.agents.preset import Preset
from parallelproject.agents.prices import NOTED, cost_of
from parallelproject.agents.record import LATER, AgentFinding, AgentOutcome, AgentRecord, Facts, TokenUsage, one_line
from parallelproject.model.moment import moment
from parallelproject.model.names import EX_TEMPFAIL

REASONS: Mapping[AgentOutcome, str] = {
    AgentOutcome.RATE_LIMITED: "RateLimited",
    AgentOutcome.QUOTA_EXHAUSTED: "QuotaExhausted",
    AgentOutcome.TRANSIENT: "Transient",
    AgentOutcome.AUTH: "AgentAuth",
    AgentOutcome.DENIED: "AgentDenied",
    AgentOutcome.TURN_LIMIT: "TurnLimit",
    AgentOutcome.BUDGET_HIT: "BudgetHit",
    AgentOutcome.NO_CHANGE: "NoChange",
    AgentOutcome.NEEDS_INPUT: "NeedsInput",
    AgentOutcome.AGENT_ERROR: "AgentError",
    AgentOutcome.FAILED: "AgentError",
}
"""By outcome, the ``Reason`` of an attempt that failed."""


class Ending(NamedTuple):
    """What is known of an attempt beyond its output."""

    exit_code: int
    now: float
    """When it ended, in seconds since the epoch."""
    changed: bool | None = None
    """Whether it changed files; None: nobody knows yet, or there is nothing to compare with."""
    no_change: str | None = None
    """Why nothing was to be done, where the agent declared that."""
    question: str | None = None
    """What it asks a person, where it does."""
    may_change_nothing: bool = False
    """Whether no change is a success without a word (``onNoChange: Succeed``)."""


def record_of(
    preset: Preset, facts: Facts, ending: Ending, model: str | None = None, before: TokenUsage | None = None
) -> AgentRecord:
    """The record of an attempt.

    Args:
        preset: Whose output it is.
        facts: What the output says.
        ending: What else is known.
        model: The one that was asked for, for tokens of which the agent does not say the model.
        before: What the attempts before have used in the same session.
    """
    found, is_success = _judge(preset, facts, ending)
    usage = _named(facts.usage, model or facts.model)
    if before and preset.counts_session:
        usage = {name: used.minus(before) for name, used in usage.items()}
    cost, source = facts.cost_usd, "agent"
    if cost is None:
        cost, source = cost_of(usage), f"list prices of {NOTED}"
    return AgentRecord(
        agent=preset.type.value,
        outcome=found.outcome,
        message=found.message,
        is_success=is_success,
        reset_at=moment(found.reset_at),
        usage=usage,
        cost_usd=cost,
        cost_source=None if cost is None else source,
        session=facts.session,
        turns=facts.turns,
        last_message=facts.last_message,
        denied=tuple(facts.denied),
    )


def nothing_changed(ending: Ending, denied: Sequence[str]) -> tuple[AgentFinding, bool]:
    """What an attempt is that ended well and changed nothing, and whether that is a success.

    Args:
        ending: What is known of it.
        denied: Tools that it was not allowed to use.
    """
    if denied:
        return _denied(denied), False
    if ending.no_change is not None:
        return AgentFinding(AgentOutcome.NO_CHANGE, one_line(ending.no_change)), True
    if ending.may_change_nothing:
        return AgentFinding(AgentOutcome.NO_CHANGE, ""), True
    return AgentFinding(
        AgentOutcome.NO_CHANGE, "it changed nothing, and did not say that nothing was to be done"
    ), False


def end_of(record: AgentRecord, exit_code: int) -> tuple[str, int]:
    """The reason and the exit code of an attempt: 75 where it is to be run later."""
    if record.is_success:
        return "", 0
    if record.outcome is AgentOutcome.FAILED and exit_code and exit_code != EX_TEMPFAIL:
        return "ExitCode", exit_code
    if record.outcome in LATER:
        return REASONS[record.outcome], EX_TEMPFAIL
    return REASONS[record.outcome], exit_code if exit_code and exit_code != EX_TEMPFAIL else 1


def _judge(preset: Preset, facts: Facts, ending: Ending) -> tuple[AgentFinding, bool]:
    failure = _failure(preset, facts, ending)
    if failure:
        return failure, False
    if ending.question is not None:
        return AgentFinding(AgentOutcome.NEEDS_INPUT, one_line(ending.question) or "it asks without a question"), False
    if facts.denied_edits:
        return _denied(facts.denied_edits), False
    if ending.changed is False:
        return nothing_changed(ending, facts.denied)
    return AgentFinding(AgentOutcome.SUCCEEDED, ""), True


def _failure(preset: Preset, facts: Facts, ending: Ending) -> AgentFinding | None:
    code = ending.exit_code
    if facts.error:
        return _with_reset(facts.error, facts, ending.now)
    if code == EX_TEMPFAIL:
        return AgentFinding(AgentOutcome.TRANSIENT, f"exit code {EX_TEMPFAIL}: later")
    if code in preset.exit_codes:
        return AgentFinding(preset.exit_codes[code], _last_line(facts) or f"exit code {code}")
    if code:
        said = by_words(_last_line(facts), ending.now) if not facts.has_ended else None
        return said or AgentFinding(AgentOutcome.FAILED, f"exit code {code}: {_last_line(facts)}".removesuffix(": "))
    if preset.has_final_event and not facts.has_ended:
        return AgentFinding(
            AgentOutcome.AGENT_ERROR, "its output ends without the final event, although the exit code is 0"
        )
    said = as_last_message(facts.last_message, ending.now)
    return _with_reset(said, facts, ending.now) if said else None


def _with_reset(error: AgentFinding, facts: Facts, now: float) -> AgentFinding:
    """An error with the reset time of the limit that was reported before: that is exact, its own words are rounded. One
    that is over does not count."""
    if facts.limit is None or error.outcome not in (
        AgentOutcome.RATE_LIMITED,
        AgentOutcome.QUOTA_EXHAUSTED,
        AgentOutcome.AGENT_ERROR,
    ):
        return error
    reset = facts.limit.reset_at
    outcome = AgentOutcome.RATE_LIMITED if error.outcome is AgentOutcome.AGENT_ERROR else error.outcome
    return AgentFinding(outcome, error.message, reset if reset and reset > now else error.reset_at)


def _denied(tools: Sequence[str]) -> AgentFinding:
    names = ", ".join(dict.fromkeys(tools))
    return AgentFinding(AgentOutcome.DENIED, f"it was not allowed to use {names}")


def _last_line(facts: Facts) -> str:
    lines = facts.noise.strip().splitlines()
    return one_line(lines[-1]) if lines else ""


def _named(usage: Mapping[str, TokenUsage], model: str | None) -> dict[str, TokenUsage]:
    return {name or model or "unknown": used for name, used in usage.items()}
