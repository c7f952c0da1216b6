"""A branch for each task: merged one at a time, in order, each as it was checked."""

import pytest

from parallelproject.forge.publishing.result import PublishEnd
from parallelproject.git.plumbing.refs import task_branch
from parallelproject.model.spec import MergeMode
from tests.forge.setup import BRANCH, Publisher
from tests.forge.standin import StandIn
from tests.forge.world import World
from tests.git.remote import Remote, git

TASKS = ("a", "b", "c")
pytestmark = pytest.mark.sampled(1, over="standin")  # test_merge and test_pull_request try each forge


def land(remote: Remote, task: str, files: dict[str, str], parent: str | None = None) -> str:
    return remote.commit(task_branch(BRANCH, task), files, task, force_parent=parent or remote.tip("main"))


def edit(remote: Remote, line: int, task: str) -> dict[str, str]:
    lines = remote.show("a.txt", "main").splitlines()
    lines[line] = f"by {task}"
    return {"a.txt": "\n".join([*lines, ""])}


@pytest.fixture(autouse=True)
def work(world: World, remote: Remote) -> None:
    """Three tasks that have worked side by side on one file, in different places."""
    start = remote.tip("main")
    for i, task in enumerate(TASKS):
        land(remote, task, edit(remote, 10 * i, task), start)
    world.ci = lambda sha: "passed"


def test_all_are_merged_in_order_and_each_stays_one_commit(
    publisher: Publisher, world: World, remote: Remote, standin: StandIn
) -> None:
    published = publisher.per_task(["c", "a", "b"])
    assert [(p.task, p.end, p.number) for p in published] == [
        ("c", PublishEnd.MERGED, 1), ("a", PublishEnd.MERGED, 2), ("b", PublishEnd.MERGED, 3)
    ]  # fmt: skip
    assert [number for number, _ in world.merges] == [1, 2, 3]
    text = remote.show("a.txt", "main").splitlines()
    assert [text[0], text[10], text[20]] == ["by a", "by b", "by c"]
    # Without the forge's merges there is a line of one commit a task.
    assert git(remote.path, "log", "--no-merges", "--topo-order", "--format=%s", "main").split() == [
        "b", "a", "c", "start"
    ]  # fmt: skip
    assert {name for name in remote.refs() if name.startswith("refs/heads")} == set()
    git(remote.path, "fsck", "--full", "--strict")


def test_each_is_checked_as_it_is_merged(publisher: Publisher, world: World, remote: Remote) -> None:
    """b passes alone and fails on top of a: it must not get in."""
    alone = {remote.tip(task_branch(BRANCH, task)) for task in ("b", "c")}

    def ci(sha: str) -> str:
        text = git(remote.path, "show", f"{sha}:a.txt")
        return "failed" if "by a" in text and "by b" in text else "passed"

    world.ci = ci
    published = publisher.per_task(TASKS)
    assert [p.end for p in published] == [PublishEnd.MERGED, PublishEnd.CHECKS_FAILED, PublishEnd.MERGED]
    assert not alone & {sha for _, sha in world.merges}
    assert "by b" not in remote.show("a.txt", "main")
    assert remote.tip(task_branch(BRANCH, "b"))


def test_a_conflict_is_given_back_and_the_others_go_on(publisher: Publisher, world: World, remote: Remote) -> None:
    tip = land(remote, "b", edit(remote, 0, "b"), git(remote.path, "rev-parse", f"{remote.tip(BRANCH + '/b')}^"))
    for _ in range(2):  # called again, it says the same, and says it on the pull request only once
        published = publisher.per_task(TASKS)
        assert [(p.end, p.paths) for p in published] == [
            (PublishEnd.MERGED, ()), (PublishEnd.CONFLICT, ("a.txt",)), (PublishEnd.MERGED, ())
        ]  # fmt: skip
        assert remote.tip(task_branch(BRANCH, "b")) == tip
    (comment,) = world.pull(2).comments
    assert "`a.txt`" in comment
    assert world.pull(2).state == "open"
    # The task has run again, on what has landed.
    land(remote, "b", edit(remote, 15, "b"))
    assert [p.end for p in publisher.per_task(TASKS)] == [PublishEnd.MERGED] * 3
    assert len(world.merges) == len(world.pulls) == 3


