"""A backlog done by a real agent program against a scripted model: no key is needed, and nothing is paid.

Run it with ``make demo-agents``, or ``make demo-agents AGENT=codex``.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from parallelproject.agents.catalog import BY_NAME

DONE = {"say": "Done."}
MODELS = {"claude": "claude", "codex": "codex:scripted"}
"""By agent, the value of ``--agent``."""
TASKS: dict[str, list[str]] = {
    "schema": [], "api": ["schema"], "client": ["schema"], "docs": ["api"], "limited": [], "nothing": [], "liar": [],
}  # fmt: skip


def script() -> dict[str, Any]:
    """What the model does in each task."""
    tasks: dict[str, Any] = {
        task: [{"edit": {"path": f"{task}.txt", "content": f"{task}\n"}}, DONE] for task in TASKS
    }  # fmt: skip
    tasks["limited"].insert(0, {"error": {"status": 429, "retryAfter": 3}})
    tasks["nothing"] = [{"run": "echo 'it is there already' > \"$PPROJ_OUTPUTS/no-change\""}, DONE]
    tasks["liar"] = [{"say": "API Error: 500 Internal server error"}]
    return {"tasks": tasks}


def environment(agent: str, home: Path, url: str) -> dict[str, str]:
    """What leads an agent to the model, and keeps it off the user's own settings."""
    if agent == "claude":
        return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "none", "CLAUDE_CONFIG_DIR": str(home)}
    (home / "config.toml").write_text(
        'model_provider = "x"\n[model_providers.x]\nname = "x"\nwire_api = "responses"\nenv_key = "SCRIPTED_KEY"\n'
        f'base_url = "{url}/v1"\nrequest_max_retries = 0\nstream_max_retries = 0\n'
    )
    return {"SCRIPTED_KEY": "none", "CODEX_HOME": str(home)}


def main(agent: str) -> int:
    """Runs the backlog, and returns the exit code."""
    if agent not in MODELS:
        print(f"error: {agent} is not claude or codex (hint: make demo-agents AGENT=claude)", file=sys.stderr)  # noqa: T201
        return 2
    preset = BY_NAME[agent]
    for program, hint in ((preset.program, preset.install), ("git", "install git")):
        if shutil.which(program) is None:
            print(f"error: {program} is not on the PATH (install it: {hint})", file=sys.stderr)  # noqa: T201
            return 1
    folder = Path(tempfile.mkdtemp(prefix="pproj-demo-"))
    home, repository = folder / "home", folder / "repository"
    home.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(repository)], check=True)
    me = ["-c", "user.name=demo", "-c", "user.email=demo@example.com"]
    subprocess.run(["git", "-C", str(repository), *me, "commit", "-q", "--allow-empty", "-m", "Begin"], check=True)
    (folder / "script.json").write_text(json.dumps(script()))
    tasks = [{"id": task, "dependencies": needs} for task, needs in TASKS.items()]
    spec = {"scheduling": "Graph", "failurePolicy": "Continue", "defaults": {"backoffSeconds": 1}, "tasks": tasks}
    project = {
        "apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": "demo-agents"},
        "spec": spec,
    }  # fmt: skip
    (folder / "project.json").write_text(json.dumps(project))
    model = "parallelproject.demo.scripted_model.main"
    with subprocess.Popen(
        [sys.executable, "-m", model, str(folder / "script.json")], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            url = server.stdout.readline().strip() if server.stdout else ""
            pproj, project_file = Path(sys.executable).with_name("pproj"), folder / "project.json"
            options = ["--repo", str(repository), "--agent", MODELS[agent], "--state-dir", str(folder / "state")]
            command = [str(pproj), "run", str(project_file), *options]
            code = subprocess.run(command, env={**os.environ, **environment(agent, home, url)}, check=False).returncode
        finally:
            server.terminate()
    if code != 1:
        return code or 1
    print(  # noqa: T201
        "\nThe task liar failed, as expected: its answer was an error. The scripted model has ended, so a run of this "
        f"backlog now would use your own agent and your key.\nThe repository is {repository}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "claude"))
