"""On a real Gitea: SIGKILL after each request that changes it, then again: one pull request, one merge, one comment.

A look changes nothing: to die after one is to die after the change before it.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from parallelproject.forge.answer import Answer
from parallelproject.forge.protocol import Words
from parallelproject.forge.published import End
from parallelproject.forge.session import Session
from parallelproject.git.refs import task_branch
from parallelproject.model.spec import MergeMode
from rig.gitearepository import Repository
from tests.gitea.setup import Publisher, Settings, checking

pytestmark = pytest.mark.gitea
# From a server of their own: this process has threads, which a fork would not take along.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.gitea.test_killed", "aiohttp", "parallelproject.forge.gitea"])
_PATIENCE = 60.0
KILLED = -signal.SIGKILL


def shared(publisher: Publisher, name: str) -> Any:
    """One branch, merged; its label is not there yet."""
    return publisher.shared(MergeMode.WHEN_CHECKS_PASS, Words(name, "text", (name,)), name)


def per_task(publisher: Publisher, name: str) -> Any:
    """Two tasks; the second conflicts."""
    return publisher.per_task("ab", name)


def _dying(step: Callable[[Publisher, str], Any], settings: Settings, name: str, at: int) -> None:
    real, calls = Session.call, []

    async def call(self: Session, method: str, path: str, *given: Any, **more: Any) -> Answer:
        try:
            return await real(self, method, path, *given, **more)
        finally:
            if method != "GET":
                calls.append(path)
            if len(calls) == at:
                os.kill(os.getpid(), signal.SIGKILL)

    Session.call = call  # type: ignore[method-assign]
    step(Publisher(settings), name)


def killed(step: Callable[[Publisher, str], Any], settings: Settings, name: str, at: int) -> int | None:
    """Runs a step in a process that is killed after so many changes; gives its exit code."""
    process = _PROCESSES.Process(target=_dying, args=(step, settings, name, at))
    process.start()
    process.join(_PATIENCE)
    return process.exitcode


def test_killed_after_each_change_of_a_branch_that_is_merged(publisher: Publisher, repository: Repository) -> None:
    repository.protect("main", ["ci"])
    changes = ["opened", "label-made", "label-added", "merged"]
    for at, name in enumerate(changes, 1):
        tip = repository.commit(name, {name: "1"}, name, start="main")
        repository.set_status(tip, "success")
        assert killed(shared, publisher.settings, name, at) == KILLED
        assert repository.pulls()[-1]["merged"] == (name == "merged")
        assert shared(publisher, name).end is End.MERGED
        (pull,) = [pull for pull in repository.pulls() if pull["head"]["label"] == name]
        assert ([label["name"] for label in pull["labels"]], pull["body"]) == ([name], "text")
        assert repository.parents(pull["merge_commit_sha"])[1] == tip
    assert sorted(label["name"] for label in repository.request("GET", "/labels")) == sorted(changes)


def test_killed_after_each_change_of_a_merge_queue(publisher: Publisher, repository: Repository) -> None:
    repository.protect("main", ["ci"])
    with checking(repository, lambda sha: "success"):
        for at, name in ((2, "both-opened"), (3, "one-merged"), (4, "commented")):
            for task in "ab":
                repository.commit(task_branch(name, task), {name: f"by {task}"}, task, start="main")
            assert killed(per_task, publisher.settings, name, at) == KILLED
            assert [pull["merged"] for pull in repository.pulls()[-2:]] == [at > 2, False]
            assert [one.end for one in per_task(publisher, name)] == [End.MERGED, End.CONFLICT]
            pulls = [pull for pull in repository.pulls() if pull["head"]["label"].startswith(f"{name}/")]
            assert [(pull["merged"], pull["comments"]) for pull in pulls] == [(True, 0), (False, 1)]
            assert repository.text(name) == "by a"
            assert repository.tip(task_branch(name, "a")) is None
