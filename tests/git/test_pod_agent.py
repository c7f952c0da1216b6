"""A coding agent in a pod: its prompt, and the verdict that stands between its exit code and its work."""

import json
from decimal import Decimal
from typing import Any

import pytest

from parallelproject.core.planner.agent_usage import AgentUsage
from parallelproject.executors.base.delivered import Delivered, delivered
from parallelproject.git.container.instructions import RESULT_MAX
from parallelproject.git.plumbing.outcome import AGENT_FAILED
from parallelproject.model.status import Reason
from tests.agents.test_endings import STREAMS
from tests.git.remote import REFS, Remote, git
from tests.git.test_pod import SECONDS, Pod
from tests.processes import has_open

pytestmark = pytest.mark.usefixtures("wrapper")
TASK = {
    "project": "p", "task": {"id": "a", "title": "A title"}, "attempt": 1, "level": 0, "role": "coder",
    "parameters": {}, "dependencies": [],
}  # fmt: skip


class AgentPod(Pod):
    """A pod whose command prints a recorded stream."""

    def __init__(self, remote: Remote, task: str = "a", **agent: Any) -> None:
        folder = remote.folder / f"files-{task}"
        self.outputs = folder / "outputs"
        self.outputs.mkdir(parents=True)
        self.task_file, self.feedback = folder / "task.json", folder / "feedback.txt"
        self.task_file.write_text(json.dumps(TASK))
        self.prompt = remote.folder / f"pod-{task}-1" / "bin" / "prompt.md"
        fields = {
            "type": "ClaudeCode", "taskFile": str(self.task_file),
            "feedbackFile": str(self.feedback), "promptFile": str(self.prompt),
        }  # fmt: skip
        super().__init__(remote, task, agent=fields | agent, outputs=str(self.outputs))

    def attempt(self, stream: str, do: str = "echo 1 > new", code: int = 0) -> tuple[int, dict[str, Any]]:
        """Runs the agent; the exit code of the git container, and its result."""
        file = STREAMS / f"claude/{stream}.log"
        script = f'export PPROJ_OUTPUTS={self.outputs}; {do}; cat "{file}"; exit {code}'
        own, git, result = self.run("sh", "-c", script)
        assert own == code
        return git, result


def test_work_of_an_agent_that_came_to_its_end_lands_with_its_tokens(remote: Remote) -> None:
    code, result = AgentPod(remote).attempt("done")
    assert (code, result["outcome"], remote.show("new")) == (0, "Landed", "1")
    found = result["agent"]
    assert (found["outcome"], found["exitCode"], "reason" in found) == ("Succeeded", 0, False)
    assert found["inputTokens"] > 0
    assert found["outputTokens"] > 0
    assert found["costUsd"] > 0


@pytest.mark.parametrize(
    ("stream", "code", "reason", "exit_code", "has_reset"),
    [
        ("session-limit-exit-0", 0, Reason.RATE_LIMITED, 75, True),
        ("usage-limit", 1, Reason.RATE_LIMITED, 75, False),
        ("overloaded", 1, Reason.TRANSIENT, 75, False),
        ("unauthorized", 1, Reason.AGENT_AUTH, 1, False),
        ("denied", 0, Reason.AGENT_DENIED, 1, False),
        ("lie", 0, Reason.RATE_LIMITED, 75, False),
        ("no-final-event", 0, Reason.AGENT_ERROR, 1, False),
        ("nothing", 3, Reason.EXIT_CODE, 3, False),
    ],
)
def test_an_agent_that_failed_lands_nothing_whatever_its_exit_code(
    remote: Remote, stream: str, code: int, reason: Reason, exit_code: int, has_reset: bool
) -> None:
    git, result = AgentPod(remote).attempt(stream, code=code)
    assert (git, result["outcome"]) == (AGENT_FAILED, "Failed")
    assert result["ref"] in remote.refs()
    assert remote.tip() == remote.tip("main")
    found = delivered(git, json.dumps(result))
    assert (found.reason, found.exit_code, found.retry_at is not None) == (reason, exit_code, has_reset)
    assert found.explanation
    assert found.ref == result["ref"]


