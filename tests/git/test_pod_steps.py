"""The steps of a task in pods: their containers as processes, with a real repository between them."""

import json
import signal
from typing import Any

import pytest

from parallelproject.core.steps.step import StepVerdict
from parallelproject.executors.base.delivered import Delivered, delivered, report_of
from parallelproject.git.plumbing.outcome import AGENT_FAILED, GATE_REJECTED
from parallelproject.model.status import Reason
from tests.agents.test_endings import STREAMS
from tests.git.remote import BRANCH, REFS, Remote, git
from tests.git.test_pod import SECONDS, Pod, handles_sigterm
from tests.git.test_pod_agent import TASK

pytestmark = pytest.mark.usefixtures("wrapper")


class StepPod(Pod):
    """The pod of an attempt at a step."""

    def __init__(
        self,
        remote: Remote,
        number: int,
        name: str = "",
        *,
        work: int = 0,
        task: str = "a",
        folder: str = "",
        **fields: Any,
    ) -> None:
        step = {key: fields.pop(key) for key in ("gate", "last", "onlyLands", "messageMax") if key in fields}
        self.outputs = remote.folder / f"outputs-{folder or task}-{number}"
        self.outputs.mkdir(exist_ok=True)
        self._said = remote.folder / f"message-{folder or task}-{number}"
        if work:
            fields["continues"] = f"{REFS}/{task}/held/{work}"
        super().__init__(
            remote, task, number=number, folder=folder, outputs=str(self.outputs), step={"name": name, **step}, **fields
        )  # fmt: skip

    def sh(self, script: str) -> tuple[int, Delivered]:
        """Runs a command in it; the exit code of the git container, and what the operator reads of its result."""
        code, prepared = self.prepare()
        assert code == 0, prepared
        beside = self.deliver("--result", str(self._said))
        self.command("sh", "-c", script).wait(SECONDS)
        code = beside.wait(SECONDS)
        return code, delivered(code, self._said.read_text())

    def says(self) -> dict[str, Any]:
        """Its result."""
        found: dict[str, Any] = json.loads(self._said.read_text().partition("\n")[0])
        return found


def held(remote: Remote, number: int = 1, script: str = "echo 1 > work", task: str = "a") -> None:
    """Work that is held, of an attempt."""
    code, found = StepPod(remote, number, task=task).sh(script)
    assert (code, found.verdict) == (0, StepVerdict.HELD)


def has_landed(remote: Remote) -> bool:
    """Whether anything has."""
    return remote.tip() != remote.tip("main")


def test_work_goes_through_a_ref_from_one_pod_to_the_next_and_lands_once_as_it_was_judged(remote: Remote) -> None:
    own = StepPod(remote, 1)
    code, found = own.sh(f"echo 1 > work; echo out > {own.outputs}/answer")
    assert (code, found.verdict, found.outputs, found.is_done) == (0, StepVerdict.HELD, (("answer", "out"),), False)
    assert (has_landed(remote), remote.state()) == (False, {"a/held/1"})
    format_ = StepPod(remote, 2, "format", work=1)
    assert format_.sh("test $(cat work) = 1 && echo 2 >> work && echo f > formatted")[1].verdict is StepVerdict.HELD
    gate = StepPod(remote, 3, "review", work=2, gate=True)
    spoil = f"git show HEAD | grep -q '^+2' && echo spoilt > work && echo x > {gate.outputs}/answer"
    code, found = gate.sh(spoil)
    assert (code, found.verdict, found.outputs) == (0, StepVerdict.PASSED, ())
    assert not has_landed(remote)
    last = StepPod(remote, 4, "test", work=2, gate=True, last=True)
    code, found = last.sh("echo spoilt > work; rm formatted")
    assert (code, found.is_done, found.commit) == (0, True, str(remote.tip())[:10])
    assert remote.show("work") == "1\n2"
    assert git(remote.path, "diff", "--name-only", "main", BRANCH).split() == ["formatted", "work"]
    assert git(remote.path, "rev-list", "--count", f"main..{BRANCH}") == "1"
    assert remote.state() == {"a/landed"}, "nothing is held any more"


def test_a_step_that_is_last_and_no_gate_lands_all_of_the_work(remote: Remote) -> None:
    held(remote)
    code, found = StepPod(remote, 2, "format", work=1, last=True).sh("echo f > formatted")
    assert (code, found.is_done, remote.show("work"), remote.show("formatted")) == (0, True, "1", "f")
    assert remote.state() == {"a/landed"}


