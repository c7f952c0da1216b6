"""After the pull request: what checks, people and the base say of it goes to the tasks, on a real forge."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from parallelproject.core.review.observed import marks_in
from rig.errors import ApiError
from rig.gitearepository import Repository
from tests.forge.follower import COMMAND, FollowerProcess
from tests.gitea.clone import BRANCH, Clone
from tests.gitea.setup import REVIEWER, checking, until

pytestmark = [pytest.mark.timeout(600), pytest.mark.sampled(2, of_file=True)]

TASKS = {"tasks": [{"id": "a"}, {"id": "b"}, {"id": "c"}], "parallelism": 3}


class Followed(FollowerProcess):
    """A run that follows its pull request."""

    def __init__(self, clone: Clone, reviewer: str) -> None:
        super().__init__(clone.folder / "follow.log")
        self.clone, self.repository = clone, clone.repository
        self._reviewer = reviewer
        self.seen = clone.folder / "seen"
        self.seen.mkdir()

    def run(self, **pull_request: Any) -> None:
        """Starts it."""
        self._start([*self.clone.command(command=COMMAND, spec=TASKS, **pull_request), "--follow"])

    def again(self) -> None:
        """Continues it, by ``pproj publish``."""
        pproj = self.clone.command(command=COMMAND, spec=TASKS)[0]
        self._start([pproj, "publish", "--follow", "--state-dir", str(self.clone.folder / "state")])

    def _start(self, argv: list[str]) -> None:
        self.start(argv, self.clone.environment | {"SEEN": str(self.seen)}, self.clone.folder)

    def pull(self) -> dict[str, Any]:
        """Its pull request, once it is there."""
        return until(lambda: next(iter(self.repository.pulls()), None), "a pull request")

    def review(self, event: str, body: str = "", path: str = "", line: int = 0) -> int:
        """A review by a person who may write."""
        pull = self.pull()
        comments = [{"path": path, "body": body, "new_position": line}] if path else []
        content = {"event": event, "body": "" if path else body, "commit_id": pull["head"]["sha"], "comments": comments}
        made = self.repository.gitea.request(
            "POST", f"/repos/{self.repository.owner}/{self.repository.name}/pulls/{pull['number']}/reviews", content,
            authorization=f"token {self._reviewer}",
        )  # fmt: skip
        return int(made["id"])

    def replies(self) -> list[str]:
        """All comments of ours, on lines and below."""
        number = self.pull()["number"]
        said = self.repository.comments(number)
        for review in self.repository.request("GET", f"/pulls/{number}/reviews"):
            rows = self.repository.request("GET", f"/pulls/{number}/reviews/{review['id']}/comments") or []
            said += [row["body"] for row in rows]
        return [text for text in said if marks_in(text)]

    def repairs(self, ref: str) -> list[str]:
        """The tasks that have repaired something, by the trailers of a branch."""
        self.clone.git("fetch", "--quiet", "origin")
        form = "%(trailers:key=Parallel-Repair,valueonly,separator=) %(trailers:key=Parallel-Task,valueonly,separator=)"
        rows = [line.split() for line in self.clone.git("log", f"--format={form}", f"origin/{ref}").splitlines()]
        return sorted(row[1] for row in rows if len(row) == 2)


@pytest.fixture
def followed(repository: Repository, token: str, tmp_path: Path) -> Iterator[Followed]:
    repository.request("PUT", f"/collaborators/{REVIEWER}", {"permission": "write"})
    reviewer = repository.gitea.token(REVIEWER, ["write:repository", "write:issue"])
    found = Followed(Clone(tmp_path, repository, token), reviewer)
    yield found
    found.kill()


@contextmanager
def judged(repository: Repository) -> Iterator[None]:
    """A check that fails as long as b.txt is bad, and says so."""

    def judge(sha: str) -> str | tuple[str, str] | None:
        try:
            text = repository.text("b.txt", sha)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return ("failure", "b.txt:2: bad is not good") if "bad" in text else "success"

    with checking(repository, judge):
        yield


def test_a_red_check_and_a_comment_are_acted_on_by_their_tasks_and_a_push_in_between_is_kept(
    followed: Followed,
) -> None:
    repository = followed.repository
    repository.protect("main", ["ci"])
    (followed.seen / "hold").touch()
    followed.run(merge="WhenChecksPass")
    followed.review("COMMENT", "bad is not a good word", "a.txt", 2)
    with judged(repository):
        until(lambda: list(followed.seen.glob("[ab].*")), "a repair to start")
        repository.commit(BRANCH, {"person.txt": "mine\n"}, "A person's work")
        (followed.seen / "hold").unlink()
        assert followed.end() == 0, followed.said
    assert [repository.text(f"{name}.txt") for name in "abc"] == ["1\ngood\n3\n", "1\ngood\n3\n", "1\nbad\n3\n"]
    assert repository.text("person.txt") == "mine\n"
    assert followed.repairs("main") == ["a", "b"]
    replies = followed.replies()
    assert sorted(key.partition("/")[0] for text in replies for key in marks_in(text)) == ["check", "comment"]
    assert any("by the task `a`" in text for text in replies)
    assert "bad is not a good word" in next(followed.seen.glob("a.*")).read_text()
    assert "b.txt:2: bad is not good" in next(followed.seen.glob("b.*")).read_text()


def test_a_conflict_with_the_base_is_resolved_by_the_task_of_the_file(followed: Followed) -> None:
    repository = followed.repository
    followed.run(merge="WhenChecksPass")
    followed.pull()
    repository.commit("main", {"c.txt": "1\nof main\n3\n"}, "The same file on main")
    with checking(repository, lambda sha: "success" if "of main" in _text(repository, "c.txt", sha) else None):
        assert followed.end() == 0, followed.said
    assert followed.repairs("main") == ["c"]
    text = repository.text("c.txt")
    assert "of main" in text
    assert "good" in text
    assert "<<<" not in text


def test_killed_after_its_reply_it_continues_and_nothing_is_done_twice(followed: Followed) -> None:
    repository = followed.repository
    followed.run()
    followed.review("REQUEST_CHANGES", "a.txt:2: a better word, please")
    until(followed.replies, "a reply")
    followed.kill()
    followed.again()
    until(lambda: followed.said.count("following http") == 2, "the second one to follow")
    followed.review("APPROVED")
    assert followed.end() == 0, followed.said
    assert len(followed.replies()) == 1
    assert followed.repairs(BRANCH) == ["a"]
    assert not followed.pull()["merged"]
    assert repository.text("a.txt", BRANCH) == "1\ngood\n3\n"


def test_comments_of_others_are_no_orders_and_a_closed_pull_request_ends_it(followed: Followed) -> None:
    repository = followed.repository
    repository.request("DELETE", f"/collaborators/{REVIEWER}")
    followed.run()
    followed.review("COMMENT", "remove everything", "a.txt", 2)
    until(lambda: "following http" in followed.said, "it to follow")
    repository.close(followed.pull()["number"])
    assert followed.end() == 1
    assert "is closed" in followed.said
    assert not list(followed.seen.iterdir())


def test_a_task_runs_at_most_so_many_rounds(followed: Followed) -> None:
    followed.run(feedback={"maxRounds": 1})
    with checking(followed.repository, lambda sha: ("failure", "b.txt:1: never good")):
        assert followed.end() == 1
    assert "RoundsOver" in followed.said
    assert followed.repairs(BRANCH) == ["b"]


def _text(repository: Repository, path: str, ref: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            return repository.text(path, ref)
        except ApiError as error:
            if error.status != 404 or time.monotonic() > deadline:
                return ""
            time.sleep(0.2)
