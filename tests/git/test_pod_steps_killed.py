"""A pod of a step that is lost at any call of git: the next pod of its attempt ends the same, by the repository alone.

What the containers of a pod do is called here in processes without a container, with what the wrapper leaves.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from parallelproject.core.steps.step import StepVerdict
from parallelproject.git.container.pod_step import PodStep, StepEnded
from parallelproject.git.container.sidecar import Failed, SidecarFolder, deliver, prepare_pod
from parallelproject.git.landing.hold import hold
from parallelproject.git.landing.land import Landed
from parallelproject.git.plumbing.outcome import Outcome
from parallelproject.git.plumbing.refs import TaskRefs
from tests.git.killer import KILLED, Killer
from tests.git.remote import RUN, Remote
from tests.sampling import Sampler

GATE = PodStep("review", gate=True, last=True)
KEPT = 2
"""How many of the calls are in a sample, besides those that change the remote."""


class StepPod:
    """A pod of an attempt: the first one, or one that follows it."""

    def __init__(self, remote: Remote, task: str, kind: str) -> None:
        made = remote.attempt(task, number=1 if kind == "work" else 2)
        continues = "" if kind == "work" else TaskRefs(RUN, task).held(1)
        self.delivery, self.place = replace(made.delivery, continues=continues), made.place
        self.step = PodStep() if kind == "work" else GATE
        self._kind, self._task = kind, task
        folder = made.place.private.parent / "state"
        self.state, self.tools = SidecarFolder(folder), folder.parent / "tools"
        folder.mkdir(parents=True)

    def prepare(self) -> None:
        prepare_pod(self.delivery, self.place, self.state, self.tools, Path("/bin/true"), step=self.step)

    def command(self) -> None:
        """What the command and its wrapper leave."""
        if (self.state.folder / "skip").exists():
            return
        if self._kind == "work":
            (self.place.workspace / f"work-{self._task}").write_text("1")
        else:
            (self.place.workspace / f"work-{self._task}").write_text("spoilt")
        (self.state.folder / "started").touch()
        (self.state.folder / "code").write_text("1\n" if self._kind == "rejecting" else "0\n")

    def deliver(self) -> Landed | Failed | StepEnded:
        return deliver(self.delivery, self.place, self.state, step=self.step)


@pytest.fixture
def killer(tmp_path: Path) -> Killer:
    return Killer(tmp_path)


@pytest.mark.parametrize("victim", ["prepare", "deliver"])
@pytest.mark.parametrize("kind", ["work", "gate", "nothing", "rejecting"])
def test_lost_at_any_call_of_git_it_is_followed_by_one_that_ends_the_same(
    remote: Remote, killer: Killer, sampled: Sampler, victim: str, kind: str
) -> None:
    def attempt(task: str, at: int) -> list[str]:
        """A pod whose victim is killed at a call; 0: at none. The calls of the victim."""
        if kind != "work":
            first = remote.done(task, {} if kind == "nothing" else {f"work-{task}": "1"})
            hold(first.delivery, first.place, 1)
        pod = StepPod(remote, task, kind)
        if victim == "prepare":
            code = killer.run(pod.prepare, at)
        else:
            pod.prepare()
            pod.command()
            code = killer.run(pod.deliver, at)
        assert code == (KILLED if at else 0)
        return killer.calls.read_text().split()

    remote.attempt("first").prepare()  # makes the branch, so that all attempts have the same calls
    calls = attempt("t0", 0)
    for at, command in sampled(list(enumerate(calls, 1)), KEPT, lambda call: call[1] == "push"):
        task = f"t{at}"
        attempt(task, at)
        if kind != "gate":
            assert task not in remote.tasks(), f"{command} {at}: only a gate that has accepted the work lands it"
        again = StepPod(remote, task, kind)
        again.prepare()
        again.command()
        ended = again.deliver()
        refs = {name.removeprefix(f"{task}/") for name in remote.state() if name.startswith(f"{task}/")}
        if kind == "work":
            assert (ended.outcome, refs) == (StepVerdict.HELD, {"held/1"}), (command, at)
            assert remote.show(f"work-{task}", TaskRefs(RUN, task).held(1)) == "1"
        elif kind == "gate":
            assert isinstance(ended, Landed)
            assert (refs, remote.tasks().count(task)) == ({"landed"}, 1), (command, at)
            assert remote.show(f"work-{task}") == "1", "as it was judged"
        elif kind == "nothing":
            assert (ended.outcome, refs) == (Outcome.NO_CHANGE, {"held/1"}), (command, at)
        else:
            assert (ended.outcome, refs) == (StepVerdict.REJECTED, {"held/1"}), (command, at)
    remote.check()
