"""Gemini CLI (``gemini``), read by its ``stream-json``. Seen with 0.61."""

from typing import Any

from parallelproject.agents.error_text import by_words, error_of
from parallelproject.agents.preset import Preset
from parallelproject.agents.reader import Reader, number
from parallelproject.agents.record import AgentFinding, AgentOutcome, TokenUsage, one_line
from parallelproject.model.agents import AgentType

_EDITS = frozenset({"write_file", "replace", "edit"})
_TYPES = {
    "FatalTurnLimitedError": AgentOutcome.TURN_LIMIT,
    "FatalAuthenticationError": AgentOutcome.AUTH,
    "TerminalQuotaError": AgentOutcome.QUOTA_EXHAUSTED,
    "RetryableQuotaError": AgentOutcome.RATE_LIMITED,
}


class GeminiReader(Reader):
    """The last line, of type ``result``, has the status and ``stats``; what it says of quotas is text."""

    def __init__(self, now: float) -> None:
        super().__init__(now)
        self._tools: dict[str, str] = {}
        self._message = ""

    def event(self, event: dict[str, Any]) -> None:
        """Takes a JSON object."""
        facts = self.facts
        match event.get("type"):
            case "init":
                facts.session, facts.model = event.get("session_id"), event.get("model")
            case "message" if event.get("role") == "assistant":
                said = str(event.get("content") or "")
                self._message = (self._message + said)[-16_384:] if event.get("delta") else said
                self.say(self._message)
            case "tool_use":
                self._message = ""
                self._tools = {str(event.get("tool_id")): str(event.get("tool_name"))}
            case "tool_result" if event.get("status") == "error":
                self._denial(event)
            case "error" if event.get("severity", "error") == "error":
                facts.error = self._error({"message": event.get("message")})
            case "result":
                self._result(event)

    def _denial(self, event: dict[str, Any]) -> None:
        error = event.get("error") or {}
        said = f"{error.get('type')} {error.get('message')} {event.get('output')}".lower()
        if "denied" in said or "not allowed" in said or "requires user confirmation" in said or "policy" in said:
            tool = self._tools.get(str(event.get("tool_id")), "tool")
            (self.facts.denied_edits if tool in _EDITS else self.facts.denied).append(tool)

    def _result(self, event: dict[str, Any]) -> None:
        facts = self.facts
        if event.get("status") == "success":
            facts.error = None
        elif event.get("error") or facts.error is None:  # else an event before has said what it was
            facts.error = self._error(event.get("error") or {})
        facts.has_ended = True
        stats = event.get("stats") or {}
        for model, used in (stats.get("models") or {facts.model or "": stats}).items():
            if used:
                facts.add_usage(
                    model,
                    TokenUsage(
                        number(used.get("input")), number(used.get("output_tokens")), number(used.get("cached"))
                    ),
                )

    def _error(self, error: dict[str, Any]) -> AgentFinding:
        message, kind = str(error.get("message") or ""), str(error.get("type") or "")
        found = error_of(message, self.now)
        return found._replace(outcome=_TYPES[kind]) if kind in _TYPES else found

    def at_end(self) -> None:
        """Without a result, what the text says is the reason: it reports quotas and logins only there."""
        if self.facts.has_ended or self.facts.error is not None:
            return
        for line in reversed(self.facts.noise.splitlines()):
            found = by_words(line, self.now)
            if found and found.outcome is not AgentOutcome.TRANSIENT:
                self.facts.error = found._replace(message=one_line(line))
                return


PRESET = Preset(
    type=AgentType.GEMINI,
    short="gemini",
    title="Gemini CLI",
    program="gemini",
    arguments=("--output-format", "stream-json", "--approval-mode", "yolo", "--skip-trust"),
    reader=GeminiReader,
    model_arguments=("-m",),
    resume_arguments=("--resume",),
    sessions_variable="GEMINI_CLI_HOME",
    environment={"NO_COLOR": "1"},
    keys=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"),
    exit_codes={
        41: AgentOutcome.AUTH, 53: AgentOutcome.TURN_LIMIT, 55: AgentOutcome.DENIED,
    },
    install="npm install -g @google/gemini-cli",
    login="set GEMINI_API_KEY, or run: gemini (and log in)",
    allow="it runs with --approval-mode yolo: look for tools.exclude in its settings.json, or a policy file",
)  # fmt: skip
