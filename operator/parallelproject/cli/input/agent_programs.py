"""Programs that do a task, as ``pproj doctor`` and ``pproj init`` look for them on the PATH."""

import shutil
from typing import NamedTuple

_PROMPT = (
    '"Do the task that this JSON describes, in the current folder. Do not commit. $(cat "$PPROJ_TASK_FILE") '
    '${PPROJ_FEEDBACK:+It was tried before. This is why it failed: $(tail -c 8000 "$PPROJ_FEEDBACK")}"'
)


class AgentProgram(NamedTuple):
    """How an agent is called without a person."""

    title: str
    """Its name for people."""
    command: str
    """What to give to ``--command``."""
    note: str = ""
    """What one should know of the command."""


AGENTS: dict[str, AgentProgram] = {
    "claude": AgentProgram(
        "Claude Code",
        f"claude -p {_PROMPT} --permission-mode acceptEdits",
        "acceptEdits lets it edit files and run nothing; add --allowedTools 'Bash(make:*)' for more.",
    ),
    "codex": AgentProgram("Codex", f"codex exec --sandbox workspace-write --skip-git-repo-check {_PROMPT}"),
    "gemini": AgentProgram("Gemini CLI", f"gemini -p {_PROMPT} --approval-mode yolo --skip-trust"),
    "copilot": AgentProgram("Copilot CLI", f"copilot -p {_PROMPT} -s --allow-all --no-ask-user"),
    "opencode": AgentProgram("OpenCode", f"opencode run --auto {_PROMPT}"),
    "cursor-agent": AgentProgram("Cursor", f"cursor-agent -p --force {_PROMPT}"),
    "aider": AgentProgram("Aider", 'aider --message-file "$PPROJ_TASK_FILE" --yes-always --no-auto-commits'),
    "goose": AgentProgram("Goose", f"goose run --no-session -t {_PROMPT}"),
    "qwen": AgentProgram("Qwen Code", f"qwen -p {_PROMPT} --approval-mode yolo"),
}
"""By program, the agent; ``pproj init`` takes the first that is there."""


def found_agents() -> list[str]:
    """Those that are on the PATH, in the order of ``AGENTS``."""
    return [name for name in AGENTS if shutil.which(name)]