@pytest.mark.parametrize(
    ("do", "fields", "code", "outcome"),
    [
        ("true", {}, AGENT_FAILED, "NoChange"),
        ("true", {"mayChangeNothing": True}, 0, "NoChange"),
        ("echo nothing to do > $PPROJ_OUTPUTS/no-change", {}, 0, "NoChange"),
        ("echo 42 > $PPROJ_OUTPUTS/answer", {}, 0, "Succeeded"),
        ("echo which one? > $PPROJ_OUTPUTS/needs-input.md", {}, AGENT_FAILED, "NeedsInput"),
    ],
)
def test_no_change_needs_a_word(remote: Remote, do: str, fields: dict[str, Any], code: int, outcome: str) -> None:
    git, result = AgentPod(remote, **fields).attempt("done", do)
    assert (git, result["agent"]["outcome"]) == (code, outcome)


LONG = "Which port? " * 400


def test_a_question_reaches_the_operator_and_is_whole_in_the_log(
    remote: Remote, capfd: pytest.CaptureFixture[str]
) -> None:
    git, result = AgentPod(remote).attempt("done", f"echo 1 > new; echo '{LONG}' > $PPROJ_OUTPUTS/needs-input.md")
    assert (git, len(json.dumps(result)) <= RESULT_MAX) == (AGENT_FAILED, True)
    found = delivered(git, json.dumps(result))
    assert (found.reason, found.question.startswith("Which port? Which port?")) == (Reason.NEEDS_INPUT, True)
    assert 400 < len(found.question) < len(LONG)
    assert LONG.strip()[:4000] in capfd.readouterr().err
    assert (result["ref"] in remote.refs(), remote.tip()) == (True, remote.tip("main"))


@pytest.mark.parametrize(("code", "asks"), [(0, True), (75, True), (3, False)])
def test_a_command_that_is_no_agent_may_ask_too(remote: Remote, code: int, asks: bool) -> None:
    outputs = remote.folder / "outputs"
    outputs.mkdir()
    script = f"echo 1 > new; echo 'Which port?' > {outputs}/needs-input.md; exit {code}"
    own, git, result = Pod(remote, "a", outputs=str(outputs)).run("sh", "-c", script)
    found = delivered(git, json.dumps(result))
    assert (own, git == AGENT_FAILED, found.question) == (code, asks, "Which port?" if asks else "")
    assert (found.reason == Reason.NEEDS_INPUT, remote.tip()) == (asks, remote.tip("main"))
    assert result["ref"] in remote.refs()


def test_what_an_agent_declares_is_no_link_to_what_only_the_git_container_may_read(remote: Remote) -> None:
    secret = remote.folder / "password"
    secret.write_text("hunter2")
    pod = AgentPod(remote)
    git, result = pod.attempt("done", f"ln -s {secret} $PPROJ_OUTPUTS/needs-input.md; echo 1 > new")
    assert (git, result["outcome"]) == (0, "Landed")
    assert "hunter2" not in json.dumps(result)


def test_an_output_that_the_task_put_in_place_of_the_kept_one_is_no_success(remote: Remote) -> None:
    pod = AgentPod(remote)
    git, result = pod.attempt("done", f"rm {pod.state}/output; ln -s {STREAMS}/claude/done.log {pod.state}/output")
    assert (git, result["agent"]["reason"]) == (AGENT_FAILED, "AgentError")


def test_what_an_agent_prints_is_in_the_log_of_its_container_too(remote: Remote, capfd: pytest.CaptureFixture) -> None:
    AgentPod(remote).attempt("done")
    assert (STREAMS / "claude/done.log").read_text() in capfd.readouterr().out


def test_a_process_that_it_leaves_with_its_output_open_does_not_keep_it(remote: Remote) -> None:
    git, result = AgentPod(remote).attempt("done", "echo 1 > new; (setsid sleep 1000 &)")
    assert (git, result["outcome"]) == (0, "Landed")


