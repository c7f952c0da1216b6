"""Programs that do a task, as ``pproj init`` looks for them on the PATH, and how each is called without a person."""

import shutil

_PROMPT = (
    '"Do the task that this JSON describes, in the current folder. Do not commit. $(cat "$PPROJ_TASK_FILE") '
    '${PPROJ_FEEDBACK:+It was tried before. This is why it failed: $(tail -c 8000 "$PPROJ_FEEDBACK")}"'
)
COMMANDS: dict[str, str] = {
    "claude": f"claude -p {_PROMPT} --permission-mode acceptEdits",
    "codex": f"codex exec --sandbox workspace-write --skip-git-repo-check {_PROMPT}",
    "gemini": f"gemini -p {_PROMPT} --approval-mode yolo --skip-trust",
    "copilot": f"copilot -p {_PROMPT} -s --allow-all --no-ask-user",
    "opencode": f"opencode run --auto {_PROMPT}",
    "cursor-agent": f"cursor-agent -p --force {_PROMPT}",
    "aider": 'aider --message-file "$PPROJ_TASK_FILE" --yes-always --no-auto-commits',
}
"""By program, a command for ``--command``."""
NOTES: dict[str, str] = {
    "claude": "acceptEdits lets it edit files and run nothing; add --allowedTools 'Bash(make:*)' for more.",
}
"""By program, what one should know of its command."""


def found_agents() -> list[str]:
    """Those that are on the PATH, in the order of ``COMMANDS``."""
    return [name for name in COMMANDS if shutil.which(name)]
