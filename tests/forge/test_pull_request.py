"""One branch, one pull request: found, opened, brought up to date."""

from dataclasses import replace

import pytest

from parallelproject.forge.clients.protocol import ForgeClient, PullState, Words
from parallelproject.forge.publishing.result import PublishEnd
from parallelproject.git.plumbing.outcome import PolicyError
from tests.forge.setup import BRANCH, WORDS, Publisher
from tests.forge.standin import Fault, StandIn
from tests.forge.world import World
from tests.git.remote import git


@pytest.fixture(autouse=True)
def work(world: World) -> None:
    world.remote.commit("main", {"m": "1"}, "main goes on")
    world.remote.commit(BRANCH, {"x": "1"}, "a", force_parent=world.tip("main"))


def creating(method: str, path: str) -> bool:
    return method == "POST" and path.endswith(("/pulls", "/merge_requests"))


def test_a_branch_is_offered_with_title_text_and_labels(publisher: Publisher, world: World) -> None:
    published = publisher.shared()
    assert (published.end, published.state, published.number) == (PublishEnd.OPEN, PullState.OPEN, 1)
    assert published.url.startswith("https://forge.example/acme/shop/")
    pull = world.pull(1)
    assert (pull.head, pull.base, pull.title, pull.body) == (BRANCH, "main", WORDS.title, WORDS.body)
    assert (pull.labels, pull.draft) == (["agents"], False)


def test_nothing_is_written_where_nothing_differs(publisher: Publisher, standin: StandIn) -> None:
    first = publisher.shared()
    before = list(standin.writes)
    assert publisher.shared() == first
    assert standin.writes == before


def test_the_text_is_brought_up_to_date_in_place(publisher: Publisher, world: World) -> None:
    publisher.shared()
    world.pull(1).labels.append("of-a-person")
    publisher.shared(words=Words("Three tasks", "more\n", ("Agents", "new")))
    assert len(world.pulls) == 1
    assert (world.pull(1).title, world.pull(1).body) == ("Three tasks", "more\n")
    assert world.pull(1).labels == ["agents", "of-a-person", "new"]


def test_the_draft_state_is_set_and_taken_away(publisher: Publisher, world: World, standin: StandIn) -> None:
    publisher.shared(words=replace(WORDS, draft=True))
    assert world.pull(1).draft
    before = list(standin.writes)
    publisher.shared(words=replace(WORDS, draft=True))
    assert standin.writes == before
    publisher.shared()
    assert (world.pull(1).draft, world.pull(1).title) == (False, WORDS.title)


@pytest.mark.parametrize("title", ["WIP: a trick", "Draft: draft: a trick", "[Draft] a trick"])
def test_a_title_makes_no_draft(publisher: Publisher, world: World, standin: StandIn, title: str) -> None:
    publisher.shared(words=replace(WORDS, title=title))
    assert not world.pull(1).draft
    before = list(standin.writes)
    publisher.shared(words=replace(WORDS, title=title))
    assert standin.writes == before


@pytest.mark.parametrize("fault", ["lose", "drop", (502, {"message": "bad gateway"}, {})])
def test_a_lost_answer_to_create_makes_no_second_one(
    publisher: Publisher, world: World, standin: StandIn, fault: Fault
) -> None:
    lost = []

    def once(index: int, method: str, path: str) -> Fault | None:
        if creating(method, path) and not lost:
            lost.append(path)
            return fault
        return None

    standin.fault = once
    assert publisher.shared().end is PublishEnd.OPEN
    assert lost
    assert len(world.pulls) == 1
    assert world.pull(1).labels == ["agents"]


def test_one_that_another_opens_at_the_same_time_is_taken(publisher: Publisher, world: World, standin: StandIn) -> None:
    def another(index: int, method: str, path: str) -> None:
        if creating(method, path) and not world.pulls:
            world.create(BRANCH, "main", "of another", "", False)

    standin.fault = another
    assert publisher.shared().number == 1
    assert len(world.pulls) == 1
    assert world.pull(1).title == WORDS.title


def test_one_of_another_branch_is_not_taken(publisher: Publisher, world: World) -> None:
    world.remote.commit("other", {"y": "1"}, "other", force_parent=world.tip("main"))
    world.remote.commit("release", {"z": "1"}, "other", force_parent=world.tip("main"))
    for head, base in (("other", "main"), (BRANCH, "release"), ("other", "release")):
        world.create(head, base, "not ours", "", False)
    assert publisher.shared().number == 4
    assert publisher.shared(base="release").number == 2


