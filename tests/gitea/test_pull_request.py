"""On a real Gitea: one branch, one pull request."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parallelproject.forge.clients.protocol import ForgeClient, PullState, Words
from parallelproject.forge.publishing.result import PublishEnd, PublishResult
from rig import Gitea
from rig.gitearepository import Repository
from tests.gitea.setup import BRANCH, OWNER, ROBOT, SCOPES, SECONDS, WORDS, Publisher, Settings, mounted, shown

pytestmark = [pytest.mark.gitea, pytest.mark.sampled(5, of_file=True)]  # the stand-in is tried with all


@pytest.fixture(autouse=True)
def work(repository: Repository) -> None:
    repository.commit(BRANCH, {"x": "1"}, "a", start="main")


def test_a_branch_is_offered_once(publisher: Publisher, repository: Repository) -> None:
    published = publisher.shared()
    assert (published.end, published.state, published.number) == (PublishEnd.OPEN, PullState.OPEN, 1)
    assert published.url == f"{repository.url.removesuffix('.git')}/pulls/1"
    (pull,) = repository.pulls()
    assert (pull["head"]["ref"], pull["base"]["ref"], pull["user"]["login"]) == (BRANCH, "main", ROBOT)
    assert shown(pull) == (WORDS.title, WORDS.body, False, ["agents"])
    assert publisher.shared() == published
    assert repository.pulls() == [pull]  # "updated_at" and all


def test_its_text_and_its_draft_state_are_brought_up_to_date(publisher: Publisher, repository: Repository) -> None:
    publisher.shared(words=replace(WORDS, draft=True))
    assert repository.pull(1)["draft"]
    of_a_person = repository.request("POST", "/labels", {"name": "of-a-person", "color": "#00aabb"})["id"]
    repository.request("POST", "/issues/1/labels", {"labels": [of_a_person]})
    words = Words("WIP: three tasks, ä|b & <c>", "### Failed\r\n\n- `x`: \U0001f4a5 & <b>\n", ("AGENTS", "new"))
    for _ in range(2):
        publisher.shared(words=words)
        title, body, draft, labels = shown(repository.pull(1))
        assert (title, draft) == ("three tasks, ä|b & <c>", False)
        assert body.replace("\r\n", "\n").strip() == words.body.replace("\r\n", "\n").strip()
        assert labels == ["agents", "new", "of-a-person"]
    publisher.shared(words=replace(words, draft=True))
    assert repository.pull(1)["draft"]
    assert len(repository.pulls()) == 1


def test_words_as_long_as_they_may_be(publisher: Publisher, repository: Repository) -> None:
    longest = publisher.run(_limits)
    words = Words("\U0001f4a5" * (longest.title // 2), "y" * longest.body, draft=True)
    publisher.shared(words=words)
    title, body, draft, _ = shown(repository.pull(1))
    assert (title.removeprefix("WIP: "), body, draft) == (words.title, words.body, True)
    before = repository.pulls()
    publisher.shared(words=words)
    assert repository.pulls() == before


async def _limits(forge: ForgeClient) -> Any:
    return forge.limits


def test_two_publishers_at_once_open_one(
    publisher: Publisher, repository: Repository, token: str, tmp_path: Path
) -> None:
    """Both have seen that there is none before either asks for one."""
    rounds = 2
    for at in range(rounds):
        repository.commit(f"at-once/{at}", {"x": "1"}, "a", start="main")
    publishers = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        credentials = mounted(tmp_path / name, repository.gitea, token)
        publishers.append(Publisher(Settings(repository.url, tmp_path / name / "publish", credentials)))
    barrier = threading.Barrier(len(publishers), timeout=SECONDS)

    def publish(publisher: Publisher) -> list[PublishResult]:
        return [publisher.shared(branch=f"at-once/{at}", wrap=_together(barrier)) for at in range(rounds)]

    with ThreadPoolExecutor() as pool:
        one, other = pool.map(publish, publishers)
    open_ones = [pull["head"]["ref"] for pull in repository.pulls("open")]
    assert sorted(open_ones) == [f"at-once/{at}" for at in range(rounds)]
    assert [published.number for published in one] == [published.number for published in other]
    assert [label["name"] for label in repository.request("GET", "/labels")] == ["agents"]
    for number in {published.number for published in one}:
        assert shown(repository.pull(number)) == (WORDS.title, WORDS.body, False, ["agents"])
    # The other ones have made way, and are not taken for ours when those have ended.
    repository.close(one[0].number)
    assert publishers[0].shared(branch="at-once/0").number == one[0].number


def _together(barrier: threading.Barrier) -> Callable[[ForgeClient], ForgeClient]:
    """Makes a forge wait before it opens a pull request for the first time."""

    def wrap(forge: ForgeClient) -> ForgeClient:
        real, waited = forge.create, []

        async def create(head: str, base: str, words: Words) -> Any:
            if not waited:
                waited.append(True)
                await asyncio.to_thread(barrier.wait)
            return await real(head, base, words)

        forge.create = create  # type: ignore[method-assign]
        return forge

    return wrap


def test_one_that_a_person_closed_stays_closed(publisher: Publisher, repository: Repository) -> None:
    publisher.shared()
    repository.close(1)
    before = repository.pulls()
    published = publisher.shared()
    assert (published.end, published.number, published.state) == (PublishEnd.CLOSED, 1, PullState.CLOSED)
    assert repository.pulls() == before
    # New work is offered in a new one.
    repository.commit(BRANCH, {"y": "2"}, "b")
    published = publisher.shared()
    assert (published.number, published.end) == (2, PublishEnd.OPEN)
    assert publisher.shared() == published
    assert [pull["state"] for pull in repository.pulls()] == ["closed", "open"]


def test_a_branch_with_nothing_new_is_not_offered(publisher: Publisher, repository: Repository) -> None:
    repository.request("POST", "/branches", {"new_branch_name": "nothing", "old_branch_name": "main"})
    assert publisher.shared(branch="nothing").end is PublishEnd.NOTHING
    assert publisher.shared(branch="not-there").end is PublishEnd.NOTHING
    assert repository.pulls() == []


def test_a_base_with_a_slash_and_odd_names(publisher: Publisher, repository: Repository) -> None:
    repository.request("POST", "/branches", {"new_branch_name": "release/1.0", "old_branch_name": "main"})
    repository.commit("work/%2E-a+b#c", {"y": "1"}, "odd", start="main")
    for _ in range(2):
        assert publisher.shared(base="release/1.0").number == 1
        assert publisher.shared(branch="work/%2E-a+b#c", base="release/1.0").number == 2
        assert publisher.shared(branch="work/%2E-a+b#c").number == 3


def test_one_of_a_fork_with_the_same_branch_name_is_not_taken(
    users: Gitea, publisher: Publisher, repository: Repository
) -> None:
    users.user("stranger")
    authorization = f"token {users.token('stranger', SCOPES)}"
    at = f"/repos/{OWNER}/{repository.name}"
    users.request("POST", f"{at}/forks", {}, authorization=authorization)
    body = {"title": "of a stranger", "head": f"stranger:{BRANCH}", "base": "main"}
    users.request("POST", f"{at}/pulls", body, authorization=authorization)
    assert publisher.shared().number == 2
    assert publisher.shared().number == 2
    assert repository.pull(1)["title"] == "of a stranger"


def test_labels_of_the_organisation_are_used(users: Gitea, token: str, tmp_path: Path) -> None:
    users.organization("guild")
    repository = users.repository("guild", "tools", {ROBOT: "write"})
    made = users.request("POST", "/orgs/guild/labels", {"name": "Agents", "color": "#00aabb"})
    repository.commit(BRANCH, {"x": "1"}, "a", start="main")
    Publisher(Settings(repository.url, tmp_path / "publish", mounted(tmp_path, users, token))).shared()
    assert [label["id"] for label in repository.pull(1)["labels"]] == [made["id"]]
    assert repository.request("GET", "/labels") == []
