"""On a real Gitea: a branch for each task, merged one at a time, each as it was checked."""

from dataclasses import replace

import pytest

from parallelproject.forge.publishing.result import PublishEnd
from parallelproject.git.plumbing.refs import task_branch
from rig.gitearepository import Repository
from tests.gitea.setup import BRANCH, Publisher, checking

pytestmark = pytest.mark.gitea


def land(repository: Repository, task: str, files: dict[str, str]) -> str:
    return repository.commit(task_branch(BRANCH, task), files, f"task {task}", start="main")


def test_all_are_merged_in_order_each_updated_and_checked_first(publisher: Publisher, repository: Repository) -> None:
    repository.protect("main", ["ci"])
    start = repository.tip("main")
    tips = {task: land(repository, task, {task: "1"}) for task in "abc"}
    with checking(repository, lambda sha: "success") as judged:
        published = publisher.per_task(["c", "a", "b"])
    assert [(p.task, p.end, p.number) for p in published] == [
        ("c", PublishEnd.MERGED, 1), ("a", PublishEnd.MERGED, 2), ("b", PublishEnd.MERGED, 3)
    ]  # fmt: skip
    before = start
    for one in published:
        base, head = repository.parents(one.merge_commit or "")
        assert base == before
        assert head in judged
        assert repository.parents(head) == [before]  # made anew on what was merged before it: a line of one commit each
        assert (head == tips[one.task or ""]) == (one.task == "c")
        before = one.merge_commit
    assert repository.tip("main") == before
    assert [repository.text(task) for task in "abc"] == ["1", "1", "1"]
    assert [repository.tip(task_branch(BRANCH, task)) for task in "abc"] == [None, None, None]
    # Called again when all is done, it tells the same.
    assert publisher.per_task(["c", "a", "b"]) == [replace(one, is_news=False) for one in published]


def test_one_that_conflicts_is_left_open_and_the_next_is_merged(publisher: Publisher, repository: Repository) -> None:
    land(repository, "a", {"x": "by a"})
    tip = land(repository, "b", {"x": "by b", "README.md": "by b"})
    land(repository, "c", {"y": "by c"})
    repository.protect("main", ["ci"])
    for _ in range(2):  # called again, it says so on the pull request only once
        with checking(repository, lambda sha: "success"):
            published = publisher.per_task("abc")
        assert [(p.end, p.paths) for p in published] == [
            (PublishEnd.MERGED, ()), (PublishEnd.CONFLICT, ("x",)), (PublishEnd.MERGED, ())
        ]  # fmt: skip
    (comment,) = repository.comments(2)
    assert "- `x`" in comment
    assert (repository.pull(2)["state"], repository.tip(task_branch(BRANCH, "b"))) == ("open", tip)
    assert [repository.tip(task_branch(BRANCH, task)) for task in "ac"] == [None, None]
    assert (repository.text("x"), repository.text("y")) == ("by a", "by c")


def test_one_that_passes_alone_and_fails_on_the_others_stays_out(publisher: Publisher, repository: Repository) -> None:
    repository.protect("main", ["ci"])
    land(repository, "a", {"a": "1"})
    alone = land(repository, "b", {"b": "1"})
    with checking(
        repository, lambda sha: "failure" if sha != alone and "task b" in said(repository, sha) else "success"
    ):
        published = publisher.per_task("ab")
    assert [p.end for p in published] == [PublishEnd.MERGED, PublishEnd.CHECKS_FAILED]
    assert repository.tip(task_branch(BRANCH, "b"))
    assert {file["name"] for file in repository.request("GET", "/contents")} == {"README.md", "a"}


def said(repository: Repository, commit: str) -> str:
    return str(repository.about(commit)["commit"]["message"])
