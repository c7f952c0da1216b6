"""The folders of each agent on a user's machine: its settings, its login, its conversations. Pure data.

In a sandbox an agent can write there, and in no other agent's.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from parallelproject.model.agents import AgentType


class AgentFolder(NamedTuple):
    """A folder or a file."""

    default: str
    """Its path below the user's home."""
    variable: str = ""
    """The variable that names another folder; empty: no variable does."""
    below: str = ""
    """Its path below that."""


def _xdg(name: str) -> tuple[AgentFolder, ...]:
    """The folders of a program that follows the XDG Base Directory Specification."""
    return (
        AgentFolder(f".config/{name}", "XDG_CONFIG_HOME", name),
        AgentFolder(f".local/share/{name}", "XDG_DATA_HOME", name),
        AgentFolder(f".local/state/{name}", "XDG_STATE_HOME", name),
        AgentFolder(f".cache/{name}", "XDG_CACHE_HOME", name),
    )


FOLDERS: Mapping[AgentType, tuple[AgentFolder, ...]] = {
    AgentType.CLAUDE_CODE: (AgentFolder(".claude", "CLAUDE_CONFIG_DIR"), AgentFolder(".claude.json")),
    AgentType.CODEX: (AgentFolder(".codex", "CODEX_HOME"),),
    AgentType.GEMINI: (AgentFolder(".gemini", "GEMINI_CLI_HOME", ".gemini"),),
    AgentType.COPILOT: (AgentFolder(".copilot"), *_xdg("copilot"), *_xdg("github-copilot")),
    AgentType.OPEN_CODE: _xdg("opencode"),
    AgentType.CURSOR: (AgentFolder(".cursor"), *_xdg("cursor")),
    AgentType.AIDER: (AgentFolder(".aider"),),
    AgentType.GOOSE: _xdg("goose"),
    AgentType.QWEN: (AgentFolder(".qwen"),),
}


def folders_of(agents: Iterable[AgentType], environment: Mapping[str, str]) -> list[str]:
    """The paths of the folders of some agents.

    Args:
        agents: The agents.
        environment: That of the run; without ``HOME``, only folders that other variables name.
    """
    home = environment.get("HOME", "")
    found = []
    for agent in agents:
        for folder in FOLDERS[agent]:
            named = environment.get(folder.variable, "") if folder.variable else ""
            if named.startswith("/"):
                found.append(f"{named}/{folder.below}".rstrip("/"))
            elif home.startswith("/"):
                found.append(f"{home.rstrip('/')}/{folder.default}")
    return list(dict.fromkeys(found))
