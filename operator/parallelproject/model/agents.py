"""The agents that are known by name. Standard library only: programs that start fast read it."""

from enum import StrEnum


class AgentType(StrEnum):
    """An agent preset: how it is called and read."""

    CLAUDE_CODE = "ClaudeCode"
    CODEX = "Codex"
    GEMINI = "Gemini"
    COPILOT = "Copilot"
    OPEN_CODE = "OpenCode"
    CURSOR = "Cursor"
    AIDER = "Aider"
    GOOSE = "Goose"
    QWEN = "Qwen"