@pytest.mark.parametrize(
    ("script", "report", "code"),
    [
        ("echo not yet; echo why not >&2; exit 3", "not yet\nwhy not\n", 3),
        ("echo log; echo use tabs > {outputs}/rejected.md; exit 0", "use tabs\n", 1),
        ("echo log; echo use tabs > {outputs}/rejected.md; exit 4", "use tabs\n", 4),
        ("exit 1", "", 1),
    ],
)
def test_a_gate_rejects_with_its_report_and_nothing_lands(remote: Remote, script: str, report: str, code: int) -> None:
    held(remote)
    gate = StepPod(remote, 2, "review", work=1, gate=True, last=True)
    git_code, found = gate.sh(script.format(outputs=gate.outputs))
    assert (git_code, found.verdict, found.reason) == (GATE_REJECTED, StepVerdict.REJECTED, Reason.GATE_FAILED)
    assert (found.report, found.exit_code) == (report, code)
    text = report_of(found, 2, by_itself=False)
    assert text.startswith("The work did not land: review rejected the work ")
    assert report in text
    assert (has_landed(remote), remote.state()) == (False, {"a/held/1"})


@pytest.mark.parametrize(
    ("script", "by_agent"),
    [
        ("exit 75", False),
        ("exit 126", False),
        ("exit 127", False),
        ("kill -9 $$", False),
        ("echo x > {outputs}/rejected.md; exit 75", False),
        ("echo x > {outputs}/rejected.md; kill -9 $$", False),
        ("echo 'which?' > {outputs}/needs-input.md", False),
        ("cat {streams}/claude/usage-limit.log; echo x > {outputs}/rejected.md; exit 1", True),
        ("cat {streams}/claude/done.log; exit 3", True),
        ("true", True),
    ],
)
def test_these_ends_of_a_gate_are_no_verdict(remote: Remote, script: str, by_agent: bool) -> None:
    held(remote)
    pod = agent_gate(remote, 2) if by_agent else StepPod(remote, 2, "review", work=1, gate=True, last=True)
    code, found = pod.sh(script.format(outputs=pod.outputs, streams=STREAMS))
    assert (found.verdict, found.is_done, code in (0, AGENT_FAILED)) == (None, False, True)
    assert (has_landed(remote), remote.state()) == (False, {"a/held/1"}), "what a gate leaves is no work"


def agent_gate(remote: Remote, number: int) -> StepPod:
    """A gate that a coding agent is."""
    file, prompt = remote.folder / "task.json", remote.folder / f"prompt-{number}.md"
    step = {"name": "review", "gate": True, "round": 1, "hasWork": True}
    file.write_text(json.dumps(TASK | {"step": step}))
    agent = {"type": "ClaudeCode", "taskFile": str(file), "promptFile": str(prompt)}
    return StepPod(remote, number, "review", work=1, gate=True, last=True, agent=agent)


def test_an_agent_judges_by_a_file_and_its_prompt_says_so(remote: Remote) -> None:
    held(remote)
    rejecting = agent_gate(remote, 2)
    code, found = rejecting.sh(f"cat {STREAMS}/claude/done.log; echo no tests > {rejecting.outputs}/rejected.md")
    assert (code, found.verdict, found.report) == (GATE_REJECTED, StepVerdict.REJECTED, "no tests\n")
    assert found.usage is not None, "what a reviewer has used counts"
    assert "rejected.md" in (remote.folder / "prompt-2.md").read_text()
    code, found = agent_gate(remote, 3).sh(f"cat {STREAMS}/claude/done.log")
    assert (code, found.is_done, remote.show("work")) == (0, True, "1")


def test_a_gate_that_is_stopped_gives_no_verdict_whatever_its_command_says_then(remote: Remote) -> None:
    held(remote)
    for number, end in enumerate(("exit 1", "exit 0", f"echo x > {remote.folder}/outputs-a-2/rejected.md; exit 0"), 2):
        gate = StepPod(remote, number, "review", work=1, gate=True, last=True)
        gate.prepare()
        beside = gate.deliver()
        command = gate.command("sh", "-c", f"trap '{end}' TERM; touch ready; sleep 1000 & wait")
        gate.until(lambda gate=gate, beside=beside: (gate.workspace / "ready").exists() and handles_sigterm(beside.pid))
        beside.terminate()
        command.terminate()
        command.wait(SECONDS)
        code, result = gate.end(beside)
        assert (delivered(code, json.dumps(result)).verdict, "was stopped" in result["message"]) == (None, True)
        assert (code != 0, has_landed(remote)) == (True, False)


def test_a_gate_whose_command_is_asked_first_to_end_gives_no_verdict(remote: Remote) -> None:
    held(remote)
    gate = StepPod(remote, 2, "review", work=1, gate=True, last=True)
    gate.prepare()
    beside = gate.deliver()
    command = gate.command("sh", "-c", "trap 'exit 2' TERM; touch ready; sleep 1000 & wait")
    gate.until((gate.workspace / "ready").exists)
    command.terminate()
    assert command.wait(SECONDS) == 2
    code, result = gate.end(beside)
    assert (delivered(code, json.dumps(result)).verdict, "was stopped" in result["message"]) == (None, True)
    other = StepPod(remote, 3, "review", work=1, gate=True, last=True)
    other.prepare()
    beside = other.deliver()
    command = other.command("sh", "-c", "trap 'exit 2' HUP; touch ready; sleep 1000 & wait")
    other.until((other.workspace / "ready").exists)
    command.send_signal(signal.SIGHUP)
    assert command.wait(SECONDS) == 2
    code, result = other.end(beside)
    assert delivered(code, json.dumps(result)).verdict is StepVerdict.REJECTED, "only SIGTERM ends a pod"


