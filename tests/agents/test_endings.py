"""Every recorded ending of every agent is read for what it was; and the rules are not there for nothing."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from parallelproject.agents import error_text, judge
from parallelproject.agents.catalog import BY_NAME, PRESETS
from parallelproject.agents.judge import Ending, record_of
from parallelproject.agents.presets import aider, claude, codex, gemini, goose, opencode
from parallelproject.agents.record import AgentOutcome, AgentRecord
from parallelproject.agents.reset_time import reset_time

STREAMS = Path(__file__).parent / "streams"
NOW = 1796010000.0
ENDINGS: dict[str, dict[str, Any]] = yaml.safe_load((STREAMS / "endings.yaml").read_text())


def read(ending: str, pieces: int = 0) -> AgentRecord:
    """The record of one ending, its stream fed in pieces of so many bytes (0: at once)."""
    row = ENDINGS[ending]
    preset = BY_NAME[ending.partition("/")[0]]
    data = (STREAMS / f"{ending}.log").read_bytes()
    reader = preset.reader(NOW)
    for at in range(0, len(data), pieces or len(data) or 1):
        reader.feed(data[at : at + (pieces or len(data))])
    return record_of(preset, reader.close(), Ending(row["exit"], NOW, row["changed"]))


def differences(ending: str, record: AgentRecord) -> list[str]:
    """What a record says otherwise than the table."""
    row = ENDINGS[ending]
    found = {
        "outcome": record.outcome.value,
        "success": record.is_success,
        "resetIn": None if record.reset_at is None else record.reset_at - NOW,
        "usage": {model: list(used) for model, used in record.usage.items()} or None,
        "costUsd": None if record.cost_usd is None else round(record.cost_usd, 8),
        "turns": record.turns,
        "message": record.message[:60] or None,
    }
    return [f"{key}: {value!r}, not {row.get(key)!r}" for key, value in found.items() if value != row.get(key)]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of day without a zone are those of the machine."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_there_are_endings_of_every_agent_and_no_stream_is_without_one() -> None:
    assert len(ENDINGS) >= 60
    assert {ending.partition("/")[0] for ending in ENDINGS} == {preset.short for preset in PRESETS.values()}
    assert {str(file.relative_to(STREAMS))[:-4] for file in STREAMS.glob("*/*.log")} == set(ENDINGS)


def test_every_outcome_but_a_question_is_among_them() -> None:
    """A question is a file among the outputs, not a part of the stream."""
    assert {row["outcome"] for row in ENDINGS.values()} == {o.value for o in AgentOutcome} - {"NeedsInput"}


@pytest.mark.parametrize(
    ("words", "seconds"), [("4:41am", 60), ("4:39am", -60), ("4:37am", 86400 - 180), ("4:40am", 0), ("3pm", 37200)]
)
def test_a_time_of_day_is_the_next_one_or_one_that_has_just_passed(words: str, seconds: int) -> None:
    assert reset_time(f"You've hit your limit · resets {words} (Europe/Berlin)", NOW) == NOW + seconds


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ending_is_read_for_what_it_was(ending: str) -> None:
    assert differences(ending, read(ending)) == []


@pytest.mark.parametrize("pieces", [1, 7, 4096])
def test_it_does_not_matter_how_a_stream_is_cut_into_pieces(pieces: int) -> None:
    assert {ending: found for ending in ENDINGS if (found := differences(ending, read(ending, pieces)))} == {}


def test_no_success_without_a_whole_stream() -> None:
    """A stream that is cut anywhere before its final event is a success of no agent that has one."""
    for ending, row in ENDINGS.items():
        preset = BY_NAME[ending.partition("/")[0]]
        if not row["success"] or not preset.has_final_event:
            continue
        lines = (STREAMS / f"{ending}.log").read_bytes().splitlines(keepends=True)
        final = max(
            i
            for i, line in enumerate(lines)
            if re.search(rb'"result"|turn.completed|step_finish|complete"|Tokens:', line)
        )
        first = min(
            i
            for i, line in enumerate(lines)
            if re.search(rb'"type": ?"result"|turn.completed|"stop"|complete"|Tokens:', line)
        )
        reader = preset.reader(NOW)
        reader.feed(b"".join(lines[: min(final, first)]) + lines[min(final, first)][:20])
        record = record_of(preset, reader.close(), Ending(0, NOW, True))
        assert not record.is_success, ending


@pytest.mark.parametrize(
    "noise", [b"\xff\xfe{\x00\n", b"[1, 2]\n", b'{"type": "result"\n', b'"x"\n', b"{}\n", b'{"type": 7}\n', b"\n"]
)
def test_noise_changes_no_verdict(noise: bytes) -> None:
    for ending, row in ENDINGS.items():
        preset = BY_NAME[ending.partition("/")[0]]
        if not row["success"]:
            continue
        reader = preset.reader(NOW)
        for line in (STREAMS / f"{ending}.log").read_bytes().splitlines(keepends=True):
            reader.feed(noise)
            reader.feed(line)
        record = record_of(preset, reader.close(), Ending(row["exit"], NOW, row["changed"]))
        assert record.is_success, ending


ODD = {
    # The lines of an agent in another shape than this version knows, its exit code, and what they are.
    "a date that does not exist": ("claude", b"rate limit: resets at 2025-99-99T99:99Z", 1, "RateLimited"),
    "a zone that does not exist": ("copilot", b"Error: rate limit, at 2025-01-01T10:00:00+99:99", 1, "RateLimited"),
    "a wait without an end": ("copilot", b"Error: rate limit, try again in " + b"9" * 400 + b"d", 1, "RateLimited"),
    "numbers that are none": ("aider", b"Tokens: 1.1.1k sent, 2 received.", 0, "Succeeded"),
    "errors that are no list": ("claude", b'{"type": "result", "is_error": true, "errors": 5}', 0, "AgentError"),
    "an endless status": (
        "claude",
        b'{"type": "result", "is_error": true, "api_error_status": 1e999}',
        0,
        "AgentError",
    ),
    "an error that is a text": ("gemini", b'{"type": "result", "status": "error", "error": "boom"}', 0, "AgentError"),
}


@pytest.mark.parametrize("odd", ODD)
def test_output_of_another_shape_breaks_no_run_and_hides_no_error(odd: str) -> None:
    agent, line, code, outcome = ODD[odd]
    reader = BY_NAME[agent].reader(NOW)
    reader.feed(line + b"\n")
    record = record_of(BY_NAME[agent], reader.close(), Ending(code, NOW, True))
    assert (record.outcome.value, record.is_success, record.reset_at) == (outcome, outcome == "Succeeded", None)


def _without(outcome: AgentOutcome) -> Any:
    return tuple(row for row in error_text._TABLE if row[0] is not outcome)


MUTATIONS: dict[str, tuple[Any, str, Any]] = {
    # What is broken: the object, its attribute, and what stands there instead.
    **{
        f"no words of {o}": (error_text, "_TABLE", _without(o))
        for o in dict.fromkeys(row[0] for row in error_text._TABLE)
    },
    "no status": (error_text, "_STATUS", {}),
    "no errors in the answer": (judge, "as_last_message", lambda text, now: None),
    "no words after an exit code": (judge, "by_words", lambda text, now: None),
    "no reset of a limit": (judge, "_with_reset", lambda error, facts, now: error),
    "no reset in words": (error_text, "reset_time", lambda text, now: None),
    "a quota that comes back soon is one": (error_text, "_SOON", 0.0),
    "a long answer is an error": (error_text, "_ERROR_MESSAGE_MAX", -1),
    "no change is a success": (
        judge,
        "nothing_changed",
        lambda ending, denied: (judge.AgentFinding(AgentOutcome.SUCCEEDED, ""), True),
    ),
    "no prices": (judge, "cost_of", lambda usage: None),
    "claude: no subtypes": (claude, "_SUBTYPES", {}),
    "claude: no stop reasons": (claude, "_STOPS", {}),
    "claude: no edits": (claude, "EDITS", frozenset()),
    "codex: nothing is read-only": (codex, "_READ_ONLY", ()),
    "gemini: no types": (gemini, "_TYPES", {}),
    "opencode: no names": (opencode, "_NAMES", {}),
    "opencode: two at once": (opencode, "_SETTING_UP", "?"),
    "opencode: no denials": (opencode, "_DENIALS", ()),
    "goose: no error lines": (goose, "GooseReader.text", lambda self, line: None),
    "aider: no errors": (aider, "_ERROR", re.compile("(?!)")),
    "aider: no costs": (aider, "_COST", re.compile("(?!)")),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_broken_rule_is_caught_by_an_ending(mutation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, instead = MUTATIONS[mutation]
    while "." in name:
        first, _, name = name.partition(".")
        where = getattr(where, first)
    monkeypatch.setattr(where, name, instead)
    assert any(differences(ending, read(ending)) for ending in ENDINGS), "no ending notices that this rule is gone"


@pytest.mark.parametrize(
    "rule", ["exit code", "final event", "denied edits", "exit codes of the preset", "error", "no change"]
)
def test_a_broken_step_of_the_verdict_is_caught_by_an_ending(rule: str) -> None:
    """The steps of the one rule, each taken away by making its facts invisible to it."""
    noticed = []
    for ending, row in ENDINGS.items():
        preset = BY_NAME[ending.partition("/")[0]]
        reader = preset.reader(NOW)
        reader.feed((STREAMS / f"{ending}.log").read_bytes())
        facts = reader.close()
        end = Ending(row["exit"], NOW, row["changed"])
        if rule == "exit code":
            end = end._replace(exit_code=0)
        elif rule == "final event":
            facts.has_ended = True
        elif rule == "denied edits":
            facts.denied_edits = []
        elif rule == "exit codes of the preset":
            from dataclasses import replace

            preset = replace(preset, exit_codes={})
        elif rule == "error":
            facts.error = None
        else:
            end = end._replace(changed=True)
        noticed += differences(ending, record_of(preset, facts, end))
    assert noticed
