"""What all protocols share: a request as the script needs it, and an answer before it takes a protocol's form."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from parallelproject.demo.scripted_model.script import ErrorStep, Step

_TASK = re.compile(r"^# Task ([^\s:]+)", re.MULTILINE)
"""The first line of the default prompt of a task."""


class Tokens(NamedTuple):
    """What an answer is said to have used."""

    input: int = 0
    output: int = 0
    cached: int = 0
    """Input that was read from the provider's cache, and that is not among ``input``."""


PER_ANSWER = Tokens(100, 20, 40)
"""The same for each answer, so that a test knows the sum."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the agent is to run."""

    name: str
    arguments: Mapping[str, Any]

    @property
    def as_text(self) -> str:
        """The arguments as JSON."""
        return json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What the model says."""

    text: str = ""
    tool: ToolCall | None = None
    tokens: Tokens = PER_ANSWER
    is_cut: bool = False
    """Whether the connection is dropped in the middle of it."""


class Request(NamedTuple):
    """A request, as far as the script needs it."""

    model: str
    task: str
    """Empty where it names none: an agent asks for titles and the like, too."""
    is_first: bool
    tools: Mapping[str, Mapping[str, Any]]
    """By name, the JSON schema of the arguments."""
    is_streamed: bool = True


def task_of(texts: Sequence[str]) -> str:
    """The task that a conversation is about: the last prompt that names one."""
    found = [match[1] for text in texts for match in _TASK.finditer(text)]
    return found[-1] if found else ""


_WRITERS = {  # the tool of an agent that writes a file, and its arguments for the path and the content
    "Write": ("file_path", "content"),  # Claude Code
    "write_file": ("file_path", "content"),  # Gemini CLI, Qwen Code
    "write": ("filePath", "content"),  # OpenCode
}
_SHELLS = ("Bash", "exec_command", "shell_command", "shell", "bash", "run_shell_command", "local_shell")


def answer_of(step: Step, request: Request, folder: str) -> ModelAnswer:
    """What a step is in words and tool calls of the agent that asks.

    Args:
        step: Not an error.
        request: What it answers.
        folder: Where relative paths start, where the agent's tool wants absolute ones.
    """
    if step.kind == "edit":
        return ModelAnswer(tool=_write(step, request.tools, folder))
    if step.kind in ("run", "loop"):
        return ModelAnswer(tool=_shell(step.text or "true", request.tools))
    return ModelAnswer(step.text, is_cut=step.kind == "cut")


def _write(step: Step, tools: Mapping[str, Mapping[str, Any]], folder: str) -> ToolCall:
    path = step.path if step.path.startswith("/") or not folder else f"{folder}/{step.path}"
    for name, (path_argument, content) in _WRITERS.items():
        if name in tools:
            return ToolCall(name, {path_argument: path, content: step.text})
    quoted = "'" + step.text.replace("'", "'\\''") + "'"
    return _shell(f"mkdir -p \"$(dirname '{step.path}')\" && printf %s {quoted} > '{step.path}'", tools)


def _shell(command: str, tools: Mapping[str, Mapping[str, Any]]) -> ToolCall:
    name = next((name for name in _SHELLS if name in tools), "Bash")
    properties = tools.get(name, {}).get("properties", {})
    if "cmd" in properties:
        arguments: dict[str, Any] = {"cmd": command}
    elif properties.get("command", {}).get("type") == "array":
        arguments = {"command": ["/bin/sh", "-c", command]}
    else:
        arguments = {"command": command}
    if "yield_time_ms" in properties:  # how long the agent waits before it continues without the result
        arguments["yield_time_ms"] = 120_000
    if "description" in properties:
        arguments["description"] = "Run the command of the script"
    return ToolCall(name, arguments)


def reset_at(error: ErrorStep) -> int | None:
    """When a limit resets, in seconds since the epoch."""
    return None if error.resets_in is None else int(time.time() + error.resets_in)