def test_one_of_a_fork_with_the_same_branch_name_is_not_taken(publisher: Publisher, world: World) -> None:
    world.create(BRANCH, "main", "of a stranger", "", False).fork = True
    assert publisher.shared().number == 2
    assert publisher.shared().number == 2
    world.close(world.pull(2))
    world.create(BRANCH, "main", "of a stranger again", "", False).fork = True
    published = publisher.shared()
    assert (published.end, published.number) == (PublishEnd.CLOSED, 2)
    assert world.pull(1).title == "of a stranger"


def test_one_that_a_person_closed_stays_closed(publisher: Publisher, world: World, standin: StandIn) -> None:
    publisher.shared()
    world.close(world.pull(1))
    before = list(standin.writes)
    published = publisher.shared()
    assert (published.end, published.number, published.state) == (PublishEnd.CLOSED, 1, PullState.CLOSED)
    assert standin.writes == before


@pytest.mark.parametrize("merged", [False, True])
def test_new_work_after_the_end_of_one_is_offered_in_a_new_one(
    publisher: Publisher, world: World, merged: bool
) -> None:
    publisher.shared()
    if merged:
        world.merge(world.pull(1), world.sha(world.pull(1)))
    else:
        world.close(world.pull(1))
    world.remote.commit(BRANCH, {"y": "2"}, "b")
    published = publisher.shared()
    assert (published.number, published.end) == (2, PublishEnd.OPEN)
    assert publisher.shared().number == 2
    assert world.pull(1).state == ("merged" if merged else "closed")


def test_one_that_was_merged_is_reported_whether_its_branch_is_there_or_not(publisher: Publisher, world: World) -> None:
    publisher.shared()
    world.merge(world.pull(1), world.sha(world.pull(1)))
    first = publisher.shared()
    assert (first.end, first.merge_commit) == (PublishEnd.MERGED, world.tip("main"))
    git(world.remote.path, "update-ref", "-d", f"refs/heads/{BRANCH}")
    assert publisher.shared() == first
    assert len(world.pulls) == 1


def test_a_branch_with_nothing_new_is_not_offered(publisher: Publisher, world: World) -> None:
    git(world.remote.path, "update-ref", f"refs/heads/{BRANCH}", "refs/heads/main")
    assert publisher.shared().end is PublishEnd.NOTHING
    assert publisher.shared(branch="not-there").end is PublishEnd.NOTHING
    assert world.pulls == []


def test_work_that_was_squashed_into_the_base_is_not_offered_again(publisher: Publisher, world: World) -> None:
    world.remote.commit("main", {"x": "1"}, "squashed by hand")
    assert publisher.shared().end is PublishEnd.NOTHING


def test_a_base_that_is_no_branch_is_an_error_that_names_it(publisher: Publisher) -> None:
    with pytest.raises(PolicyError, match='no branch "nowhere"'):
        publisher.shared(base="nowhere")


def test_a_comment_is_made_once_though_its_answer_is_lost(publisher: Publisher, world: World, standin: StandIn) -> None:
    publisher.shared()

    def first(index: int, method: str, path: str) -> Fault | None:
        saying = method == "POST" and path.endswith(("/comments", "/notes"))
        return "lose" if saying and not world.pull(1).comments else None

    standin.fault = first

    async def say(forge: ForgeClient) -> None:
        pull = await forge.find(BRANCH, "main")
        assert pull
        await forge.comment(pull, "It conflicts.", "conflict 1")
        await forge.comment(pull, "It conflicts.", "conflict 1")
        await forge.comment(pull, "Again.", "conflict 2")

    publisher.run(say)
    assert [text.split("\n")[0] for text in world.pull(1).comments] == ["It conflicts.", "Again."]


def test_a_comment_whose_last_answer_is_lost_is_found(publisher: Publisher, world: World, standin: StandIn) -> None:
    publisher.shared()
    faults: list[Fault] = ["drop", "drop", "lose"]

    def broken(index: int, method: str, path: str) -> Fault | None:
        return faults.pop(0) if method == "POST" and path.endswith(("/comments", "/notes")) else None

    standin.fault = broken

    async def say(forge: ForgeClient) -> None:
        pull = await forge.find(BRANCH, "main")
        assert pull
        await forge.comment(pull, "It conflicts.", "conflict 1")

    publisher.run(say)
    assert (len(world.pull(1).comments), faults) == (1, [])
