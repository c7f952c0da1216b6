"""SIGKILL of a pod's containers at moments of an agent's life, and of the one that lands at its calls of git.

The next pod lands what was safe, or begins again: never two agents at once, no result lost, nothing paid twice that had
landed. tests/agents/test_killed.py has the same for a local run, tests/faults for the operator.
"""

from pathlib import Path

import pytest

from tests.git.agent_life import MOMENTS, VICTIMS, Life, breaches
from tests.git.killer import Killer
from tests.git.remote import REFS, Remote
from tests.git.test_pod import SECONDS
from tests.sampling import Sampler

pytestmark = [pytest.mark.usefixtures("wrapper"), pytest.mark.timeout(1200)]
KEPT = 1


def has_landed(remote: Remote) -> bool:
    return f"{REFS}/a/landed" in remote.refs()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("lands", [True, False])
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_moment_of_an_agent(remote: Remote, moment: str, victim: str, lands: bool) -> None:
    life = Life(remote, moment, lands)
    assert breaches(life, life.run(VICTIMS[victim])) == []
    assert life.journal.count("start") == 2, "its work was not safe yet"


@pytest.mark.sampled(1)
@pytest.mark.parametrize("victim", VICTIMS)
def test_an_agent_that_failed_lands_nothing_when_it_is_killed(remote: Remote, victim: str) -> None:
    life = Life(remote, MOMENTS[2], stream="no-final-event")
    assert not life.run(VICTIMS[victim])
    assert not has_landed(remote)
    assert remote.tip("main") == remote.tip()


def at_git(remote: Remote, folder: Path, at: int, how: str, patch: str = "") -> tuple[Life, bool, bool]:
    """A life whose first pod is killed at a call of git when it lands: that, whether it succeeded, and whether the work
    was on the branch, or safe in the repository, before the second pod."""
    killer = Killer(folder)
    killer.arm(at, how)
    life = Life(remote, patch=patch, git_of_first=str(killer.bin))
    safe: list[bool] = []

    class Watched(list):  # type: ignore[type-arg]
        def append(self, result: object) -> None:
            safe.append(bool({f"{REFS}/a/landed", f"{REFS}/a/result"} & remote.refs().keys()))
            super().append(result)

    life.results = Watched()
    succeeded = life.run()
    return life, succeeded, safe[0]


def calls(remote: Remote, folder: Path) -> list[tuple[int, str]]:
    """The calls of git of a landing in which nothing goes wrong."""
    folder.mkdir()
    killer = Killer(folder)
    killer.arm()
    life = Life(remote, git_of_first=str(killer.bin))
    assert breaches(life, life.run()) == []
    return list(enumerate(killer.calls.read_text().split(), 1))


@pytest.mark.parametrize("how", ["after", "orphan"])
def test_killed_at_a_call_of_git_while_it_lands(tmp_path: Path, sampled: Sampler, how: str) -> None:
    found = calls(new_remote(tmp_path / "clean"), tmp_path / "calls")
    last = found[-1]  # it has landed, and the result is not written
    for at, command in sampled(found, KEPT, lambda case: case == last or (case[1] == "push" and how == "after")):
        remote = new_remote(tmp_path / f"{how}-{at}")
        life, succeeded, was_safe = at_git(remote, remote.folder, at, how)
        assert breaches(life, succeeded) == [], (at, command)
        assert len(life.results) == 2
        assert life.journal.count("start") == (1 if was_safe else 2), "what is safe is not paid for again"


def new_remote(folder: Path) -> Remote:
    folder.mkdir()
    return Remote(folder, {"a.txt": "1\n", "b.txt": "1\n"})


PLANTED = {
    "work that is safe or has landed is done again": """
import parallelproject.git.workspace.prepare as prepare
from dataclasses import replace
branch = prepare._branch
prepare._branch = lambda store: replace(branch(store), landed=None, result=None)
""",
    "what an agent that failed has made lands": """
from parallelproject.git.container.agent import AgentVerdict
init = AgentVerdict.__init__
def fine(self, *given):
    init(self, *given)
    self.exit_code = 0
AgentVerdict.__init__ = fine
""",
    "the end of the agent is not waited for": """
from parallelproject.git.container.sidecar import SidecarFolder
SidecarFolder.wait_end = lambda self, inode: (0, "")
""",
    "a pod that only reads takes every end for a good one": """
import parallelproject.git.container.reading as reading
def well(place, state, judge):
    state.wait_end(state.make_lock())
    return reading.CommandEnded()
import parallelproject.git.container.main as main
main.read_end = well
""",
}


def caught(bug: str, folder: Path) -> bool:
    """Whether the lives above show a bug."""
    patch = PLANTED[bug]
    if bug == "work that is safe or has landed is done again":
        last = len(calls(new_remote(folder / "clean"), folder / "calls"))
        life, succeeded, was_safe = at_git(new_remote(folder / "last"), folder / "last", last, "after", patch)
        return bool(breaches(life, succeeded)) or (was_safe and life.journal.count("start") > 1)
    if bug == "what an agent that failed has made lands":
        life = Life(new_remote(folder / "liar"), stream="no-final-event", patch=patch)
        return life.run() or has_landed(life.remote)
    life = Life(new_remote(folder / "life"), MOMENTS[1], lands="reads" not in bug, patch=patch)
    if "reads" in bug:
        return bool(breaches(life, life.run(VICTIMS["agent"])))
    # Nobody is killed: the container that lands must not end while the agent is held.
    succeeded = life.run(lambda pod, processes: processes.git.wait(SECONDS))
    return bool(breaches(life, succeeded)) or len(life.results) > 1


@pytest.mark.sampled(1)
@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_caught(tmp_path: Path, bug: str) -> None:
    assert caught(bug, tmp_path)
