"""The scripted model follows its script in every protocol. What real programs make of it: tests/agents."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from parallelproject.demo.scripted_model.exchange import PER_ANSWER, Tokens
from parallelproject.demo.scripted_model.script import Script, step_of
from parallelproject.demo.scripted_model.server import ScriptedModel, events

PROMPT = "# Task api: Do it\n\nAll of it."
Json = dict[str, Any]


def anthropic(turns: int) -> tuple[str, Json]:
    said = [{"role": "assistant", "content": [{"type": "text", "text": "x"}]}] * turns
    tools = [{"name": "Write", "input_schema": {}}]
    return "/v1/messages", {"messages": [{"role": "user", "content": PROMPT}, *said], "tools": tools, "stream": True}


def responses(turns: int) -> tuple[str, Json]:
    said = [{"type": "function_call", "name": "x", "arguments": "{}"}] * turns
    tools = [{"name": "exec_command", "parameters": {"properties": {"cmd": {}}}}]
    asked = {"role": "user", "content": [{"type": "input_text", "text": PROMPT}]}
    return "/v1/responses", {"input": [asked, *said], "tools": tools, "stream": True}


def chat(turns: int) -> tuple[str, Json]:
    said = [{"role": "assistant", "content": "x"}] * turns
    tools = [{"function": {"name": "write", "parameters": {}}}]
    messages = [{"role": "user", "content": PROMPT}, *said]
    return "/v1/chat/completions", {"messages": messages, "tools": tools, "stream": True}


def gemini(turns: int) -> tuple[str, Json]:
    said = [{"role": "model", "parts": [{"text": "x"}]}] * turns
    tools = [{"functionDeclarations": [{"name": "write_file"}]}]
    contents = [{"role": "user", "parts": [{"text": PROMPT}]}, *said]
    return "/v1beta/models/m:streamGenerateContent", {"contents": contents, "tools": tools}


PROTOCOLS: dict[str, tuple[Callable[[int], tuple[str, Json]], str, str]] = {
    # What asks, a word of an edit, a word of an end with text.
    "anthropic": (anthropic, '"name": "Write"', '"text": "done"'),
    "responses": (responses, '"name": "exec_command"', '"text": "done"'),
    "chat": (chat, '"name": "write"', '"content": "done"'),
    "gemini": (gemini, '"name": "write_file"', '"text": "done"'),
}


def ask(script: Json, protocol: str, turns: list[int]) -> tuple[list[tuple[int, str]], ScriptedModel]:
    """The statuses and the bodies of requests, one after the other, each with so many answers in its conversation."""

    async def all_of_them() -> tuple[list[tuple[int, str]], ScriptedModel]:
        found = []
        async with ScriptedModel(Script.of(script)) as model, aiohttp.ClientSession() as session:
            for turn in turns:
                path, body = PROTOCOLS[protocol][0](turn)
                try:
                    async with session.post(model.url + path, json=body) as answer:
                        found.append((answer.status, await answer.text()))
                except aiohttp.ClientError as error:
                    found.append((0, type(error).__name__))
        return found, model

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_script_is_followed_step_by_step_with_the_tools_of_the_agent(protocol: str) -> None:
    steps = [{"edit": {"path": "a.txt", "content": "x"}}, {"say": "done"}]
    answers, model = ask({"tasks": {"api": steps}}, protocol, [0, 1])
    _, edit, text = PROTOCOLS[protocol]
    assert [status for status, _ in answers] == [200, 200]
    assert edit in answers[0][1]
    assert text in answers[1][1]
    assert all(list(events(body.encode())) for _, body in answers)
    assert model.tokens("api") == Tokens(*(2 * each for each in PER_ANSWER))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_refusals_and_cuts_come_before_what_follows_in_the_same_conversation(protocol: str) -> None:
    steps = [{"error": {"status": 429, "retryAfter": 3}, "times": 2}, {"cut": True}, {"say": "done"}]
    answers, model = ask({"default": steps}, protocol, [0, 0, 0, 0])
    assert [status for status, _ in answers][:2] == [429, 429]
    assert answers[2][0] == 0
    assert PROTOCOLS[protocol][2] in answers[3][1]
    assert model.tokens("api") == PER_ANSWER


def test_a_new_conversation_gets_the_next_steps_and_the_last_ones_are_repeated() -> None:
    script = Script.of({"tasks": {"a": [[{"say": "one"}], [{"say": "two"}]]}})
    assert [script.next_step("a", True, 0.0).text for _ in range(3)] == ["one", "two", "two"]


def test_a_step_may_last_for_a_time() -> None:
    script = Script.of({"default": [{"error": {"status": 429}, "seconds": 90}, {"say": "back"}]})
    kinds = [script.next_step("a", True, now).kind for now in (5.0, 94.9, 95.0)]
    assert kinds == ["error", "error", "say"]


def test_a_loop_goes_on_until_the_agent_gives_up() -> None:
    script = Script.of({"default": [{"loop": "true"}]})
    assert {script.next_step("a", turn == 0, 0.0).kind for turn in range(50)} == {"loop"}


@pytest.mark.parametrize("step", [{}, {"say": "a", "run": "b"}, {"sing": "a"}, {"say": "a", "tims": 2}])
def test_a_step_that_is_none_is_refused(step: Json) -> None:
    with pytest.raises(ValueError, match="exactly one of"):
        step_of(step)
