"""The coding agent in a pod: its prompt before it runs, and the verdict on its attempt, before its work lands."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parallelproject.agents.attempt_files import ending_of, facts_of
from parallelproject.agents.catalog import PRESETS
from parallelproject.agents.judge import REASONS, end_of, nothing_changed, record_of
from parallelproject.agents.prompt import PromptError, prompt_of
from parallelproject.agents.record import AgentOutcome, TokenUsage
from parallelproject.agents.resuming import owner_of
from parallelproject.git.container.short_text import QUESTION_BYTES, short
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.model.agents import AgentType

_MESSAGE_BYTES, _LAST_BYTES, _LINE_BYTES = 400, 500, 120
"""Most bytes of the agent's words in a result, as JSON: they share it with paths and refs."""
_SESSION_MAX = 128
"""Most characters of the id of a session."""


@dataclass(frozen=True, slots=True)
class PodAgent:
    """The agent of an attempt, as the instruction names it."""

    type: AgentType
    outputs: Path
    """The folder of its outputs."""
    task_file: Path
    prompt_file: Path
    """Where its prompt is written."""
    feedback_file: Path | None = None
    """What the attempt before has left, if that exists."""
    model: str | None = None
    may_change_nothing: bool = False
    """Whether no change is a success without a word (``onNoChange: Succeed``)."""
    template: str | None = None
    """The user's template of prompts."""
    session: str | None = None
    """The session that it continues; None: it starts one."""
    before: str = ""
    """How the attempt before has ended in that session."""
    used_before: tuple[int | None, ...] = ()
    """A ``TokenUsage``: what that session has used so far."""

    def write_prompt(self, workspace: Path) -> None:
        """Writes the prompt. It is rendered here, since a template of a user may need any time and memory.

        Args:
            workspace: Where the attempt works.

        Raises:
            PolicyError: the template is wrong.
        """
        feedback = self.feedback_file
        given = feedback.read_text(errors="replace", encoding="utf-8") if feedback and feedback.exists() else ""
        try:
            document, resumed_in = json.loads(self.task_file.read_bytes()), str(workspace) if self.session else None
            text = prompt_of(document, self.template, str(self.outputs), given, resumed_in)
        except PromptError as error:
            raise PolicyError("InvalidPrompt", f"spec.prompt: the template is wrong: {error}") from None
        self.prompt_file.write_text(text, errors="replace", encoding="utf-8")


class AgentVerdict:
    """The verdict on one attempt: first by its output, then by what it has changed."""

    def __init__(self, agent: PodAgent, output: Path, exit_code: int) -> None:
        """Judges by the output.

        Args:
            agent: Who made it.
            output: The file with its output.
            exit_code: Of its command.
        """
        self._agent, self._own_code, self._now = agent, exit_code, time.time()
        preset = PRESETS[agent.type]
        facts = facts_of(preset, output, 0, self._now)
        may_change_nothing = agent.may_change_nothing
        ending = ending_of(agent.outputs, exit_code, self._now, may_change_nothing=may_change_nothing)
        is_resumed = agent.session is not None and facts.session == agent.session
        before = TokenUsage(*agent.used_before) if is_resumed else TokenUsage()
        self._record = record_of(preset, facts, ending, agent.model, before if is_resumed else None)
        self._session_tokens = self._record.used.plus(before) if preset.counts_session else None
        self._outcome, self._message = self._record.outcome, self._record.message
        self._question = ending.question or ""
        self.reason, self.exit_code = end_of(self._record, exit_code)
        """Why it has failed, and its exit code from now on, 0 where its work may land."""

    def note_no_change(self) -> None:
        """Notes that its work has changed nothing: that may be a failure."""
        may_change_nothing = self._agent.may_change_nothing
        end = ending_of(self._agent.outputs, 0, self._now, changed=False, may_change_nothing=may_change_nothing)
        if end.changed:
            return
        found, is_success = nothing_changed(end, self._record.denied)
        self._outcome, self._message = found.outcome, found.message
        if not is_success:
            self.reason, self.exit_code = REASONS[found.outcome], 1

    def note_stop(self) -> None:
        """Notes that the pod was being stopped: what an agent says when it is cut off is not how it failed. A question
        is valid: it counts only after a clean end."""
        if self.reason and self._outcome is not AgentOutcome.NEEDS_INPUT:
            self._outcome, self._message = AgentOutcome.AGENT_ERROR, "it was stopped before its end"
            self.reason, self.exit_code = REASONS[self._outcome], self._own_code or 1

    @property
    def question(self) -> str:
        """What it asks a person, whole; empty if it does not."""
        return self._question if self._outcome is AgentOutcome.NEEDS_INPUT else ""

    @property
    def message(self) -> str:
        """One line for people; empty for a plain success."""
        return f"{self._outcome}: {self._message}" if self._message else ""

    def result(self) -> Mapping[str, Any]:
        """What the operator gets of it."""
        record = self._record
        asks = self._outcome is AgentOutcome.NEEDS_INPUT  # the question takes the room of the last message
        return {
            "outcome": self._outcome.value,
            "reason": self.reason,
            "exit_code": self.exit_code,
            "message": short(self._message, _LINE_BYTES if asks else _MESSAGE_BYTES),
            "last_message": short(record.last_message or "", _LAST_BYTES) if self.reason and not asks else "",
            "question": short(self.question, QUESTION_BYTES),
            "reset_at": record.reset_at,
            "input_tokens": record.used.taken,
            "output_tokens": record.used.output,
            "cost_usd": record.cost_usd,
            **self._session(),
        }

    def _session(self) -> Mapping[str, Any]:
        """What the next attempt has to know to continue its session."""
        found, agent = self._record.session, self._agent
        if not isinstance(found, str) or not found or len(found) > _SESSION_MAX:
            return {}
        return {
            "session": found,
            "session_of": owner_of(agent.type.value, agent.model),
            "before": agent.before if found == agent.session else "",
            "session_tokens": tuple(self._session_tokens) if self._session_tokens else (),
        }