def test_a_long_message_leaves_the_result_readable(remote: Remote) -> None:
    pod = AgentPod(remote)
    long = "ä" * 9000
    event = {"type": "result", "subtype": "success", "is_error": True, "result": long, "session_id": "s"}
    stream = pod.folder / "stream"
    stream.write_text(json.dumps(event) + "\n")
    _, git, result = pod.run("sh", "-c", f"echo 1 > new; cat {stream}")
    assert git == AGENT_FAILED
    assert len(json.dumps(result)) <= RESULT_MAX
    found = delivered(git, json.dumps(result))
    assert (found.reason, found.ref) == (Reason.AGENT_ERROR, result["ref"])


@pytest.mark.parametrize("verdict", [None, [], "x", {"reason": "Nonsense", "exitCode": "7", "resetAt": "never"}])
def test_a_verdict_that_cannot_be_read_is_a_failure(verdict: object) -> None:
    found = delivered(AGENT_FAILED, json.dumps({"outcome": "Failed", "agent": verdict}))
    assert isinstance(found, Delivered)
    assert (found.reason, found.exit_code, found.retry_at) == (Reason.AGENT_ERROR, None, None)


def test_the_prompt_is_written_before_the_agent_starts(remote: Remote) -> None:
    pod = AgentPod(remote)
    pod.feedback.write_text("Attempt 1 ended with Failed: it was late")
    assert pod.prepare()[0] == 0
    text = pod.prompt.read_text()
    assert "# Task a: A title" in text
    assert "it was late" in text
    assert str(pod.outputs) in text


def test_a_template_that_cannot_be_rendered_is_final_and_says_why(remote: Remote) -> None:
    code, result = AgentPod(remote, template="{{ task.nothing }}").prepare()
    assert (code, result["reason"]) == (22, "InvalidPrompt")
    assert "spec.prompt" in result["message"]


def test_work_that_only_has_to_land_needs_no_prompt(remote: Remote) -> None:
    commit = remote.commit("other", {"x": "1"}, "work", force_parent=git(remote.path, "rev-parse", "main"))
    git(remote.path, "update-ref", f"{REFS}/a/result", commit)
    pod = AgentPod(remote, template="{{ task.nothing }}")
    code, result = pod.prepare()
    assert (code, result["outcome"]) == (0, "LandOnly")
    assert not pod.prompt.exists()


def test_what_an_agent_says_when_its_pod_is_stopped_is_not_how_it_failed(remote: Remote) -> None:
    pod = AgentPod(remote)
    pod.prepare()
    container = pod.deliver()
    script = f"cat {STREAMS}/claude/usage-limit.log; touch {pod.folder}/said; exec sleep 1000"
    command = pod.command("sh", "-c", script)
    pod.until((pod.folder / "said").exists)
    pod.until(lambda: has_open(container.pid, pod.state / "lock"))
    container.terminate()
    command.terminate()
    assert command.wait(SECONDS) == 143
    code, result = pod.end(container)
    assert code == AGENT_FAILED
    found = result["agent"]
    assert (found["reason"], found["exitCode"]) == ("AgentError", 143)
    assert found["message"] == "it was stopped before its end"


def test_what_an_agent_says_whose_container_is_stopped_first_is_not_how_it_failed(remote: Remote) -> None:
    pod = AgentPod(remote)
    pod.prepare()
    container = pod.deliver()
    script = f"trap 'exit 1' TERM; cat {STREAMS}/claude/usage-limit.log; touch {pod.folder}/said; sleep 1000 & wait"
    command = pod.command("sh", "-c", script)
    pod.until((pod.folder / "said").exists)
    command.terminate()
    command.wait(SECONDS)
    found = pod.end(container)[1]["agent"]
    assert (found["reason"], found["message"]) == ("AgentError", "it was stopped before its end")


