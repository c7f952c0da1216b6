"""One task of an agent in pods, one after the other as the operator starts them, until one has succeeded.

A pod is its containers, as processes. Whatever is killed, the next pod starts when all of the one before have ended, in
folders of its own: what that has left is in the repository, or lost with its node.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.agents.test_endings import STREAMS
from tests.git.remote import Remote
from tests.git.test_pod import SECONDS, Pod
from tests.git.test_pod_agent import TASK

MOMENTS = ("before its first word", "in the middle of its output", "after its final event")
PODS_MAX = 3
"""One that is killed, one after it, and one too many."""


class LifePod(Pod):
    """One pod; ``patch`` is executed in each of our containers before it starts."""

    def __init__(self, life: "Life", number: int, *, lands: bool, patch: str, path: str) -> None:
        self.number, self._lands, self._patch = number, lands, patch
        remote = life.remote
        folder = remote.folder / f"pod-a-{number}"
        agent = {"type": "ClaudeCode", "taskFile": str(remote.folder / "task.json")}
        agent["promptFile"] = str(folder / "bin" / "prompt.md")
        outputs = str(folder / "outputs")
        self._path = path
        super().__init__(remote, "a", number=number, agent=agent, outputs=outputs)
        Path(outputs).mkdir()
        if not lands:
            place = {"workspace": str(self.workspace), "private": str(self.private)}
            self._file.write_text(json.dumps({**place, "agent": agent, "outputs": outputs}))

    def _git(self, step: str, *arguments: str) -> subprocess.Popen[bytes]:
        steps = {"prepare": "prepare-reading", "deliver": "read"}
        words = [step if self._lands else steps[step], str(self._file), "--state", str(self.state), *arguments]
        script = f"{self._patch}\nimport sys\nfrom parallelproject.git.container.main import main\nsys.exit(main())"
        environment = {**os.environ, "PATH": f"{self._path}:{os.environ['PATH']}" if self._path else os.environ["PATH"]}
        return subprocess.Popen([sys.executable, "-c", script, *words], stdout=subprocess.PIPE, env=environment)


@dataclass
class Life:
    """The life of an agent, and what comes of it."""

    remote: Remote
    moment: str = ""
    """When it waits to be killed."""
    lands: bool = True
    stream: str = "done"
    patch: str = ""
    git_of_first: str = ""
    """A folder with the git of the first pod, for its container that lands."""
    results: list[dict[str, Any]] = field(default_factory=list)
    """Of each pod, what its last container of ours said; empty where it said nothing."""

    def __post_init__(self) -> None:
        (self.remote.folder / "task.json").write_text(json.dumps(TASK))
        self.reached, self.go = self.remote.folder / "reached", self.remote.folder / "go"
        self._journal = self.remote.folder / "journal"
        text = (STREAMS / f"claude/{self.stream}.log").read_bytes()
        self._halves = [self.remote.folder / name for name in ("first", "second")]
        for file, part in zip(self._halves, (text[: len(text) // 2], text[len(text) // 2 :]), strict=True):
            file.write_bytes(part)

    @property
    def journal(self) -> list[str]:
        """What the agents have noted: each start, and where there were two at once."""
        return self._journal.read_text().split() if self._journal.exists() else []

    def run(self, kill: Callable[[LifePod, "Processes"], object] | None = None) -> bool:
        """Runs pods until one has succeeded; whether one has.

        Args:
            kill: What is done to the first one when its agent has come to the moment.
        """
        for number in range(1, PODS_MAX + 1):
            path = self.git_of_first if number == 1 else ""
            pod = LifePod(self, number, lands=self.lands, patch=self.patch, path="")
            if pod.prepare()[0] != 0:
                self.results.append({})
                continue
            pod._path = path
            processes = Processes(pod.deliver(), pod.command("sh", "-c", self._script()))
            if number == 1 and kill is not None:
                pod.until(self.reached.exists)
                kill(pod, processes)
            self.go.touch()
            own = processes.agent.wait(SECONDS)
            said, _ = processes.git.communicate(timeout=SECONDS)
            self.results.append(json.loads(said.partition(b"\n")[0] or b"{}"))
            self.go.unlink()
            if own == 0 and processes.git.returncode == 0:
                return True
        return False

    def _script(self) -> str:
        wait = f"if [ ! -e {self.reached} ]; then touch {self.reached}; until [ -e {self.go} ]; do sleep 0.05; done; fi"
        before, middle, after = (wait if self.moment == each else "true" for each in MOMENTS)
        own = self.remote.folder / "pids"
        alive = "grep -q '^State:.[^ZX]' /proc/$pid/status 2>/dev/null"
        return "\n".join(
            [
                f"for pid in $(cat {own} 2>/dev/null); do {alive} && echo two >> {self._journal}; done",
                f"echo $$ >> {own}; echo start >> {self._journal}",
                before, "echo 1 > new", f"cat {self._halves[0]}", middle, f"cat {self._halves[1]}", after,
            ]
        )  # fmt: skip


@dataclass
class Processes:
    """Those of a running pod."""

    git: subprocess.Popen[bytes]
    agent: subprocess.Popen[bytes]

    def kill_git(self) -> None:
        """The container that lands or reads dies, for example for lack of memory."""
        self.git.kill()

    def kill_agent(self) -> None:
        """The task's container dies with all that is in it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.agent.pid, signal.SIGKILL)

    def kill_node(self) -> None:
        """Both die."""
        self.kill_git()
        self.kill_agent()


VICTIMS: dict[str, Callable[[LifePod, Processes], object]] = {
    "git": lambda pod, processes: processes.kill_git(),
    "agent": lambda pod, processes: processes.kill_agent(),
    "node": lambda pod, processes: processes.kill_node(),
}


def breaches(life: Life, succeeded: bool) -> list[str]:
    """What went wrong in a life of which at most one pod was killed."""
    found = ["no pod has succeeded"] if not succeeded else []
    starts = life.journal.count("start")
    found += ["two agents at once"] if "two" in life.journal else []
    found += [f"{len(life.results)} pods"] if len(life.results) > 2 else []
    found += [f"{starts} agents in {len(life.results)} pods"] if starts > len(life.results) else []
    if life.lands:
        branch = life.remote.refs().get("refs/heads/parallel/x")
        tasks = life.remote.tasks() if branch else []
        found += [f"landed: {tasks}"] if tasks != ["a"] else []
        landed = life.remote.show("new") if "new" in (life.remote.files() if branch else set()) else None
        found += [f"new is {landed}"] if landed != "1" else []
    elif succeeded and (life.results[-1].get("agent") or {}).get("outcome") != "Succeeded":
        found.append(f"the result is {life.results[-1]}")
    return found
