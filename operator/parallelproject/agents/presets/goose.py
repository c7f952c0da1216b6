"""Goose (``goose run``), read by its ``stream-json``.

By its source (crates/goose-cli/src/session); no recording of the program itself.
"""

from typing import Any

from parallelproject.agents.error_text import as_last_message, by_words, error_of
from parallelproject.agents.preset import Preset
from parallelproject.agents.reader import Reader, number
from parallelproject.agents.record import AgentOutcome, TokenUsage
from parallelproject.model.agents import AgentType

_EDITS = ("text_editor", "developer__write", "developer__edit")


class GooseReader(Reader):
    """``complete`` is the end; ``message`` has what was said and the tools' results; errors are ``error`` or text."""

    reads_text = True

    def __init__(self, now: float) -> None:
        super().__init__(now)
        self._tools: dict[str, str] = {}

    def event(self, event: dict[str, Any]) -> None:
        """Takes a JSON object."""
        facts = self.facts
        match event.get("type"):
            case "message":
                self._message(event.get("message") or {})
            case "error":
                facts.has_ended, facts.error = True, error_of(str(event.get("error") or ""), self.now)
            case "complete":
                facts.has_ended = True
                given, made = number(event.get("input_tokens")), number(event.get("output_tokens"))
                if given is not None or made is not None:
                    facts.usage[""] = TokenUsage(given, made)

    def _message(self, message: dict[str, Any]) -> None:
        said = []
        for part in message.get("content") or ():
            match part.get("type"):
                case "text":
                    said.append(str(part.get("text") or ""))
                case "toolRequest":
                    call = (part.get("toolCall") or {}).get("value") or {}
                    self._tools = {str(part.get("id")): str(call.get("name"))}
                case "toolResponse":
                    result = part.get("toolResult") or {}
                    words = f"{result.get('error')} {result.get('value')}".lower()
                    if "has declined" in words or "permission denied by user" in words or "denied in tool" in words:
                        tool = self._tools.get(str(part.get("id")), "tool")
                        is_edit = any(name in tool for name in _EDITS)
                        (self.facts.denied_edits if is_edit else self.facts.denied).append(tool)
        if message.get("role") == "assistant" and said:
            self.say("\n".join(said))
            if "maximum number of turns" in (text := "\n".join(said)) or "maximum turns" in text or "max turns" in text:
                self.facts.error = error_of("maximum number of turns reached", self.now)
            elif text.startswith("Ran into this error:"):
                self.facts.error = error_of(text, self.now)

    def text(self, line: str) -> None:
        """Errors before the first message are plain text."""
        if not self.facts.has_ended and self.facts.error is None and line.lower().startswith(("error", "failed")):
            found = by_words(line, self.now) or as_last_message(line, self.now)
            if found and found.outcome is not AgentOutcome.TRANSIENT:
                self.facts.error = found


PRESET = Preset(
    type=AgentType.GOOSE,
    short="goose",
    title="Goose",
    program="goose",
    arguments=("run", "--no-session", "--output-format", "stream-json"),
    reader=GooseReader,
    prompt_arguments=("-i", "-"),
    environment={"GOOSE_MODE": "auto"},
    keys=("GOOSE_PROVIDER__API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GOOGLE_API_KEY"),
    install="see https://block.github.io/goose",
    login="run: goose configure",
    allow="set GOOSE_MODE=auto, and look for the tool in its permission.yaml",
)