def test_a_question_of_an_agent_is_valid_although_its_pod_was_being_stopped(remote: Remote) -> None:
    pod = AgentPod(remote)
    pod.prepare()
    container = pod.deliver()
    end = f"cat {STREAMS}/claude/done.log; echo 'Which port?' > {pod.outputs}/needs-input.md; exit 0"
    command = pod.command(
        "sh", "-c", f"trap '{end.replace(chr(39), chr(34))}' TERM; touch {pod.folder}/ready; sleep 1000 & wait"
    )
    pod.until((pod.folder / "ready").exists)
    pod.until(lambda: has_open(container.pid, pod.state / "lock"))
    container.terminate()
    command.terminate()
    assert command.wait(SECONDS) == 0
    code, result = pod.end(container)
    assert (code, result["agent"]["reason"]) == (AGENT_FAILED, "NeedsInput")
    assert result["agent"]["question"] == "Which port?"


def test_the_user_s_template_is_rendered(remote: Remote) -> None:
    pod = AgentPod(remote, template="{{ task.title }} of {{ project }}")
    assert pod.prepare()[0] == 0
    assert pod.prompt.read_text() == "A title of p"


def test_what_a_task_reports_to_have_used_is_in_the_result_whatever_its_end(
    remote: Remote, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = remote.folder / "outputs"
    folder.mkdir()
    report = folder / "usage.json"
    spends = f'echo \'{{"usd": 0.4, "gpu-hours": 1.5, "x": [], "y": null}}\' > {report}; echo 1 > new'
    for number, code in enumerate((0, 3), 1):
        pod = Pod(remote, f"u{number}", outputs=str(folder), readsUsage=True)
        own, _, result = pod.run("sh", "-c", f"{spends}; exit {code}")
        assert (own, result["usage"]) == (code, {"gpu-hours": "1.5", "usd": "0.4"})
        found = delivered(0, json.dumps(result)).usage
        assert found == AgentUsage(usd=Decimal("0.4"), units=(("gpu-hours", Decimal("1.5")),))
        assert 'usage.json: "x", "y" are not amounts of units, so it does not count' in capfd.readouterr().err
    assert "usage" not in Pod(remote, "u0", outputs=str(folder)).run("sh", "-c", "exit 3")[2], "without a budget"
    report.unlink()
    report.symlink_to("/dev/zero")
    last = Pod(remote, "u3", outputs=str(folder), readsUsage=True)
    assert "usage" not in last.run("sh", "-c", "echo 2 > new")[2]
    assert (
        "usage.json is not a plain file that can be read, so it does not count (write a JSON" in capfd.readouterr().err
    )


def test_an_attempt_that_continues_a_session_gets_the_short_prompt_and_counts_only_its_own_tokens(
    remote: Remote,
) -> None:
    stream = (STREAMS / "codex/done.log").read_text()
    first = AgentPod(remote, type="Codex", model="m")
    script = f"echo 1 > new; cat {STREAMS}/codex/done.log; rm -f new"
    _, _, result = first.run("sh", "-c", script)
    verdict = result["agent"]
    session, tokens = verdict["session"], verdict["sessionTokens"]
    assert session in stream
    assert (verdict["sessionOf"], verdict["outcome"], "before" in verdict) == ("Codex/m", "NoChange", False)
    fields = {"session": session, "before": "NoChange", "usedBefore": tokens}
    second = AgentPod(remote, "b", type="Codex", model="m", **fields)
    second.feedback.write_text("Attempt 1 ended with NoChange")
    second.prepare()
    text = second.prompt.read_text()
    assert "The attempt before has left this:" in text
    assert str(second.workspace) in text
    beside = second.deliver()
    second.command("sh", "-c", f"echo 1 > new; cat {STREAMS}/codex/done.log").wait(SECONDS)
    again = second.end(beside)[1]["agent"]
    assert (again["inputTokens"], again["outputTokens"]) == (0, 0), "the stream reports what the first one has used"
    assert (again["before"], again["sessionTokens"]) == ("NoChange", tokens)
