"""GitHub Copilot CLI (``copilot``), which prints text: the answer, or an error.

By its documents (https://docs.github.com/copilot/reference/copilot-cli-reference); no recording of the program itself.
"""

import re

from parallelproject.agents.error_text import by_words, error_of
from parallelproject.agents.preset import Preset, PromptBy
from parallelproject.agents.reader import Reader
from parallelproject.agents.record import AgentOutcome
from parallelproject.model.agents import AgentType

_ERROR = re.compile(r"^(?:[✗✖×!] |Error:|error:|Execution failed:|Request failed|Failed to |No authentication)")
_DENIED = re.compile(r"permission denied and could not request permission from user", re.IGNORECASE)


class CopilotReader(Reader):
    """The last error counts, unless an answer follows it."""

    reads_text = True

    def text(self, line: str) -> None:
        """Takes a line."""
        if _DENIED.search(line):
            self.facts.denied.append("tool")
        elif _ERROR.match(line):
            self.facts.error = error_of(line, self.now)
        else:
            found = by_words(line, self.now) if self.facts.error else None
            if found and self.facts.error and self.facts.error.outcome is AgentOutcome.AGENT_ERROR:
                self.facts.error = found  # the error's own words are on the next line
            elif self.facts.error is None or self.facts.error.outcome in (
                AgentOutcome.TRANSIENT,
                AgentOutcome.AGENT_ERROR,
            ):
                self.facts.error = None
            self.say(line)


PRESET = Preset(
    type=AgentType.COPILOT,
    short="copilot",
    title="Copilot CLI",
    program="copilot",
    arguments=("-s", "--allow-all", "--no-ask-user"),
    reader=CopilotReader,
    prompt=PromptBy.ARGUMENT,
    prompt_arguments=("-p",),
    keys=("COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"),
    has_final_event=False,
    install="npm install -g @github/copilot",
    login="run: copilot (and /login), or set COPILOT_GITHUB_TOKEN",
    allow="it runs with --allow-all: look for --deny-tool in agent.args, or a policy of the organisation",
)
