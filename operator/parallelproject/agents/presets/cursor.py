"""Cursor's agent (``cursor-agent``), read by its ``stream-json``, which has the shape of Claude Code's.

By its documents (https://cursor.com/docs/cli/reference/output-format); no recording of the program itself.
"""

from typing import Any

from parallelproject.agents.preset import Preset, PromptBy
from parallelproject.agents.presets.claude import ClaudeReader
from parallelproject.agents.reader import number
from parallelproject.agents.record import TokenUsage
from parallelproject.model.agents import AgentType

_EDITS = frozenset({"editToolCall", "writeToolCall", "deleteToolCall"})


class CursorReader(ClaudeReader):
    """``result`` has no cost; ``usage`` is there in some versions, in camelCase. Tools are ``tool_call`` events."""

    markers = (*ClaudeReader.markers, b'"rejected"', b'"permissionDenied"')

    def __init__(self, now: float) -> None:
        super().__init__(now)
        self._edits: list[str] = []
        self._others: list[str] = []

    def event(self, event: dict[str, Any]) -> None:
        """Takes a JSON object."""
        if event.get("type") == "tool_call":
            self._call(event.get("tool_call") or {})
            return
        super().event(event)
        if event.get("type") == "result":
            used = event.get("usage") or {}
            if "inputTokens" in used:
                self.facts.usage = {
                    self.facts.model or "": TokenUsage(
                        number(used.get("inputTokens")), number(used.get("outputTokens")),
                        number(used.get("cacheReadTokens")), number(used.get("cacheWriteTokens")),
                    )
                }  # fmt: skip
            self.facts.denied_edits, self.facts.denied = self._edits, self._others

    def _call(self, call: dict[str, Any]) -> None:
        for name, said in call.items():
            result = said.get("result") or {} if isinstance(said, dict) else {}
            if "rejected" in result or "permissionDenied" in result:
                (self._edits if name in _EDITS else self._others).append(name)


PRESET = Preset(
    type=AgentType.CURSOR,
    short="cursor",
    title="Cursor",
    program="cursor-agent",
    arguments=("-p", "--force", "--output-format", "stream-json"),
    reader=CursorReader,
    prompt=PromptBy.ARGUMENT,
    keys=("CURSOR_API_KEY",),
    install="see https://cursor.com/cli",
    login="run: cursor-agent login, or set CURSOR_API_KEY",
    allow="it runs with --force: look for permissions.deny in its cli-config.json",
)
