"""All presets by their type and by their name on the command line."""

from parallelproject.agents.preset import Preset
from parallelproject.agents.presets import aider, claude, codex, copilot, cursor, gemini, goose, opencode, qwen
from parallelproject.model.agents import AgentType

PRESETS: dict[AgentType, Preset] = {
    module.PRESET.type: module.PRESET
    for module in (claude, codex, gemini, opencode, copilot, cursor, aider, goose, qwen)
}
BY_NAME: dict[str, Preset] = {
    name: preset for preset in PRESETS.values() for name in (preset.short, preset.type.value.lower())
}
"""By the short name and by the type in lower case."""