def test_a_report_is_cut_to_what_the_kubelet_keeps(remote: Remote) -> None:
    held(remote)
    printed = StepPod(remote, 2, "review", work=1, gate=True, messageMax=1024)
    _, found = printed.sh("echo begin; seq 10000; echo ää end; exit 1")
    assert found.report.endswith("\n10000\nää end\n")
    assert "begin" not in found.report
    written = StepPod(remote, 3, "review", work=1, gate=True, messageMax=1024)
    _, found = written.sh(f"(echo begin; seq 10000; echo end) > {written.outputs}/rejected.md")
    assert found.report.startswith("begin\n1\n2\n")
    for number in (2, 3):
        assert 900 < len((remote.folder / f"message-a-{number}").read_bytes()) <= 1024


def test_work_that_a_lost_pod_has_held_is_not_done_again_by_the_next_pod_of_its_attempt(remote: Remote) -> None:
    held(remote)
    again = StepPod(remote, 1, folder="b")
    code, found = again.sh("touch ran; echo other > work")
    assert (code, found.verdict, (again.workspace / "ran").exists()) == (0, StepVerdict.HELD, False)
    assert git(remote.path, "show", f"{REFS}/a/held/1:work") == "1"


def test_work_that_has_passed_all_gates_lands_without_a_command(remote: Remote) -> None:
    held(remote)
    code, found = StepPod(remote, 2, work=1, onlyLands=True, last=True).sh("echo other > work")
    assert (code, found.is_done, remote.show("work"), remote.state()) == (0, True, "1", {"a/landed"})
    code, found = StepPod(remote, 3, "test", work=1, gate=True).sh("exit 1")
    assert (code, found.is_done, found.commit) == (0, True, str(remote.tip())[:10]), "what has landed is judged no more"


def test_an_agent_that_changed_nothing_and_does_not_say_why_holds_nothing(remote: Remote) -> None:
    file = remote.folder / "task.json"
    file.write_text(json.dumps(TASK))
    agent = {"type": "ClaudeCode", "taskFile": str(file), "promptFile": str(remote.folder / "prompt.md")}
    code, found = StepPod(remote, 1, agent=agent).sh(f"cat {STREAMS}/claude/done.log")
    assert (code, found.reason, remote.state()) == (AGENT_FAILED, Reason.NO_CHANGE, set())


def test_work_that_conflicts_when_its_gates_have_passed_does_not_land(remote: Remote) -> None:
    held(remote, 1, "echo mine > README")
    remote.commit(BRANCH, {"README": "theirs\n"}, "other")
    code, found = StepPod(remote, 2, "test", work=1, gate=True, last=True).sh("true")
    assert (code, found.reason, found.paths) == (20, Reason.CONFLICT, ("README",))
    assert remote.show("README") == "theirs"


def test_held_work_that_is_gone_is_an_error_and_not_another_start(remote: Remote) -> None:
    code, result = StepPod(remote, 2, "review", work=1, gate=True).prepare()
    assert (code, result["reason"]) == (21, "HeldWorkGone"), "as after a rewritten branch, all of it is done again"
    assert "does all of its work again" in result["message"]


def test_a_pod_that_only_lands_finds_what_the_pod_before_it_has_landed(remote: Remote) -> None:
    held(remote)
    assert StepPod(remote, 2, work=1, onlyLands=True, last=True).sh("true")[1].is_done
    code, found = StepPod(remote, 2, work=1, onlyLands=True, last=True, folder="b").sh("true")
    assert (code, found.is_done, found.commit) == (0, True, str(remote.tip())[:10])
    code, found = StepPod(remote, 1, work=9, onlyLands=True, last=True, task="other").sh("true")
    assert (code, found.reason) == (21, Reason.BRANCH_REWRITTEN)


def test_held_work_whose_branch_was_rewritten_does_not_land_and_is_done_again_on_the_new_one(remote: Remote) -> None:
    held(remote)
    git(remote.path, "update-ref", f"refs/heads/{BRANCH}", git(remote.path, "commit-tree", "-m", "x", "main^{tree}"))
    code, found = StepPod(remote, 2, "test", work=1, gate=True, last=True).sh("true")
    assert (code, found.reason) == (21, Reason.BRANCH_REWRITTEN)
    held(remote, 3, "echo 3 > work")
    code, found = StepPod(remote, 4, "test", work=3, gate=True, last=True).sh("true")
    assert (found.is_done, remote.show("work")) == (True, "3")
