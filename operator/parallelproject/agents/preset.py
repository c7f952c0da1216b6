"""What a preset is: data on how an agent is called, and the reader of its output."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import ClassVar, NamedTuple

from parallelproject.agents.reader import Reader
from parallelproject.agents.record import AgentOutcome
from parallelproject.model.agents import AgentType


class PromptBy(Enum):
    """How an agent gets its prompt."""

    STDIN = auto()
    ARGUMENT = auto()
    """As an argument: it is seen by other users of the machine, and its length has a bound."""
    FILE = auto()
    """As the path of a file."""


class SessionFiles(NamedTuple):
    """Where an agent keeps the conversations of its sessions."""

    variable: str
    """That names its folder."""
    default: str
    """The folder, below the user's home, if the variable is not set."""
    pattern: str
    """The file in it, by a glob in which ``{}`` is the id of the session."""


PROMPT_FILE = "$(PPROJ_PROMPT_FILE)"
"""Where a preset's arguments name the file of the prompt."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One agent."""

    type: AgentType
    short: str
    """Its name on the command line."""
    title: str
    """Its name for people."""
    program: str
    arguments: tuple[str, ...]
    """With which it runs once, without a person, and is not refused what it has to do."""
    reader: Callable[[float], Reader]
    prompt: PromptBy = PromptBy.STDIN
    prompt_arguments: tuple[str, ...] = ()
    """Before the prompt, or its file; last of all."""
    model_arguments: tuple[str, ...] = ("--model",)
    """Before the name of a model."""
    resume_arguments: tuple[str, ...] = ()
    """Before the session; empty: it cannot resume one."""
    session_files: SessionFiles | None = None
    """Set: it resumes a session by the file of the conversation. None: by the id."""
    sessions_variable: str = ""
    """The variable that names the folder with its conversations, and all else that it keeps; empty: it resumes none."""
    resumes_elsewhere: bool = False
    """Whether it resumes a session in another folder than the one where the session began."""
    counts_session: bool = False
    """Whether it reports the tokens of the whole session, also of the attempts before."""
    cost_arguments: tuple[str, ...] = ()
    """Before the most that an attempt may cost, in US dollars; empty: it has no such limit."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Set for it, unless the user has set it."""
    environment_as_root: Mapping[str, str] = field(default_factory=dict)
    """Set for it where it runs as root, whatever the user has set."""
    keys: tuple[str, ...] = ()
    """Variables with its credentials; one of them, or a login of its own."""
    exit_codes: Mapping[int, AgentOutcome] = field(default_factory=dict)
    """What its exit codes mean, beyond 0 and 1."""
    has_final_event: bool = True
    """Whether its output has an event that says that it came to its end."""
    install: str = ""
    """How it is installed."""
    login: str = ""
    """How a person logs in, for the hint after a refused key."""
    allow: str = ""
    """How it is allowed what it was denied, for the hint."""

    CLEANED_ALWAYS: ClassVar[tuple[str, ...]] = (
        "CLAUDECODE", "CLAUDE_CODE_*", "CODEX_SANDBOX*", "CODEX_SESSION*", "CODEX_THREAD*", "CODEX_CI",
        "GEMINI_CLI", "OPENCODE", "OPENCODE_PID", "OPENCODE_SESSION*", "OPENCODE_SERVER*", "CURSOR_AGENT",
        "CURSOR_TRACE_ID", "QWEN_CODE", "AIDER_SESSION*", "GOOSE_SESSION*", "AGENT_SESSION*", "COPILOT_SESSION*",
    )  # fmt: skip
    """Marks of all agents that may have started us: each changes how another agent behaves."""
    KEPT_ALWAYS: ClassVar[tuple[str, ...]] = (
        "CLAUDE_CODE_OAUTH_*", "CLAUDE_CODE_USE_*", "CLAUDE_CODE_SKIP_*", "CLAUDE_CODE_MAX_*", "CLAUDE_CODE_DISABLE_*",
        "CLAUDE_CODE_ENABLE_*", "CLAUDE_CODE_API_*", "CLAUDE_CODE_CLIENT_*", "CLAUDE_CODE_SUBAGENT_MODEL",
        "CLAUDE_CODE_EFFORT_LEVEL", "CLAUDE_CODE_SHELL*", "CLAUDE_CODE_CERT_STORE", "CLAUDE_CODE_EXTRA_BODY",
    )  # fmt: skip
    """What looks like one and is a user's credential or setting."""
