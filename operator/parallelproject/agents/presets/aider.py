"""Aider (``aider``), which prints text: its errors, tokens and cost are lines for people.

By its source (aider/coders/base_coder.py, aider/exceptions.py); no recording of the program itself. Its exit code is 0
whatever happened.
"""

import re

from parallelproject.agents.error_text import error_of
from parallelproject.agents.preset import PROMPT_FILE, Preset, PromptBy
from parallelproject.agents.reader import Reader
from parallelproject.agents.record import AgentFinding, AgentOutcome, TokenUsage, one_line
from parallelproject.model.agents import AgentType

_TOKENS = re.compile(
    r"Tokens: ([\d.,]+)([kM]?) sent(?:, ([\d.,]+)([kM]?) cache write)?(?:, ([\d.,]+)([kM]?) cache hit)?"
    r", ([\d.,]+)([kM]?) received"
)
_COST = re.compile(r"Cost: \$[\d.]+ message, \$([\d.]+) session")
_MODEL = re.compile(r"^(?:Main model|Model): (\S+)")
_ERROR = re.compile(r"litellm\.\w+(?:Error|Exception)|^(?:Error|Fatal):? |API (?:key|provider)")
_SCALE = {"": 1, "k": 1000, "M": 1_000_000}


class AiderReader(Reader):
    """An error counts until an answer follows it: aider tries again by itself."""

    reads_text = True

    def text(self, line: str) -> None:
        """Takes a line."""
        facts = self.facts
        if found := _MODEL.match(line):
            facts.model = found[1]
        elif found := _TOKENS.search(line):
            facts.has_ended, facts.error = True, None
            facts.turns = (facts.turns or 0) + 1
            sent, written, read, received = (
                None if found[at] is None else int(float(found[at].replace(",", "")) * _SCALE[found[at + 1]])
                for at in (1, 3, 5, 7)
            )
            facts.add_usage("", TokenUsage(sent, received, read, written))
            if cost := _COST.search(line):
                facts.cost_usd = float(cost[1])
        elif "reflections allowed" in line:
            facts.error = AgentFinding(AgentOutcome.TURN_LIMIT, one_line(line))
        elif _ERROR.search(line):
            found_error = error_of(line, self.now)
            if facts.error is None or found_error.outcome is not AgentOutcome.AGENT_ERROR:
                facts.error = found_error  # the line after it only explains it
        elif not line.startswith(">"):
            self.say(line)


PRESET = Preset(
    type=AgentType.AIDER,
    short="aider",
    title="Aider",
    program="aider",
    arguments=(
        "--yes-always", "--no-auto-commits", "--no-gitignore", "--no-check-update", "--no-show-release-notes",
        "--no-analytics", "--no-pretty", "--no-stream", "--no-suggest-shell-commands",
    ),
    reader=AiderReader,
    prompt=PromptBy.FILE,
    prompt_arguments=("--message-file", PROMPT_FILE),
    keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "DEEPSEEK_API_KEY"),
    install="uv tool install aider-chat",
    login="set the key of the model's provider, as ANTHROPIC_API_KEY",
    allow="it runs with --yes-always: look for read-only files in its .aider.conf.yml",
)  # fmt: skip
