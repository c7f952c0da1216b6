"""On a real Gitea: SIGKILL after each request that changes it, then again: one pull request, one merge, one comment.

A look changes nothing: to die after one is to die after the change before it.
"""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parallelproject.forge.clients.answer import Answer
from parallelproject.forge.clients.protocol import Words
from parallelproject.forge.clients.session import ForgeSession
from parallelproject.forge.publishing.result import PublishEnd
from parallelproject.git.plumbing.refs import task_branch
from parallelproject.model.spec import MergeMode
from rig import Gitea
from rig.gitearepository import Repository
from tests.forkserver import PROCESSES
from tests.gitea.setup import OWNER, ROBOT, Publisher, Settings, checking, mounted
from tests.sampling import Sampler

pytestmark = [pytest.mark.gitea, pytest.mark.sampled(1, of_file=True)]
_PATIENCE = 300.0
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Scene:
    """A publishing that dies after so many changes."""

    repository: Repository
    publisher: Publisher
    name: str
    at: int


def shared(publisher: Publisher, name: str) -> Any:
    """One branch, merged; its label is not there yet."""
    return publisher.shared(MergeMode.WHEN_CHECKS_PASS, Words(name, "text", (name,)), name)


def per_task(publisher: Publisher, name: str) -> Any:
    """Two tasks; the second conflicts."""
    return publisher.per_task("ab", name)


def _dying(step: Callable[[Publisher, str], Any], settings: Settings, name: str, at: int) -> None:
    real, calls = ForgeSession.call, []

    async def call(self: ForgeSession, method: str, path: str, *given: Any, **more: Any) -> Answer:
        try:
            return await real(self, method, path, *given, **more)
        finally:
            if method != "GET":
                calls.append(path)
            if len(calls) == at:
                os.kill(os.getpid(), signal.SIGKILL)

    ForgeSession.call = call  # type: ignore[method-assign]
    step(Publisher(settings), name)


def killed(step: Callable[[Publisher, str], Any], settings: Settings, name: str, at: int) -> int | None:
    """Runs a step in a process that is killed after so many changes; gives its exit code."""
    process = PROCESSES.Process(target=_dying, args=(step, settings, name, at))
    process.start()
    process.join(_PATIENCE)
    return process.exitcode


@pytest.fixture
def each(
    users: Gitea, token: str, tmp_path: Path, sampled: Sampler
) -> Callable[[dict[str, int], Callable[[Scene], None]], None]:
    """Plays one scene for each of these deaths, two at a time; each has a repository of its own.

    After a merge is always among a sample: what must not be done twice.
    """

    def play(death: tuple[str, int], scene: Callable[[Scene], None]) -> None:
        name, at = death
        repository = users.repository(OWNER, f"{tmp_path.name[:40]}-{name}", {ROBOT: "write"})
        repository.protect("main", ["ci"])
        (tmp_path / name).mkdir()
        settings = Settings(repository.url, tmp_path / name / "publish", mounted(tmp_path / name, users, token))
        scene(Scene(repository, Publisher(settings), name, at))

    def play_all(deaths: dict[str, int], scene: Callable[[Scene], None]) -> None:
        with ThreadPoolExecutor(2) as pool:
            for two in sampled.batches(deaths.items(), 1, 2, lambda death: "merged" in death[0]):
                list(pool.map(lambda death: play(death, scene), two))

    return play_all


def test_killed_after_each_change_of_a_branch_that_is_merged(each: Callable[..., None]) -> None:
    def scene(scene: Scene) -> None:
        repository, name = scene.repository, scene.name
        tip = repository.commit(name, {"x": "1"}, "a", start="main")
        repository.set_status(tip, "success")
        assert killed(shared, scene.publisher.settings, name, scene.at) == KILLED
        assert repository.pull(1)["merged"] == (name == "merged")
        assert shared(scene.publisher, name).end is PublishEnd.MERGED
        (pull,) = repository.pulls()
        assert ([label["name"] for label in pull["labels"]], pull["body"]) == ([name], "text")
        assert repository.parents(pull["merge_commit_sha"])[1] == tip
        assert [label["name"] for label in repository.request("GET", "/labels")] == [name]

    each({"opened": 1, "label-made": 2, "label-added": 3, "merged": 4}, scene)


def test_killed_after_each_change_of_a_merge_queue(each: Callable[..., None]) -> None:
    def scene(scene: Scene) -> None:
        repository, name = scene.repository, scene.name
        for task in "ab":
            repository.commit(task_branch(name, task), {"x": f"by {task}"}, task, start="main")
        with checking(repository, lambda sha: "success"):
            assert killed(per_task, scene.publisher.settings, name, scene.at) == KILLED
            assert [pull["merged"] for pull in repository.pulls()] == [name != "both-opened", False]
            assert [one.end for one in per_task(scene.publisher, name)] == [PublishEnd.MERGED, PublishEnd.CONFLICT]
        pulls = repository.pulls()
        assert [(pull["merged"], pull["comments"]) for pull in pulls] == [(True, 0), (False, 1)]
        assert repository.text("x") == "by a"
        assert repository.tip(task_branch(name, "a")) is None

    each({"both-opened": 2, "one-merged": 3, "commented": 4}, scene)
