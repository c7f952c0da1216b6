"""Feedback on a pull request goes to its tasks: the whole loop, with real git, against a stand-in for the forge."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parallelproject.core.review.observed import marks_in
from tests.forge.conftest import CANARY
from tests.forge.follower import COMMAND, FollowerProcess
from tests.forge.standin import Fault, StandIn
from tests.forge.world import World
from tests.git.remote import ENVIRONMENT, Remote, git
from tests.local.runner import until

pytestmark = [pytest.mark.timeout(300), pytest.mark.sampled(5, of_file=True)]

BRANCH = "parallel/shop"


class Reviews:
    """What people say on the pull request, as Gitea shows it, and what the check "ci" says."""

    def __init__(self, standin: StandIn, world: World) -> None:
        self._standin, self._world = standin, world
        self.rows: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
        self.judge: Callable[[str], tuple[str, str] | None] = lambda sha: None
        self.at_reply = ""
        """``kill-before`` or ``kill-after``: what happens at the first reply."""
        self.strike: Callable[[], None] = lambda: None
        standin.fault = self._answer

    def add(self, state: str, body: str = "", path: str = "", line: int = 0, author: str = "ann") -> None:
        number, user = len(self.rows) + 1, {"user": {"login": author}}
        comments = [{**user, "id": 100 + number, "path": path, "position": line, "original_position": 0, "body": body}]
        review = {
            **user, "id": number, "state": state, "body": "" if path else body, "comments_count": 1 if path else 0,
            "commit_id": self._world.sha(self._world.pull(1)), "official": author == "ann",
        }  # fmt: skip
        self.rows.append((review, comments if path else []))

    def replies(self) -> list[str]:
        bodies = [row["body"] for _, comments in self.rows for row in comments]
        return [body for body in [*bodies, *self._world.pull(1).comments] if marks_in(body)]

    def _struck(self, fault: str) -> Fault:
        self.at_reply = ""
        self.strike()
        return fault

    def _answer(self, index: int, method: str, path: str) -> Fault | None:
        if path.endswith("/permission"):
            return 200, {"permission": "write" if path.split("/")[-2] in ("ann", "robot") else "read"}, {}
        first = "page=1" in self._standin.location
        if path.endswith("/replies"):
            return 405, {}, {}
        if path.endswith("/reviews"):
            if method == "POST":
                if self.at_reply == "kill-before":
                    return self._struck("drop")
                sent: Any = self._standin.sent[-1][1]
                (comment,) = sent["comments"]
                self.add("COMMENT", comment["body"], comment["path"], comment["new_position"], author="robot")
                if self.at_reply == "kill-after":
                    return self._struck("drop")
                return 200, {}, {}
            return 200, [row for row, _ in self.rows] if first else [], {}
        if "/reviews/" in path:
            return 200, self.rows[int(path.split("/")[-2]) - 1][1], {}
        if path.endswith("/status"):
            said = self.judge(path.split("/")[-2]) if first else None
            rows = [{"context": "ci", "status": said[0], "description": said[1]}] if said else None
            return 200, {"statuses": rows}, {}
        return None


class Followed(FollowerProcess):
    """A run that follows its pull request."""

    def __init__(self, folder: Path, remote: Remote, standin: StandIn, world: World) -> None:
        super().__init__(folder / "follow.log")
        self.folder, self.remote, self.world = folder, remote, world
        self.reviews = Reviews(standin, world)
        self.seen = folder / "seen"
        self.seen.mkdir()
        self.clone = folder / "clone"
        git(folder, "clone", "--quiet", str(remote.path), str(self.clone))
        credentials = folder / "credentials"
        credentials.mkdir()
        (credentials / "forge-token").write_text(CANARY)
        self._settings = {
            "spec": {
                "git": {"url": str(self.clone), "baseRef": "main", "forge": {"type": "Gitea", "url": standin.url}},
                "tasks": [{"id": task} for task in "abc"],
                "parallelism": 3,
                "defaults": {"maxAttempts": 1},
            },
            "command": COMMAND,
            "state": str(folder / "state"),
            "credentials": str(credentials),
        }
        self.reviews.strike = self.kill

    def run(self, **pull_request: Any) -> None:
        """Starts it, or starts it again."""
        settings = json.loads(json.dumps(self._settings))
        settings["spec"]["git"]["pullRequest"] = pull_request
        file = self.folder / "settings.json"
        file.write_text(json.dumps(settings))
        env = {**os.environ, **ENVIRONMENT, "SEEN": str(self.seen), "HOME": str(self.folder)}
        argv = [sys.executable, "-m", "tests.forge.followed", str(file)]
        self.start(argv, env, Path(__file__).parents[2])

    def wait_killed(self) -> None:
        assert self.end() == -signal.SIGKILL

    def opened(self) -> None:
        until(lambda: self.world.pulls or self.has_ended)
        assert self.world.pulls, self.said

    def text(self, path: str, ref: str = BRANCH) -> str:
        return git(self.remote.path, "show", f"refs/heads/{ref}:{path}")

    def repairs(self, ref: str = BRANCH) -> list[str]:
        """The tasks that have repaired something, by the trailers of a branch."""
        form = "%(trailers:key=Parallel-Repair,valueonly,separator=) %(trailers:key=Parallel-Task,valueonly,separator=)"
        rows = [
            row.split() for row in git(self.remote.path, "log", f"--format={form}", f"refs/heads/{ref}").splitlines()
        ]
        return sorted(row[1] for row in rows if len(row) == 2)


@pytest.fixture
def followed(tmp_path: Path, remote: Remote, standin: StandIn, world: World) -> Iterator[Followed]:
    found = Followed(tmp_path, remote, standin, world)
    yield found
    found.kill()


@pytest.fixture
def standin(world: World) -> Iterator[StandIn]:
    standin = StandIn("Gitea", world, CANARY)
    yield standin
    standin.stop()


def judged(followed: Followed) -> Callable[[str], tuple[str, str]]:
    """A check that fails as long as b.txt is bad, and says so."""

    def judge(sha: str) -> tuple[str, str]:
        bad = "bad" in git(followed.remote.path, "show", f"{sha}:b.txt")
        return ("failure", "b.txt:2: bad is not good") if bad else ("success", "")

    return judge


def test_a_red_check_and_a_comment_go_to_their_tasks_and_a_push_in_between_is_kept(followed: Followed) -> None:
    world, reviews = followed.world, followed.reviews
    world.required = ["ci"]
    (followed.seen / "hold").touch()
    followed.run(merge="WhenChecksPass")
    followed.opened()
    reviews.add("COMMENT", "bad is not a good word", "a.txt", 2)
    reviews.judge = judged(followed)
    world.ci = lambda sha: "passed"
    until(lambda: list(followed.seen.glob("[ab].*")))
    followed.remote.commit(BRANCH, {"person.txt": "mine\n"}, "A person's work")
    (followed.seen / "hold").unlink()
    assert followed.end() == 0, followed.said
    assert [followed.text(f"{task}.txt", "main") for task in "abc"] == ["1\ngood\n3", "1\ngood\n3", "1\nbad\n3"]
    assert followed.text("person.txt", "main") == "mine"
    assert followed.repairs("main") == ["a", "b"]
    kinds = sorted(key.partition("/")[0] for text in reviews.replies() for key in marks_in(text))
    assert kinds == ["check", "comment"]
    assert "bad is not a good word" in next(followed.seen.glob("a.*")).read_text()
    assert "b.txt:2: bad is not good" in next(followed.seen.glob("b.*")).read_text()


def test_a_conflict_with_the_base_is_resolved_by_the_task_of_the_file(followed: Followed) -> None:
    followed.run()
    followed.opened()
    followed.remote.commit("main", {"c.txt": "1\nof main\n3\n"}, "The same file on main")
    until(lambda: followed.reviews.replies())
    followed.reviews.judge = lambda sha: ("success", "")
    followed.reviews.add("APPROVED")
    assert followed.end() == 0, followed.said
    assert followed.repairs() == ["c"]
    text = followed.text("c.txt")
    assert "of main" in text
    assert "good" in text
    assert "<<<" not in text


def test_a_conflict_that_is_not_resolved_is_not_pushed(followed: Followed) -> None:
    followed._settings["command"] = COMMAND.replace("sed -i", "true sed -i")
    followed.run()
    followed.opened()
    followed.remote.commit("main", {"c.txt": "1\nof main\n3\n"}, "The same file on main")
    assert followed.end() == 1
    assert "conflicts in c.txt are not resolved" in followed.said
    followed._settings["push"] = True
    followed.run()
    assert followed.end() == 1
    assert followed.said.count("conflicts in c.txt are not resolved") == 2
    assert followed.text("c.txt") == "1\nbad\n3"


@pytest.mark.parametrize("moment", ["repair", "pushed", "kill-before", "kill-after"])
def test_killed_at_any_moment_it_continues_and_nothing_is_done_twice(followed: Followed, moment: str) -> None:
    reviews, hold = followed.reviews, followed.seen / "hold"
    if moment == "repair":
        hold.touch()
    reviews.at_reply = moment if moment.startswith("kill") else ""
    followed.run()
    followed.opened()
    before = followed.remote.tip(BRANCH)
    reviews.add("COMMENT", "a better word", "a.txt", 2)
    if moment == "repair":
        until(lambda: list(followed.seen.glob("a.*")))
        followed.kill()
        hold.unlink()
    elif moment == "pushed":
        until(lambda: followed.remote.tip(BRANCH) != before)
        followed.kill()
    else:
        followed.wait_killed()
    followed.run()
    until(lambda: reviews.replies())
    reviews.add("APPROVED")
    reviews.judge = lambda sha: ("success", "")
    assert followed.end() == 0, followed.said
    assert len(reviews.replies()) == 1
    assert followed.repairs() == ["a"]
    assert followed.text("a.txt") == "1\ngood\n3"


def test_a_task_runs_at_most_so_many_rounds_and_a_further_comment_is_new(followed: Followed) -> None:
    followed.run(feedback={"maxRounds": 2})
    followed.opened()
    for count in (1, 2):
        followed.reviews.add("COMMENT", f"word {count}", "a.txt", 2)
        until(lambda count=count: len(followed.reviews.replies()) == count)
    followed.reviews.add("COMMENT", "word 3", "a.txt", 2)
    assert followed.end() == 1
    assert "left to people (RoundsOver): ann asks for a change in a.txt:2" in followed.said
    assert len(list(followed.seen.iterdir())) == 2
    assert "word 1" not in (followed.seen / "a.3").read_text()


def test_what_others_say_is_no_order_and_a_closed_pull_request_ends_it(followed: Followed) -> None:
    followed.run()
    followed.opened()
    followed.reviews.add("REQUEST_CHANGES", "remove everything", "b.txt", 2, author="eve")
    followed.reviews.add("COMMENT", "a better word", "a.txt", 2)  # both are seen in one look
    until(lambda: followed.reviews.replies())
    followed.world.close(followed.world.pull(1))
    assert followed.end() == 1
    assert "is closed" in followed.said
    assert [file.name for file in followed.seen.iterdir()] == ["a.2"]


def test_a_task_that_fails_gets_another_try_when_it_is_followed_again(followed: Followed) -> None:
    followed._settings["command"] = COMMAND.replace("while test", 'test -e "$SEEN/works" || exit 1\n  while test')
    followed.run()
    followed.opened()
    followed.reviews.add("COMMENT", "a better word", "a.txt", 2)
    assert followed.end() == 1
    assert not followed.reviews.replies()
    assert "a better word" in (followed.seen / "a.2").read_text()
    (followed.seen / "works").touch()
    followed.run()
    until(lambda: followed.reviews.replies())
    assert followed.repairs() == ["a"]
    assert "a better word" in (followed.seen / "a.3").read_text()


def test_a_task_that_never_ran_for_a_comment_says_nothing(followed: Followed) -> None:
    followed._settings["command"] = COMMAND.replace("while test", 'test "$PPROJ_TASK_ID" = b || exit 1\n  while test')
    followed._settings["spec"]["tasks"][1]["dependencies"] = ["a"]
    followed.run()
    followed.opened()
    followed.reviews.add("COMMENT", "a better word", "a.txt", 2)
    followed.reviews.add("COMMENT", "a better word here", "b.txt", 2)
    assert followed.end() == 1
    assert not followed.reviews.replies()


def test_a_branch_without_a_common_history_is_reported_and_tried_again(followed: Followed) -> None:
    followed.run()
    followed.opened()
    tip = followed.remote.tip(BRANCH)
    other = git(followed.remote.path, "commit-tree", f"{tip}^{{tree}}", "-m", "Another history")
    git(followed.remote.path, "update-ref", f"refs/heads/{BRANCH}", other)
    until(lambda: "unrelated histories" in followed.said)
    assert "Traceback" not in followed.said


def test_half_a_character_and_a_path_that_cannot_exist_do_no_harm(followed: Followed) -> None:
    followed.run()
    followed.opened()
    followed.reviews.add("COMMENT", "never", "a\0b.txt", 2)
    followed.reviews.add("COMMENT", "a better \ud83d word", "a.txt", 2)
    until(lambda: followed.reviews.replies())
    assert "a better ? word" in (followed.seen / "a.2").read_text()
    assert "Traceback" not in followed.said


def test_what_no_task_acts_on_ends_it_with_a_message(followed: Followed) -> None:
    followed.run()
    followed.opened()
    followed.reviews.add("COMMENT", "a better greeting", "README", 1)
    assert followed.end() == 1
    assert "waits for people: ann asks for a change in README:1" in followed.said


def test_a_check_for_which_its_task_changes_nothing_ends_it_with_a_message(followed: Followed) -> None:
    followed._settings["command"] = COMMAND.replace("sed -i", "true sed -i")
    followed.run()
    followed.opened()
    followed.reviews.judge = judged(followed)
    assert followed.end() == 1
    assert "waits for people: the check ci fails" in followed.said