def test_one_that_nobody_approves_does_not_hold_up_the_others_for_long(publisher: Publisher, world: World) -> None:
    world.approved = False
    published = publisher.per_task(TASKS)
    assert [p.end for p in published] == [PublishEnd.NOT_IN_TIME] * 3
    assert publisher.time.passed < publisher.seconds / 2


def test_all_together_take_no_longer_than_was_allowed(publisher: Publisher, world: World) -> None:
    world.ci = lambda sha: "pending"
    published = publisher.per_task(TASKS)
    assert [p.end for p in published] == [PublishEnd.NOT_IN_TIME] * 3
    assert "it is not next in the queue yet" in published[2].message
    assert publisher.time.passed < publisher.seconds + 60


def test_by_hand_each_is_offered_and_none_is_merged(publisher: Publisher, world: World) -> None:
    published = publisher.per_task(TASKS, MergeMode.MANUAL)
    assert [(p.end, p.number) for p in published] == [(PublishEnd.OPEN, 1), (PublishEnd.OPEN, 2), (PublishEnd.OPEN, 3)]
    assert world.merges == []


def test_a_task_that_changed_nothing_is_passed(publisher: Publisher, world: World) -> None:
    assert [p.end for p in publisher.per_task(["a", "never-landed", "b"])] == [
        PublishEnd.MERGED,
        PublishEnd.NOTHING,
        PublishEnd.MERGED,
    ]


def test_one_that_a_person_added_to_keeps_what_was_added(publisher: Publisher, world: World, remote: Remote) -> None:
    fix = remote.commit(task_branch(BRANCH, "b"), {"fix": "by hand"}, "a person's fix")
    assert [p.end for p in publisher.per_task(TASKS)] == [PublishEnd.MERGED] * 3
    assert remote.show("fix", "main") == "by hand"
    assert git(remote.path, "merge-base", fix, "main") == fix  # the very commit


def test_a_branch_is_kept_until_its_merge_is_in_the_target(publisher: Publisher, world: World, remote: Remote) -> None:
    """The forge says merged, but the target does not have it yet."""
    world.remote.commit("elsewhere", {"x": "1"}, "not in main", force_parent=remote.tip("main"))
    publisher.per_task(["a"], MergeMode.MANUAL)
    pull = world.pull(1)
    pull.last, pull.state, pull.merge_commit = world.sha(pull), "merged", remote.tip("elsewhere")
    assert publisher.per_task(["a"])[0].end is PublishEnd.MERGED
    assert remote.tip(task_branch(BRANCH, "a"))


def test_a_branch_with_new_work_is_not_deleted(publisher: Publisher, world: World, remote: Remote) -> None:
    branch = task_branch(BRANCH, "a")
    later = []

    def push() -> None:
        if world.merges and not later:  # between the merge and the deletion
            later.append(remote.commit(branch, {"later": "1"}, "later"))

    publisher.time.on_sleep = push
    publisher.per_task(["a"])
    assert later
    assert remote.tip(branch) == later[0]


def test_ids_that_git_cannot_have_in_refs_get_branches_too(publisher: Publisher, remote: Remote) -> None:
    assert task_branch("p", "a..b") == "p/a.%2Eb"
    assert task_branch("p", "x.lock") == "p/x%2Elock"
    branch = task_branch(BRANCH, "v1..2.lock")
    remote.commit(branch, {"x": "1"}, "odd", force_parent=remote.tip("main"))
    published = publisher.shared(MergeMode.WHEN_CHECKS_PASS, branch=branch)
    assert published.end is PublishEnd.MERGED
