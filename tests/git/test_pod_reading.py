"""An agent without a repository, as the processes of its pod: its prompt, and how it ended, in the result."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from parallelproject.executors.base.delivered import delivered
from parallelproject.git.plumbing.outcome import AGENT_FAILED
from parallelproject.model.status import Reason
from tests.agents.test_endings import STREAMS
from tests.git.remote import Remote
from tests.git.test_pod import SECONDS, Pod
from tests.git.test_pod_agent import TASK

pytestmark = pytest.mark.usefixtures("wrapper")


class ReadingPod(Pod):
    """A pod whose work lands nowhere; the remote only gives it a folder."""

    def __init__(self, remote: Remote, **agent: Any) -> None:
        super().__init__(remote, "r")
        self.outputs, self.prompt = self.folder / "outputs", self.tools / "prompt.md"
        self.outputs.mkdir()
        (self.folder / "task.json").write_text(json.dumps(TASK))
        files = {"taskFile": str(self.folder / "task.json"), "promptFile": str(self.prompt)}
        common = {"workspace": str(self.workspace), "private": str(self.private), "outputs": str(self.outputs)}
        called = {"type": "ClaudeCode", **files, **agent}
        self._file.write_text(json.dumps({**common, "agent": called, "readsUsage": True}))

    def _git(self, step: str, *arguments: str) -> Any:
        return super()._git({"prepare": "prepare-reading", "deliver": "read"}[step], *arguments)

    def attempt(self, stream: str, do: str = "true", code: int = 0) -> tuple[int, dict[str, Any]]:
        """Runs the agent; the exit code of the reader, and its result."""
        script = f'PPROJ_OUTPUTS={self.outputs}; {do}; cat "{STREAMS}/claude/{stream}.log"; exit {code}'
        own, reader, result = self.run("sh", "-c", script)
        assert own == code
        return reader, result


def test_an_agent_that_came_to_its_end_succeeds_with_its_tokens_its_session_and_its_outputs(remote: Remote) -> None:
    pod = ReadingPod(remote)
    assert pod.prepare() == (0, {"outcome": "Prepared"})
    assert "# Task a: A title" in pod.prompt.read_text()
    reader = pod.deliver()
    script = f"echo 42 > {pod.outputs}/answer; cat {STREAMS}/claude/done.log"
    assert pod.command("sh", "-c", script).wait(SECONDS) == 0
    said, _ = reader.communicate(timeout=SECONDS)
    result = json.loads(said.partition(b"\n")[0])
    assert (reader.returncode, result["outcome"], result["agent"]["outcome"]) == (0, "Ended", "Succeeded")
    assert min(result["agent"][name] for name in ("inputTokens", "outputTokens", "costUsd")) > 0
    assert result["agent"]["session"]
    found = delivered(0, said.decode())
    assert (found.reason, found.outputs, found.commit) == (None, (("answer", "42"),), None)
    assert found.usage is not None


@pytest.mark.parametrize(
    ("stream", "code", "reason", "exit_code"),
    [
        ("session-limit-exit-0", 0, Reason.RATE_LIMITED, 75),
        ("overloaded", 1, Reason.TRANSIENT, 75),
        ("unauthorized", 1, Reason.AGENT_AUTH, 1),
        ("denied", 0, Reason.AGENT_DENIED, 1),
        ("no-final-event", 0, Reason.AGENT_ERROR, 1),
        ("nothing", 3, Reason.EXIT_CODE, 3),
    ],
)
def test_an_agent_that_failed_fails_whatever_its_exit_code(
    remote: Remote, stream: str, code: int, reason: Reason, exit_code: int
) -> None:
    reader, result = ReadingPod(remote).attempt(stream, code=code)
    found = delivered(reader, json.dumps(result))
    assert (reader, found.reason, found.exit_code) == (AGENT_FAILED, reason, exit_code)
    assert found.explanation


def test_nothing_has_to_change_where_there_is_nothing_to_compare_with(remote: Remote) -> None:
    assert ReadingPod(remote).attempt("done")[0] == 0


def test_a_question_and_what_it_reports_to_have_used_come_back(remote: Remote) -> None:
    do = """echo 'Which port?' > $PPROJ_OUTPUTS/needs-input.md; echo '{"gpu-hours": 2}' > $PPROJ_OUTPUTS/usage.json"""
    reader, result = ReadingPod(remote).attempt("done", do)
    found = delivered(reader, json.dumps(result))
    assert (found.reason, found.question, result["usage"]) == (Reason.NEEDS_INPUT, "Which port?", {"gpu-hours": "2"})


def test_an_agent_that_was_killed_with_its_wrapper_has_not_succeeded(remote: Remote) -> None:
    pod = ReadingPod(remote)
    pod.prepare()
    reader = pod.deliver()
    command = pod.command("sh", "-c", f"cat {STREAMS}/claude/done.log; touch {pod.folder}/said; sleep 1000")
    pod.until((pod.folder / "said").exists)
    os.killpg(command.pid, signal.SIGKILL)
    command.wait(SECONDS)
    code, result = pod.end(reader)
    assert (code, result["outcome"]) == (25, "Failed")


def test_a_template_that_cannot_be_rendered_is_final_and_says_why(remote: Remote) -> None:
    code, result = ReadingPod(remote, template="{{ task.nothing }}").prepare()
    assert (code, result["reason"]) == (22, "InvalidPrompt")


def test_it_calls_no_git(remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\ntouch {tmp_path}/called\nexit 1\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    assert ReadingPod(remote).attempt("done")[0] == 0
    assert not (tmp_path / "called").exists()
