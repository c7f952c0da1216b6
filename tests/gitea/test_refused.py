"""On a real Gitea: what it does not let us do ends in words that say so, without the token in them."""

from pathlib import Path

import pytest

from parallelproject.forge.clients.protocol import ForgeClient
from parallelproject.forge.publishing.result import PublishEnd
from parallelproject.git.plumbing.outcome import AuthOrProtectedError, DeliveryError
from parallelproject.git.plumbing.refs import task_branch
from parallelproject.model.spec import MergeMode
from rig import Gitea
from rig.certificate import write_certificate
from rig.gitearepository import Repository
from tests.gitea.setup import BRANCH, OWNER, ROBOT, Publisher, Settings, mounted

pytestmark = pytest.mark.gitea
WHEN = MergeMode.WHEN_CHECKS_PASS


@pytest.fixture(autouse=True)
def work(repository: Repository) -> None:
    tip = repository.commit(BRANCH, {"x": "1"}, "a", start="main")
    repository.set_status(tip, "success")


def refused(publisher: Publisher, *, token: str, tasks: str = "") -> str:
    with pytest.raises(AuthOrProtectedError) as error:
        publisher.per_task(tasks) if tasks else publisher.shared(WHEN)
    assert token not in str(error.value)
    return f"{error.value.reason}: {error.value}"


def test_a_wrong_token_and_one_that_is_renewed(publisher: Publisher, repository: Repository, token: str) -> None:
    wrong = "0123456789abcdef0123456789abcdef01234567"
    password = publisher.settings.credentials / "password"
    password.write_text(wrong)
    assert "HTTP 401" in refused(publisher, token=wrong)
    assert repository.pulls() == []
    password.write_text(token)
    assert publisher.shared(WHEN).end is PublishEnd.MERGED


def test_a_token_for_reading_alone(users: Gitea, publisher: Publisher, repository: Repository) -> None:
    token = users.token(ROBOT, ["read:repository"])
    (publisher.settings.credentials / "password").write_text(token)
    assert "HTTP 403" in refused(publisher, token=token)
    assert repository.pulls() == []


def test_a_token_of_somebody_who_may_only_read(users: Gitea, tmp_path: Path, token: str) -> None:
    repository = users.repository(OWNER, f"read-{tmp_path.name}"[:60], {ROBOT: "read"})
    repository.commit(BRANCH, {"x": "1"}, "a", start="main")
    publisher = Publisher(Settings(repository.url, tmp_path / "publish", mounted(tmp_path, users, token)))
    assert "HTTP 403" in refused(publisher, token=token)
    assert repository.tip("main") != repository.tip(BRANCH)


def test_a_repository_that_the_token_does_not_see(users: Gitea, tmp_path: Path, token: str) -> None:
    repository = users.repository(OWNER, f"secret-{tmp_path.name}"[:60])
    repository.request("PATCH", "", {"private": True})
    publisher = Publisher(Settings(repository.url, tmp_path / "publish", mounted(tmp_path, users, token)))
    assert refused(publisher, token=token)


def test_a_token_that_may_not_merge(publisher: Publisher, repository: Repository, token: str) -> None:
    repository.protect("main", enable_merge_whitelist=True, merge_whitelist_usernames=[OWNER])
    start = repository.tip("main")
    assert "may not merge" in refused(publisher, token=token)
    assert repository.tip("main") == start
    assert repository.pull(1)["state"] == "open"


def test_a_branch_that_may_not_be_pushed_to(publisher: Publisher, repository: Repository, token: str) -> None:
    """The task's branch has to be brought up to date, but it is protected."""
    repository.commit(task_branch(BRANCH + "s", "a"), {"y": "1"}, "a", start="main")
    repository.commit("main", {"m": "1"}, "theirs")
    repository.protect(f"{BRANCH}s/*", enable_push=False)
    with pytest.raises(AuthOrProtectedError) as error:
        publisher.per_task("a", BRANCH + "s")
    assert token not in str(error.value)
    assert task_branch(BRANCH + "s", "a") in str(error.value)


def test_a_server_that_does_not_prove_who_it_is(publisher: Publisher, repository: Repository, tmp_path: Path) -> None:
    """Another one's certificate is at its address: neither git nor we send the token there."""
    authority = publisher.settings.credentials / "ca.crt"
    right = authority.read_bytes()
    write_certificate(authority, tmp_path / "key.pem", "127.0.0.1")
    with pytest.raises(DeliveryError, match="certificate"):
        publisher.shared(WHEN)

    async def find(forge: ForgeClient) -> None:
        await forge.find(BRANCH, "main")

    with pytest.raises(AuthOrProtectedError, match="is not trusted: its certificate cannot be verified"):
        publisher.run(find)
    authority.write_bytes(right)
    assert publisher.shared(WHEN).end is PublishEnd.MERGED
