"""Qwen Code (``qwen``), read by its ``stream-json``, which has the shape of Claude Code's.

By its documents (https://qwenlm.github.io/qwen-code-docs); no recording of the program itself.
"""

from parallelproject.agents.preset import Preset
from parallelproject.agents.presets.claude import ClaudeReader
from parallelproject.agents.record import AgentOutcome
from parallelproject.model.agents import AgentType

QWEN_EDITS = frozenset({"write_file", "edit", "replace"})


class QwenReader(ClaudeReader):
    """Errors are in ``result.error.message``; its tools have the names of Gemini CLI, which it comes from."""

    def event(self, event: dict[str, object]) -> None:
        """Takes a JSON object."""
        error = event.get("error")
        if event.get("type") == "result" and isinstance(error, dict) and not event.get("result"):
            event = event | {"result": error.get("message")}
        super().event(event)
        facts = self.facts
        facts.denied_edits += [name for name in facts.denied if name in QWEN_EDITS]
        facts.denied = [name for name in facts.denied if name not in QWEN_EDITS]


PRESET = Preset(
    type=AgentType.QWEN,
    short="qwen",
    title="Qwen Code",
    program="qwen",
    arguments=("--output-format", "stream-json", "--yolo"),
    reader=QwenReader,
    model_arguments=("-m",),
    keys=("DASHSCOPE_API_KEY", "OPENAI_API_KEY", "BAILIAN_CODING_PLAN_API_KEY"),
    exit_codes={41: AgentOutcome.AUTH, 53: AgentOutcome.TURN_LIMIT, 55: AgentOutcome.DENIED},
    install="npm install -g @qwen-code/qwen-code",
    login="run: qwen (and log in), or set OPENAI_API_KEY",
    allow="it runs with --yolo: look for tools.exclude in its settings.json",
)
