"""OpenCode (``opencode run``), read by its ``--format json`` events. Seen with 1.18."""

from typing import Any

from parallelproject.agents.error_text import error_of
from parallelproject.agents.preset import Preset
from parallelproject.agents.reader import Reader, number
from parallelproject.agents.record import AgentFinding, AgentOutcome, TokenUsage, one_line
from parallelproject.model.agents import AgentType

_EDITS = frozenset({"write", "edit", "patch", "multiedit", "apply_patch"})
_NAMES = {"ProviderAuthError": AgentOutcome.AUTH, "MessageOutputLengthError": AgentOutcome.FAILED,
          "MessageAbortedError": AgentOutcome.FAILED, "ContextOverflowError": AgentOutcome.FAILED}  # fmt: skip
_DENIALS = ("rejected permission", "prevents you from using", "permission denied", "user rejected")

_SETTING_UP = "Failed query:"
"""What it says where two start at the same time, and its database is new or of an earlier version."""


class OpenCodeReader(Reader):
    """A step that finishes with reason ``stop`` is the end; each step has its tokens and cost."""

    def event(self, event: dict[str, Any]) -> None:
        """Takes a JSON object."""
        facts, part = self.facts, event.get("part") or {}
        facts.session = event.get("sessionID") or facts.session
        match event.get("type"):
            case "step_finish":
                facts.turns = (facts.turns or 0) + 1
                facts.has_ended = part.get("reason") not in ("tool-calls", "unknown", None)
                facts.error = self._stop(str(part.get("reason")))
                self._usage(part)
            case "step_start":
                facts.has_ended = False
            case "text":
                self.say(part.get("text"))
            case "tool_use":
                state = part.get("state") or {}
                said = str(state.get("error") or "").lower()
                if state.get("status") == "error" and any(words in said for words in _DENIALS):
                    (facts.denied_edits if part.get("tool") in _EDITS else facts.denied).append(str(part.get("tool")))
            case "error":
                facts.has_ended, facts.error = True, self._error(event.get("error") or {})

    def _stop(self, reason: str) -> AgentFinding | None:
        if reason in ("length", "content-filter", "error"):
            return AgentFinding(AgentOutcome.FAILED, f"the model stopped with {reason}")
        return None

    def _usage(self, part: dict[str, Any]) -> None:
        tokens = part.get("tokens")
        if isinstance(tokens, dict):
            cache = tokens.get("cache") or {}
            output = number(tokens.get("output"))
            thought = number(tokens.get("reasoning")) or 0
            used = TokenUsage(
                number(tokens.get("input")), None if output is None else output + thought,
                number(cache.get("read")), number(cache.get("write")),
            )  # fmt: skip
            self.facts.add_usage("", used)
        if isinstance(part.get("cost"), int | float):
            self.facts.cost_usd = (self.facts.cost_usd or 0.0) + part["cost"]

    def _error(self, error: dict[str, Any]) -> AgentFinding:
        data = error.get("data") or {}
        message = str(data.get("message") or error.get("message") or error.get("name") or "")
        found = error_of(message, self.now, number(data.get("statusCode")))
        wait = (data.get("responseHeaders") or {}).get("retry-after")
        if found.reset_at is None and wait is not None and str(wait).replace(".", "", 1).isdecimal():
            found = found._replace(reset_at=self.now + float(wait))
        name = str(error.get("name"))
        return found._replace(outcome=_NAMES[name], message=one_line(message)) if name in _NAMES else found

    def at_end(self) -> None:
        """A cost of 0 is that of a model without a price."""
        if not self.facts.cost_usd:
            self.facts.cost_usd = None
        if self.facts.session is None and _SETTING_UP in self.facts.noise:
            found = "its database is being set up by another OpenCode that started at the same time"
            self.facts.error = AgentFinding(AgentOutcome.TRANSIENT, found)


PRESET = Preset(
    type=AgentType.OPEN_CODE,
    short="opencode",
    title="OpenCode",
    program="opencode",
    arguments=("run", "--format", "json", "--auto"),
    reader=OpenCodeReader,
    model_arguments=("-m",),
    resume_arguments=("--session",),
    sessions_variable="XDG_DATA_HOME",
    environment={"OPENCODE_DISABLE_AUTOUPDATE": "1"},
    keys=("OPENCODE_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"),
    install="npm install -g opencode-ai",
    login="run: opencode auth login",
    allow="allow the tool under permission in opencode.json",
)
