"""Merging when the checks pass: what was tested, once, and nothing else."""

from dataclasses import replace

import pytest

from parallelproject.forge.publishing.result import PublishEnd
from parallelproject.git.plumbing.outcome import AuthOrProtectedError
from parallelproject.model.spec import MergeMode
from tests.forge.setup import BRANCH, WORDS, Publisher
from tests.forge.standin import Fault, StandIn
from tests.forge.world import World
from tests.git.remote import git

WHEN = MergeMode.WHEN_CHECKS_PASS
pytestmark = pytest.mark.sampled(2, over="standin")


@pytest.fixture(autouse=True)
def work(world: World) -> None:
    world.remote.commit(BRANCH, {"x": "1"}, "a", force_parent=world.tip("main"))


def merging(method: str, path: str) -> bool:
    return path.endswith("/merge") and method in ("PUT", "POST")


def asked(standin: StandIn) -> int:
    return sum(merging(*request) for request in standin.requests)


def test_it_is_merged_when_its_checks_pass(publisher: Publisher, world: World, standin: StandIn) -> None:
    tip = world.tip(BRANCH)
    world.ci = lambda sha: "passed" if publisher.time.passed > 100 else "pending"
    published = publisher.shared(WHEN)
    assert (published.end, published.merge_commit) == (PublishEnd.MERGED, world.tip("main"))
    assert world.merges == [(1, tip)]
    assert asked(standin) == 1
    assert 100 < publisher.time.passed < 170
    assert world.remote.show("x", "main") == "1"


def test_called_again_it_merges_nothing_more(publisher: Publisher, world: World, standin: StandIn) -> None:
    world.ci = lambda sha: "passed"
    first = publisher.shared(WHEN)
    before = list(standin.writes)
    assert publisher.shared(WHEN) == first
    assert standin.writes == before


def test_it_is_left_open_when_a_check_fails(publisher: Publisher, world: World, standin: StandIn) -> None:
    world.ci = lambda sha: "failed"
    published = publisher.shared(WHEN)
    assert published.end is PublishEnd.CHECKS_FAILED
    assert world.tip(BRANCH) is not None
    assert (world.tip(BRANCH) or "")[:12] in published.message
    assert asked(standin) == 0


def test_a_person_merges_what_is_to_be_merged_by_hand(publisher: Publisher, world: World, standin: StandIn) -> None:
    world.ci = lambda sha: "passed"
    assert publisher.shared(MergeMode.MANUAL).end is PublishEnd.OPEN
    assert asked(standin) == 0


def test_a_check_that_starts_late_is_waited_for(publisher: Publisher, world: World) -> None:
    world.ci = lambda sha: None if publisher.time.passed < 20 else "failed"
    assert publisher.shared(WHEN).end is PublishEnd.CHECKS_FAILED


def test_without_any_check_it_is_merged_after_a_while(publisher: Publisher, world: World) -> None:
    assert publisher.shared(WHEN).end is PublishEnd.MERGED
    assert 30 <= publisher.time.passed < 100


def test_a_required_check_that_never_shows_up_is_waited_for(publisher: Publisher, world: World) -> None:
    world.required = ["ci"]
    published = publisher.shared(WHEN)
    assert published.end is PublishEnd.NOT_IN_TIME
    assert 600 <= publisher.time.passed < 700
    assert world.merges == []
    world.ci = lambda sha: "passed"
    assert publisher.shared(WHEN).end is PublishEnd.MERGED


@pytest.mark.parametrize("standin", ["GitHub", "Gitea"], indirect=True)  # GitLab requires the whole pipeline
def test_of_required_checks_those_alone_decide(publisher: Publisher, world: World) -> None:
    world.required = ["ci", "lint"]
    world.ci = lambda sha: "passed"
    tip = world.tip(BRANCH) or ""
    world.statuses[tip] = {"flaky": "failed", "other": "pending"}
    assert publisher.shared(WHEN).end is PublishEnd.NOT_IN_TIME
    world.statuses[tip]["lint"] = "failed"
    assert publisher.shared(WHEN).end is PublishEnd.CHECKS_FAILED
    world.statuses[tip]["lint"] = "passed"
    assert publisher.shared(WHEN).end is PublishEnd.MERGED


def test_where_none_is_required_a_status_from_outside_decides(publisher: Publisher, world: World) -> None:
    tip = world.tip(BRANCH) or ""
    world.statuses[tip] = {"one": "passed", "two": "passed", "three": "failed"}
    assert publisher.shared(WHEN).end is PublishEnd.CHECKS_FAILED
    world.statuses[tip]["three"] = "passed"
    assert publisher.shared(WHEN).end is PublishEnd.MERGED


def test_an_approval_is_waited_for(publisher: Publisher, world: World) -> None:
    world.ci = lambda sha: "passed"
    world.approved = False

    def approve() -> None:
        world.approved = publisher.time.passed > 200

    publisher.time.on_sleep = approve
    assert publisher.shared(WHEN).end is PublishEnd.MERGED
    assert publisher.time.passed > 200
    assert len(world.merges) == 1


