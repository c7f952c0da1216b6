"""SIGKILL at every request to the forge and at every call of git, then again: one pull request, one merge."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from parallelproject.forge.publishing.result import PublishEnd
from parallelproject.git.plumbing.refs import task_branch
from tests.forge.setup import BRANCH, Publisher, Settings
from tests.forge.standin import StandIn
from tests.forge.victim import KILLED, branch_per_level, branch_per_task, per_task, run, shared
from tests.forge.world import World
from tests.git.killer import Killer
from tests.git.remote import Remote, git
from tests.sampling import Sampler

CHANGING = {"init", "fetch", "commit-tree", "push"}
"""What leaves something behind; the others only look."""
KEPT = 2
"""How many of what could be cut off are in a sample, besides the most dangerous."""
pytestmark = pytest.mark.timeout(1800)  # hundreds of processes one after the other, on whatever machine


def merges(numbered: tuple[int, tuple[str, str]]) -> bool:
    """Whether a request merges something: what must not be done twice."""
    return "merge" in numbered[1][1] and numbered[1][0] != "GET"


class Scene:
    """One repository after another, with the same work in it, on one forge."""

    def __init__(self, standin: StandIn, publisher: Publisher, folder: Path) -> None:
        self.standin = standin
        self.publisher = publisher
        self.start = publisher.settings.folder.parent / "start"
        git(folder, "clone", "--quiet", "--bare", publisher.settings.repository, str(self.start))

    def reset(self) -> None:
        """As if nothing had been published."""
        world = self.standin.world
        git(world.remote.path, "fetch", "--quiet", "--prune", "--force", str(self.start), "+refs/heads/*:refs/heads/*")
        world.pulls.clear()
        world.merges.clear()
        world.labels.clear()
        self.standin.requests.clear()
        self.standin.fault = lambda index, method, path: None


@pytest.mark.sampled(1)
@pytest.mark.parametrize("how", ["kill-before", "kill-after"])
def test_killed_at_every_request_of_a_branch_that_is_merged(
    standin: StandIn, publisher: Publisher, world: World, tmp_path: Path, sampled: Sampler, how: str
) -> None:
    world.remote.commit(BRANCH, {"x": "1"}, "a", force_parent=world.tip("main"))
    world.ci = lambda sha: "passed"
    scene = Scene(standin, publisher, tmp_path)
    assert run(shared, publisher.settings, standin) == 0
    requests = list(standin.requests)
    assert len(requests) >= 8
    for at, request in sampled(enumerate(requests, 1), KEPT, merges):
        scene.reset()
        standin.fault = lambda index, method, path, at=at: how if index == at else None
        assert run(shared, publisher.settings, standin) == KILLED, request
        standin.fault = lambda index, method, path: None
        assert run(shared, publisher.settings, standin) == 0, request
        assert (len(world.pulls), len(world.merges)) == (1, 1), request
        assert world.pull(1).labels == ["agents"]
        assert git(world.remote.path, "rev-list", "--count", "--first-parent", "main") == "2"
    git(world.remote.path, "fsck", "--full", "--strict")


@pytest.mark.sampled(1)
@pytest.mark.parametrize("how", ["kill-before", "kill-after"])
def test_killed_at_every_request_of_a_merge_queue(
    standin: StandIn, publisher: Publisher, world: World, remote: Remote, tmp_path: Path, sampled: Sampler, how: str
) -> None:
    queue(remote)
    world.ci = lambda sha: "passed"
    scene = Scene(standin, publisher, tmp_path)
    assert run(per_task, publisher.settings, standin) == 0
    assert len(standin.requests) >= 15
    # Between a request and a look only git was asked: that is the test below.
    looks = {"GET"} if how == "kill-before" else set()
    requests = [(at, request) for at, request in enumerate(standin.requests, 1) if request[0] not in looks]
    for at, request in sampled(requests, KEPT, merges):
        scene.reset()
        standin.fault = lambda index, method, path, at=at: how if index == at else None
        assert run(per_task, publisher.settings, standin) == KILLED, request
        standin.fault = lambda index, method, path: None
        published = publisher.per_task("abc")
        assert [p.end for p in published] == [PublishEnd.MERGED, PublishEnd.CONFLICT, PublishEnd.MERGED], request
        assert (len(world.pulls), len(world.merges)) == (3, 2), request
        assert [len(pull.comments) for pull in world.pulls] == [0, 1, 0], request
        check_queue(remote)
    git(remote.path, "fsck", "--full", "--strict")


@pytest.mark.sampled(1)
@pytest.mark.parametrize("standin", ["Gitea"], indirect=True)
@pytest.mark.parametrize(("step", "pulls"), [(branch_per_task, 3), (branch_per_level, 2)])
def test_killed_at_every_request_that_changes_something_of_parts(
    standin: StandIn,
    publisher: Publisher,
    world: World,
    remote: Remote,
    tmp_path: Path,
    sampled: Sampler,
    step: Callable[[Settings], None],
    pulls: int,
) -> None:
    line = f"{BRANCH}/_all"
    for task in "abc":
        remote.done(task, {task: "1"}, branch=line).land()
    world.ci = lambda sha: "passed"
    scene = Scene(standin, publisher, tmp_path)
    assert run(step, publisher.settings, standin) == 0
    requests = [(at, request) for at, request in enumerate(standin.requests, 1) if request[0] != "GET"]
    assert len(requests) >= 2 * pulls
    deaths = [(at, request, how) for at, request in requests for how in ("kill-before", "kill-after")]
    for at, request, how in sampled(deaths, KEPT, lambda death: death[2] == "kill-after" and merges(death[:2])):
        scene.reset()
        standin.fault = lambda index, method, path, at=at, how=how: how if index == at else None
        assert run(step, publisher.settings, standin) == KILLED, request
        standin.fault = lambda index, method, path: None
        assert run(step, publisher.settings, standin) == 0, request
        assert (len(world.pulls), len(world.merges)) == (pulls, pulls), request
        assert remote.files("main") >= {"a", "b", "c"}
        assert {name for name in remote.refs() if name.startswith("refs/heads/")} == {f"refs/heads/{line}"}
    git(remote.path, "fsck", "--full", "--strict")


@pytest.mark.sampled(1)
@pytest.mark.parametrize("how", ["after", "orphan"])
def test_killed_at_every_call_of_git_of_a_merge_queue(
    without_forge: Publisher, remote: Remote, tmp_path: Path, sampled: Sampler, how: str
) -> None:
    queue(remote)
    start = tmp_path / "start"
    git(tmp_path, "clone", "--quiet", "--bare", str(remote.path), str(start))
    killer = Killer(tmp_path)

    def step() -> None:
        without_forge.per_task("abc")

    private = without_forge.settings.folder
    commands = killer.commands(step)
    check_queue(remote)
    assert commands.count("push") == 5  # a; c brought up to date; both merged, in between and after; both deleted
    calls = [(at, command) for at, command in enumerate(commands, 1) if command in CHANGING]
    for at, command in sampled(calls, KEPT, lambda call: call[1] == "push"):
        shutil.rmtree(private)
        git(remote.path, "fetch", "--quiet", "--prune", "--force", str(start), "+refs/heads/*:refs/heads/*")
        assert killer.run(step, at, how) == KILLED, command
        without_forge.per_task("abc")
        check_queue(remote)
        assert git(remote.path, "log", "--format=%s", "main").split() == ["c", "a", "start"], command
    remote.check()


def queue(remote: Remote) -> None:
    """Three tasks: the first two write the same file."""
    main = remote.tip("main")
    for task, files in (("a", {"x": "by a"}), ("b", {"x": "by b"}), ("c", {"y": "by c"})):
        remote.commit(task_branch(BRANCH, task), files, task, force_parent=main)


def check_queue(remote: Remote) -> None:
    """a and c are in, once; b is where it was; what was merged is gone."""
    assert (remote.show("x", "main"), remote.show("y", "main")) == ("by a", "by c")
    assert sorted(git(remote.path, "log", "--no-merges", "--format=%s", "main").split()) == ["a", "c", "start"]
    assert set(remote.refs()) == {f"refs/heads/{BRANCH}/b"}
    assert remote.show("x", f"{BRANCH}/b") == "by b"
