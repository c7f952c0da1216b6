"""How an attempt of an agent ended: the one rule, for all agents.

Success needs a clean final event, exit code 0, and a change or the word that none is needed. Exit codes lie: an agent
that met its limit, or was refused every edit, may end with 0.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from parallelproject.agents.error_text import as_last_message, by_words
from parallelproject.agents.preset import Preset
from parallelproject.agents.prices import NOTED, cost_of
from parallelproject.agents.record import Facts, Finding, Outcome, Record, Usage, one_line

EX_TEMPFAIL = 75
"""sysexits.h: "later, not my fault", of any command."""


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


def record_of(preset: Preset, facts: Facts, ending: Ending, model: str | None = None) -> Record:
    """The record of an attempt.

    Args:
        preset: Whose output it is.
        facts: What the output says.
        ending: What else is known.
        model: The one that was asked for, for tokens of which the agent does not say the model.
    """
    found, is_success = _judge(preset, facts, ending)
    usage = _named(facts.usage, model or facts.model)
    cost, source = facts.cost_usd, "agent"
    if cost is None:
        cost, source = cost_of(usage), f"list prices of {NOTED}"
    return Record(
        agent=preset.type.value,
        outcome=found.outcome,
        message=found.message,
        is_success=is_success,
        reset_at=found.reset_at,
        usage=usage,
        cost_usd=cost,
        cost_source=None if cost is None else source,
        session=facts.session,
        turns=facts.turns,
        last_message=facts.last_message,
    )


def without_change(record: Record, ending: Ending) -> Record:
    """The record of a success of which it has become known that it changed nothing."""
    found, is_success = _nothing_changed(ending, [])
    return replace(record, outcome=found.outcome, message=found.message, is_success=is_success)


def _judge(preset: Preset, facts: Facts, ending: Ending) -> tuple[Finding, bool]:
    failure = _failure(preset, facts, ending)
    if failure:
        return failure, False
    if ending.question is not None:
        return Finding(Outcome.NEEDS_INPUT, one_line(ending.question) or "it asks without a question"), False
    if facts.denied_edits:
        return _denied(facts.denied_edits), False
    if ending.changed is False:
        return _nothing_changed(ending, facts.denied)
    return Finding(Outcome.SUCCEEDED, ""), True


def _failure(preset: Preset, facts: Facts, ending: Ending) -> Finding | None:
    code = ending.exit_code
    if facts.error:
        return _with_reset(facts.error, facts)
    if code == EX_TEMPFAIL:
        return Finding(Outcome.TRANSIENT, "exit code 75: later")
    if code in preset.exit_codes:
        return Finding(preset.exit_codes[code], _last_line(facts) or f"exit code {code}")
    if code:
        said = by_words(_last_line(facts), ending.now) if not facts.has_ended else None
        return said or Finding(Outcome.FAILED, f"exit code {code}: {_last_line(facts)}".removesuffix(": "))
    if preset.has_final_event and not facts.has_ended:
        return Finding(Outcome.AGENT_ERROR, "its output ends without the final event, although the exit code is 0")
    return as_last_message(facts.last_message, ending.now)


def _with_reset(error: Finding, facts: Facts) -> Finding:
    """An error with the reset time of the limit that was reported before."""
    if facts.limit is None or error.outcome not in (Outcome.RATE_LIMITED, Outcome.QUOTA_EXHAUSTED, Outcome.AGENT_ERROR):
        return error
    outcome = Outcome.RATE_LIMITED if error.outcome is Outcome.AGENT_ERROR else error.outcome
    return Finding(outcome, error.message, error.reset_at or facts.limit.reset_at)


def _nothing_changed(ending: Ending, denied: list[str]) -> tuple[Finding, bool]:
    if denied:
        return _denied(denied), False
    if ending.no_change is not None:
        return Finding(Outcome.NO_CHANGE, one_line(ending.no_change)), True
    if ending.may_change_nothing:
        return Finding(Outcome.NO_CHANGE, ""), True
    return Finding(Outcome.NO_CHANGE, "it changed nothing, and did not say that nothing was to be done"), False


def _denied(tools: list[str]) -> Finding:
    names = ", ".join(dict.fromkeys(tools))
    return Finding(Outcome.DENIED, f"it was not allowed to use {names}")


def _last_line(facts: Facts) -> str:
    lines = facts.noise.strip().splitlines()
    return one_line(lines[-1]) if lines else ""


def _named(usage: Mapping[str, Usage], model: str | None) -> dict[str, Usage]:
    return {name or model or "unknown": used for name, used in usage.items()}