@pytest.mark.parametrize("fault", ["lose", "drop", (500, {"message": "oops"}, {})])
def test_a_lost_answer_to_merge_merges_once(publisher: Publisher, world: World, standin: StandIn, fault: Fault) -> None:
    world.ci = lambda sha: "passed"
    standin.fault = lambda index, method, path: fault if merging(method, path) and asked(standin) == 1 else None
    published = publisher.shared(WHEN)
    assert (published.end, published.merge_commit) == (PublishEnd.MERGED, world.tip("main"))
    assert len(world.merges) == 1
    assert asked(standin) == (1 if fault == "lose" else 2)
    assert len(git(world.remote.path, "rev-list", "--first-parent", "main").splitlines()) == 2


@pytest.mark.parametrize(("times", "end"), [(1, PublishEnd.MERGED), (2, PublishEnd.MERGED), (3, PublishEnd.MOVED)])
def test_a_base_that_was_modified_is_read_again(
    publisher: Publisher, world: World, times: int, end: PublishEnd
) -> None:
    world.ci = lambda sha: "passed"
    world.moved = times
    assert publisher.shared(WHEN).end is end
    assert len(world.merges) == (end is PublishEnd.MERGED)
    assert world.moved == 0


def test_what_is_pushed_while_the_checks_run_is_merged_only_when_checked(publisher: Publisher, world: World) -> None:
    first = world.tip(BRANCH)
    world.ci = lambda sha: "pending" if sha == first or publisher.time.passed < 300 else "passed"

    def push() -> None:
        if publisher.time.passed > 60 and world.tip(BRANCH) == first:
            world.remote.commit(BRANCH, {"y": "2"}, "by somebody")

    publisher.time.on_sleep = push
    assert publisher.shared(WHEN).end is PublishEnd.MERGED
    assert publisher.time.passed >= 300
    assert [sha for _, sha in world.merges] == [world.tip(BRANCH)]


def test_what_is_pushed_in_the_last_moment_is_not_merged(publisher: Publisher, world: World, standin: StandIn) -> None:
    """Between the look at the checks and the merge: the pinned commit is not the head any more."""
    first = world.tip(BRANCH)
    world.ci = lambda sha: "passed" if sha == first else "failed"

    def push(index: int, method: str, path: str) -> None:
        if merging(method, path) and world.tip(BRANCH) == first:
            world.remote.commit(BRANCH, {"y": "2"}, "by somebody")

    standin.fault = push
    assert publisher.shared(WHEN).end is PublishEnd.CHECKS_FAILED
    assert world.merges == []


def test_a_forge_that_notices_late_is_waited_for(publisher: Publisher, world: World) -> None:
    world.ci = lambda sha: "passed"
    publisher.shared()
    old = world.tip(BRANCH) or ""
    world.remote.commit(BRANCH, {"y": "2"}, "more")
    world.lag[BRANCH] = old

    def notice() -> None:
        if publisher.time.passed > 10:
            world.lag.clear()

    publisher.time.on_sleep = notice
    assert publisher.shared(WHEN).end is PublishEnd.MERGED
    assert world.merges == [(1, world.tip(BRANCH))]


def test_a_conflict_is_reported_with_its_paths(publisher: Publisher, world: World) -> None:
    world.ci = lambda sha: "passed"
    world.remote.commit("main", {"x": "of another"}, "main goes on")
    published = publisher.shared(WHEN)
    assert (published.end, published.paths) == (PublishEnd.CONFLICT, ("x",))
    assert world.pull(1).state == "open"


def test_a_branch_that_has_to_be_up_to_date_is_brought_there_and_checked_again(
    publisher: Publisher, world: World
) -> None:
    old = world.tip(BRANCH)
    checked = []
    world.ci = lambda sha: checked.append(sha) or "passed"
    world.strict = True
    world.remote.commit("main", {"m": "1"}, "main goes on")
    assert publisher.shared(WHEN).end is PublishEnd.MERGED
    (merged,) = [sha for _, sha in world.merges]
    assert merged != old
    assert merged in checked
    # Forward: others may be running on it.
    assert git(world.remote.path, "merge-base", str(old), merged) == old


def test_a_draft_is_not_merged(publisher: Publisher, world: World, standin: StandIn) -> None:
    world.ci = lambda sha: "passed"
    assert publisher.shared(WHEN, replace(WORDS, draft=True)).end is PublishEnd.DRAFT
    assert asked(standin) == 0
    assert publisher.shared(WHEN).end is PublishEnd.MERGED


def test_one_that_is_closed_while_its_checks_run_is_left(publisher: Publisher, world: World) -> None:
    world.ci = lambda sha: "pending"
    publisher.time.on_sleep = lambda: world.close(world.pull(1)) if world.pull(1).state == "open" else None
    assert publisher.shared(WHEN).end is PublishEnd.CLOSED


def test_a_token_that_may_not_merge_is_final(publisher: Publisher, world: World, standin: StandIn) -> None:
    world.ci = lambda sha: "passed"
    answers: dict[str, Fault] = {
        "GitHub": (403, {"message": "Resource not accessible by integration"}, {}),
        "GitLab": (401, {"message": "401 Unauthorized"}, {}),
        "Gitea": (405, {"message": "User not allowed to merge PR"}, {}),
    }
    standin.fault = lambda index, method, path: answers[standin.kind] if merging(method, path) else None
    with pytest.raises(AuthOrProtectedError):
        publisher.shared(WHEN)
    assert asked(standin) == 1
