"""The backlog of ``pproj demo``, what the scripted model does in it, and what leads an agent to that model.

It has a chain, a rate limit, a task with nothing to do, and one in which the agent ends with an error and exit code 0.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

AGENTS: Mapping[str, str | None] = {"claude": None, "codex": "scripted"}
"""By the agent's short name, the model that it is asked for."""
_TASKS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "schema": ("Write the schema", ()),
    "api": ("Write the API", ("schema",)),
    "client": ("Write the client", ("schema",)),
    "docs": ("Document the API", ("api",)),
    "limited": ("Meet a rate limit, and wait", ()),
    "nothing": ("Find nothing to do", ()),
    "liar": ("End with an error and exit code 0", ()),
}
FAILING = "liar"
"""The task that fails."""
SUCCEEDING = frozenset(_TASKS) - {FAILING}
_DONE = {"say": "Done."}


def spec() -> dict[str, Any]:
    """The spec of the project."""
    tasks = [{"id": task, "title": title, "dependencies": list(needs)} for task, (title, needs) in _TASKS.items()]
    return {"scheduling": "Graph", "failurePolicy": "Continue", "defaults": {"backoffSeconds": 1}, "tasks": tasks}


def script() -> dict[str, Any]:
    """What the model does in each task."""
    tasks: dict[str, Any] = {
        task: [{"edit": {"path": f"{task}.txt", "content": f"{task}\n"}}, _DONE] for task in _TASKS
    }  # fmt: skip
    tasks["limited"].insert(0, {"error": {"status": 429, "retryAfter": 3}})
    tasks["nothing"] = [{"run": "echo 'it is there already' > \"$PPROJ_OUTPUTS/no-change\""}, _DONE]
    tasks[FAILING] = [{"say": "API Error: 500 Internal server error"}]
    return {"tasks": tasks}


_OF_AGENTS = ("ANTHROPIC_", "CLAUDE", "OPENAI_", "CODEX_")
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})


def misleading(given: Iterable[str]) -> list[str]:
    """Variables that would lead an agent elsewhere than to the model on this machine, as to another provider or through
    a proxy, or let it behave in another way.

    Args:
        given: The names of the variables of the user's environment.
    """
    return [name for name in given if name.startswith(_OF_AGENTS) or name.lower() in _PROXIES]


def environment(agent: str, home: Path, url: str) -> dict[str, str]:
    """What leads an agent to the model, and keeps it off the user's own settings and login.

    Args:
        agent: Its short name.
        home: An empty folder for its settings; files are written there.
        url: The address of the model.

    Raises:
        OSError: a file cannot be written.
    """
    if agent == "claude":
        return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "none", "CLAUDE_CONFIG_DIR": str(home)}
    (home / "config.toml").write_text(
        'model_provider = "x"\n[model_providers.x]\nname = "x"\nwire_api = "responses"\nenv_key = "SCRIPTED_KEY"\n'
        f'base_url = "{url}/v1"\nrequest_max_retries = 0\nstream_max_retries = 0\n',
        encoding="utf-8",
    )
    # With its home in a temporary folder, Codex finds no program of its sandbox where bwrap is installed.
    temporary = home / "tmp"
    temporary.mkdir()
    return {"SCRIPTED_KEY": "none", "CODEX_HOME": str(home), "TMPDIR": str(temporary)}


@contextmanager
def serving(file: Path) -> Iterator[str]:
    """The scripted model in a process of its own; its address.

    Args:
        file: The script, as JSON.
    """
    command = [sys.executable, "-m", "parallelproject.demo.scripted_model.main", str(file)]
    # In a session of its own: a Ctrl-C is for the run.
    with Popen(command, stdout=PIPE, text=True, start_new_session=True, encoding="utf-8") as server:
        try:
            yield server.stdout.readline().strip() if server.stdout else ""
        finally:
            server.kill()
