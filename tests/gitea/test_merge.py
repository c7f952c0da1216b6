"""On a real Gitea: what was checked is merged, once, and nothing else."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from parallelproject.forge.clients.protocol import ForgeClient, ForgePullRequest, Merge, Merging, PullState
from parallelproject.forge.publishing.result import PublishEnd
from parallelproject.model.spec import MergeMode
from rig.gitearepository import Repository
from tests.gitea.setup import BRANCH, WORDS, Publisher, beside, checking, until

pytestmark = [pytest.mark.gitea, pytest.mark.sampled(6, of_file=True)]  # the stand-in is tried with all
WHEN = MergeMode.WHEN_CHECKS_PASS


@pytest.fixture
def tip(repository: Repository) -> str:
    """Of the work that is published."""
    return repository.commit(BRANCH, {"x": "1"}, "a", start="main")


def test_it_is_merged_when_the_required_check_has_passed(
    publisher: Publisher, repository: Repository, tip: str
) -> None:
    repository.protect("main", ["ci"])
    start = repository.tip("main")
    waited = []

    def check() -> None:
        until(lambda: repository.pulls("open"), "the pull request")
        repository.set_status(tip, "success", "another")  # not the one that is required
        repository.set_status(tip, "pending")
        waited.append(repository.tip("main"))
        repository.set_status(tip, "success")

    with beside(check):
        published = publisher.shared(WHEN)
    assert waited == [start]
    assert (published.end, published.state, published.merge_commit) == (
        PublishEnd.MERGED, PullState.MERGED, repository.tip("main")
    )  # fmt: skip
    assert repository.parents(published.merge_commit or "") == [start, tip]
    assert repository.text("x") == "1"
    assert publisher.shared(WHEN) == published
    assert len(repository.pulls()) == 1


def test_a_failed_check_leaves_it_open(publisher: Publisher, repository: Repository, tip: str) -> None:
    repository.protect("main", ["ci"])
    start = repository.tip("main")
    with checking(repository, lambda sha: "failure"):
        published = publisher.shared(WHEN)
    assert (published.end, published.state) == (PublishEnd.CHECKS_FAILED, PullState.OPEN)
    assert tip[:12] in published.message
    assert repository.tip("main") == start
    repository.set_status(tip, "success")  # it was run again
    assert publisher.shared(WHEN).end is PublishEnd.MERGED


def test_a_required_check_that_does_not_show_up_is_waited_for(
    publisher: Publisher, repository: Repository, tip: str
) -> None:
    repository.protect("main", ["build-*"])
    publisher.seconds = 0.5
    assert publisher.shared(WHEN).end is PublishEnd.NOT_IN_TIME
    publisher.seconds = 30
    repository.set_status(tip, "success", "build-linux")
    assert publisher.shared(WHEN).end is PublishEnd.MERGED


def test_where_none_is_required_those_that_are_there_decide(
    publisher: Publisher, repository: Repository, tip: str
) -> None:
    repository.set_status(tip, "success", "one")
    repository.set_status(tip, "error", "two")
    assert publisher.shared(WHEN).end is PublishEnd.CHECKS_FAILED
    repository.set_status(tip, "warning", "two")
    assert publisher.shared(WHEN).end is PublishEnd.MERGED


@pytest.mark.parametrize("required", [True, False])
def test_a_head_that_moves_between_check_and_merge_is_not_merged_untested(
    publisher: Publisher, repository: Repository, tip: str, required: bool
) -> None:
    if required:
        repository.protect("main", ["ci"])
    start = repository.tip("main")
    repository.set_status(tip, "success")
    asked = []

    def push_first(forge: ForgeClient) -> ForgeClient:
        def push() -> None:
            later = repository.commit(BRANCH, {"y": "2"}, "by somebody")
            repository.set_status(later, "failure")

        return _before_merge(forge, push, asked)

    assert publisher.shared(WHEN, wrap=push_first).end is PublishEnd.CHECKS_FAILED
    assert [merging.merge.name for merging in asked] in (["MOVED"], ["BLOCKED"])
    assert repository.tip("main") == start
    assert repository.pull(1)["state"] == "open"


def test_one_that_a_person_closes_between_check_and_merge_stays_closed(
    publisher: Publisher, repository: Repository, tip: str
) -> None:
    repository.set_status(tip, "success")
    start = repository.tip("main")
    asked: list[Merging] = []
    published = publisher.shared(WHEN, wrap=lambda forge: _before_merge(forge, lambda: repository.close(1), asked))
    assert (published.end, published.state) == (PublishEnd.CLOSED, PullState.CLOSED)
    assert [merging.merge for merging in asked] == [Merge.MOVED]
    assert repository.tip("main") == start


def test_a_base_that_moves_between_check_and_merge_is_merged_into(
    publisher: Publisher, repository: Repository, tip: str
) -> None:
    repository.set_status(tip, "success")
    theirs = []
    asked: list[Merging] = []

    def push_first(forge: ForgeClient) -> ForgeClient:
        return _before_merge(forge, lambda: theirs.append(repository.commit("main", {"m": "2"}, "theirs")), asked)

    published = publisher.shared(WHEN, wrap=push_first)
    assert published.end is PublishEnd.MERGED
    assert repository.parents(published.merge_commit or "") == [theirs[0], tip]


def test_a_branch_that_has_to_be_up_to_date_is_brought_up_to_date_and_checked_again(
    publisher: Publisher, repository: Repository, tip: str
) -> None:
    repository.protect("main", ["ci"], block_on_outdated_branch=True)
    theirs = repository.commit("main", {"m": "2"}, "theirs")
    with checking(repository, lambda sha: "success") as judged:
        published = publisher.shared(WHEN)
    assert published.end is PublishEnd.MERGED
    base, head = repository.parents(published.merge_commit or "")
    assert (base, repository.parents(head)) == (theirs, [tip, theirs])
    assert judged == [tip, head]


def test_a_draft_is_not_merged(publisher: Publisher, repository: Repository, tip: str) -> None:
    repository.set_status(tip, "success")
    assert publisher.shared(WHEN, replace(WORDS, draft=True)).end is PublishEnd.DRAFT
    assert publisher.shared(WHEN).end is PublishEnd.MERGED


def test_an_approval_is_waited_for(publisher: Publisher, repository: Repository, tip: str) -> None:
    repository.protect("main", ["ci"], required_approvals=1)
    repository.set_status(tip, "success")

    def approve() -> None:
        until(lambda: repository.pulls("open"), "the pull request")
        assert repository.pull(1)["state"] == "open"
        repository.request("POST", "/pulls/1/reviews", {"event": "APPROVED", "commit_id": tip})

    with beside(approve):
        assert publisher.shared(WHEN).end is PublishEnd.MERGED


def test_a_conflict_is_told_with_its_paths(publisher: Publisher, repository: Repository, tip: str) -> None:
    repository.commit("main", {"x": "2", "m": "2"}, "theirs")
    repository.set_status(tip, "success")
    published = publisher.shared(WHEN)
    assert (published.end, published.paths, published.state) == (PublishEnd.CONFLICT, ("x",), PullState.OPEN)


def test_without_any_check_it_is_merged_in_the_repository_s_own_way(
    publisher: Publisher, repository: Repository, tip: str
) -> None:
    ways = {f"allow_{way}": False for way in ("merge_commits", "rebase", "rebase_explicit", "fast_forward_only_merge")}
    repository.request("PATCH", "", {"has_pull_requests": True, **ways, "allow_squash_merge": True})
    published = publisher.shared(WHEN)
    assert published.end is PublishEnd.MERGED
    assert published.merge_commit == repository.tip("main")
    assert len(repository.parents(published.merge_commit or "")) == 1
    assert publisher.shared(WHEN) == published


def _before_merge(forge: ForgeClient, work: Callable[[], object], asked: list[Merging]) -> ForgeClient:
    """Does something between the look at the checks and the first merge."""
    real = forge.merge

    async def merge(pull: ForgePullRequest, sha: str) -> Merging:
        if not asked:
            work()
        asked.append(await real(pull, sha))
        return asked[-1]

    forge.merge = merge  # type: ignore[method-assign]
    return forge
