"""Claude Code (``claude``), read by its ``stream-json``. Seen with 2.1.197."""

from typing import Any, ClassVar

from parallelproject.agents.error_text import by_words, error_of
from parallelproject.agents.preset import Preset, SessionFiles
from parallelproject.agents.reader import Reader, number
from parallelproject.agents.record import AgentFinding, AgentOutcome, TokenUsage, one_line
from parallelproject.model.agents import AgentType

EDITS = frozenset({"Write", "Edit", "MultiEdit", "NotebookEdit"})
_SUBTYPES = {
    "error_max_turns": AgentOutcome.TURN_LIMIT,
    "error_max_budget_usd": AgentOutcome.BUDGET_HIT,
}
_STOPS = {"refusal": "the model refused", "max_tokens": "the answer was cut at the model's limit of tokens"}


class ClaudeReader(Reader):
    """The last line, of type ``result``, has it all; ``rate_limit_event`` says when a limit resets."""

    reads_text = True

    markers: ClassVar[tuple[bytes, ...]] = (b'"result"', b'"init"', b'"rate_limit_event"', b'"assistant"')

    def event(self, event: dict[str, Any]) -> None:
        """Takes a JSON object."""
        kind = event.get("type")
        if kind == "result":
            self._result(event)
        elif kind == "system" and event.get("subtype") == "init":
            self.facts.session, self.facts.model = event.get("session_id"), event.get("model")
        elif kind == "rate_limit_event":
            self._limit(event.get("rate_limit_info") or {})
        elif kind == "assistant" and not event.get("parent_tool_use_id"):
            for block in (event.get("message") or {}).get("content") or ():
                if block.get("type") == "text":
                    self.say(block.get("text"))

    def _result(self, event: dict[str, Any]) -> None:
        facts = self.facts
        facts.error = self._error(event)  # first: an end that cannot be read is no good end
        facts.has_ended = True
        facts.session = event.get("session_id") or facts.session
        facts.turns = number(event.get("num_turns"))
        self.say(event.get("result"))
        cost = event.get("total_cost_usd")
        facts.cost_usd = float(cost) if isinstance(cost, int | float) else None
        by_model = event.get("modelUsage") or {}
        facts.usage = {
            model: TokenUsage(
                number(used.get("inputTokens")), number(used.get("outputTokens")),
                number(used.get("cacheReadInputTokens")), number(used.get("cacheCreationInputTokens")),
            )
            for model, used in by_model.items()
        }  # fmt: skip
        used = event.get("usage")
        if used and not facts.usage:
            facts.usage[facts.model or ""] = TokenUsage(
                number(used.get("input_tokens")), number(used.get("output_tokens")),
                number(used.get("cache_read_input_tokens")), number(used.get("cache_creation_input_tokens")),
            )  # fmt: skip
        names = [denial.get("tool_name", "") for denial in event.get("permission_denials") or ()]
        facts.denied_edits = [name for name in names if name in EDITS]
        facts.denied = [name for name in names if name not in EDITS]

    def _error(self, event: dict[str, Any]) -> AgentFinding | None:
        subtype, said = str(event.get("subtype") or ""), str(event.get("result") or "")
        errors = "; ".join(map(str, event.get("errors") or ()))
        if subtype in _SUBTYPES:
            return AgentFinding(_SUBTYPES[subtype], one_line(errors or said or subtype))
        if event.get("is_error") or subtype.startswith("error"):
            return error_of(said or errors or subtype, self.now, number(event.get("api_error_status")))
        stop = _STOPS.get(str(event.get("stop_reason")))
        return AgentFinding(AgentOutcome.FAILED, f"{stop}: {one_line(said)}" if said else stop) if stop else None

    def _limit(self, info: dict[str, Any]) -> None:
        if info.get("status") == "rejected":
            reset = info.get("resetsAt")
            kind = str(info.get("rateLimitType") or "").replace("_", " ")
            self.facts.limit = AgentFinding(
                AgentOutcome.RATE_LIMITED, f"the {kind} limit is reached" if kind else "a limit is reached",
                float(reset) if isinstance(reset, int | float) else None,
            )  # fmt: skip

    def text(self, line: str) -> None:
        """Before its first event it says in plain text that it has no login."""
        if not self.facts.has_ended and (found := by_words(line, self.now)) and found.outcome is AgentOutcome.AUTH:
            self.facts.error = found


PRESET = Preset(
    type=AgentType.CLAUDE_CODE,
    short="claude",
    title="Claude Code",
    program="claude",
    arguments=("-p", "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions"),
    reader=ClaudeReader,
    resume_arguments=("--resume",),
    sessions_variable="CLAUDE_CONFIG_DIR",
    session_files=SessionFiles("CLAUDE_CONFIG_DIR", ".claude", "projects/*/{}.jsonl"),  # by id: only in its folder
    resumes_elsewhere=True,
    cost_arguments=("--max-budget-usd",),
    environment={"DISABLE_AUTOUPDATER": "1"},
    environment_as_root={"IS_SANDBOX": "1"},  # else it refuses the flag that skips permissions
    keys=("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN"),
    install="npm install -g @anthropic-ai/claude-code",
    login="set ANTHROPIC_API_KEY, or run: claude setup-token",
    allow="it runs with --dangerously-skip-permissions: look for permissions.deny in its settings.json, or an "
    "organisation's managed settings",
)
