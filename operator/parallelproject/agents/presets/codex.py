"""Codex (``codex exec``), read by its ``--json`` events. Seen with 0.171."""

import json
from contextlib import suppress
from typing import Any

from parallelproject.agents.error_text import error_of
from parallelproject.agents.preset import Preset
from parallelproject.agents.reader import Reader, number
from parallelproject.agents.record import AgentFinding, TokenUsage
from parallelproject.model.agents import AgentType

_READ_ONLY = ("Read-only file system", "Operation not permitted", "rejected by user approval", "blocked by policy")


class CodexReader(Reader):
    """A turn ends with ``turn.completed`` and its usage, or with ``turn.failed``."""

    markers = (b'"turn.', b'"thread.started"', b'"error"', b'"agent_message"', b'"declined"', *(
        words.encode() for words in _READ_ONLY))  # fmt: skip

    def event(self, event: dict[str, Any]) -> None:
        """Takes a JSON object."""
        facts = self.facts
        match event.get("type"):
            case "thread.started":
                facts.session = event.get("thread_id")
            case "turn.completed":
                facts.has_ended, facts.error = True, None
                facts.turns = (facts.turns or 0) + 1
                self._usage(event.get("usage") or {})
            case "turn.failed":
                facts.has_ended, facts.error = True, self._error(event.get("error") or {})
                facts.turns = (facts.turns or 0) + 1
            case "error" if not facts.has_ended and not str(event.get("message")).startswith("Reconnecting"):
                facts.error = self._error(event)
            case "item.completed":
                self._item(event.get("item") or {})

    def _item(self, item: dict[str, Any]) -> None:
        kind = item.get("type")
        if kind == "agent_message":
            self.say(item.get("text"))
        elif kind == "file_change" and item.get("status") in ("failed", "declined"):
            self.facts.denied_edits += ["file_change"] if item["status"] == "declined" else []
        elif kind == "command_execution" and item.get("status") in ("failed", "declined"):
            output = str(item.get("aggregated_output") or "")
            if item["status"] == "declined" or any(words in output for words in _READ_ONLY):
                self.facts.denied.append("command_execution")

    def _usage(self, used: dict[str, Any]) -> None:
        given, cached = number(used.get("input_tokens")), number(used.get("cached_input_tokens"))
        fresh = None if given is None else given - (cached or 0)
        written = number(used.get("cache_write_input_tokens"))
        self.facts.add_usage("", TokenUsage(fresh, number(used.get("output_tokens")), cached, written))

    def _error(self, error: dict[str, Any]) -> AgentFinding:
        message = str(error.get("message") or "")
        if message.startswith("{"):  # the body of the provider's answer
            with suppress(ValueError, KeyError, TypeError):
                message = str(json.loads(message)["error"]["message"])
        return error_of(message, self.now)


PRESET = Preset(
    type=AgentType.CODEX,
    short="codex",
    title="Codex",
    program="codex",
    arguments=(
        "exec",
        "--json",
        "-c",
        'sandbox_mode="workspace-write"',  # not --sandbox, which can be given only once: users may have another
        "--skip-git-repo-check",
        "--add-dir",
        "$(PPROJ_OUTPUTS)",
    ),
    reader=CodexReader,
    prompt_arguments=("-",),
    resume_arguments=("resume",),
    sessions_variable="CODEX_HOME",
    resumes_elsewhere=True,
    counts_session=True,
    keys=("CODEX_API_KEY", "OPENAI_API_KEY"),
    install="npm install -g @openai/codex",
    login="run: codex login, or set CODEX_API_KEY",
    allow="its sandbox is workspace-write: agent.args can give another, as --sandbox danger-full-access",
)
