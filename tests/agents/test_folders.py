"""The folders that an agent writes to in a sandbox."""

from parallelproject.agents.folders import FOLDERS, folders_of
from parallelproject.model.agents import AgentType


def test_every_agent_has_folders_below_the_home_or_where_its_variable_says() -> None:
    assert set(FOLDERS) == set(AgentType)
    assert folders_of([AgentType.CLAUDE_CODE], {"HOME": "/home/me/"}) == ["/home/me/.claude", "/home/me/.claude.json"]
    moved = {"HOME": "/home/me", "CODEX_HOME": "/data/codex/", "XDG_DATA_HOME": "/data", "XDG_CACHE_HOME": "relative"}
    assert folders_of([AgentType.CODEX], moved) == ["/data/codex"]
    assert folders_of([AgentType.OPEN_CODE], moved) == [
        "/home/me/.config/opencode", "/data/opencode", "/home/me/.local/state/opencode", "/home/me/.cache/opencode",
    ]  # fmt: skip
    assert folders_of([AgentType.CODEX], {}) == [], "without a home nothing is known"
