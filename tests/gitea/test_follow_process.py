"""The process that follows a pull request for a cluster, alone: on a real forge, without an operator."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parallelproject.core.followups.publishing import PublishAttempt
from parallelproject.core.review.follow_report import FollowEnd, FollowReport
from parallelproject.core.review.following import FollowRecord, known_to_process, with_reports
from parallelproject.core.review.observed import marks_in
from parallelproject.core.review.taking_in import FollowedTasks
from rig.gitearepository import Repository
from tests.gitea.setup import BRANCH, REVIEWER, mounted, until

pytestmark = pytest.mark.timeout(600)
TASKS = FollowedTasks(able=frozenset("ab"), attempts={"a": 1, "b": 1}, max_rounds=3)
_SECONDS = 180


class Process:
    """One process after the other, and the record that an operator keeps between them."""

    def __init__(self, repository: Repository, token: str, folder: Path) -> None:
        self.repository, self.folder = repository, folder
        self.credentials = mounted(folder, repository.gitea, token)
        self.attempts = {"a": 1, "b": 1}
        self.record = FollowRecord(revision="r")
        repository.request("PUT", f"/collaborators/{REVIEWER}", {"permission": "write"})
        self._reviewer = repository.gitea.token(REVIEWER, ["write:repository", "write:issue"])
        start = "main"
        for task in "ab":
            self.land(task, "bad", start=start)
            start = ""
        made = {"head": BRANCH, "base": "main", "title": "Two tasks"}
        self.number = int(repository.request("POST", "/pulls", made)["number"])

    def land(self, task: str, word: str, repair: int = 0, start: str = "") -> str:
        """A commit with the trailers of a task."""
        trailers = f"Parallel-Run: run\nParallel-Task: {task}\nParallel-Attempt: {repair + 1}\n"
        trailers += f"Parallel-Repair: {repair}\n" if repair else ""
        files = {f"{task}.txt": f"1\n{word}\n3\n"}
        return self.repository.commit(BRANCH, files, f"Do {task}\n\n{trailers}", start=start or None)

    def start(self, **follow: Any) -> "subprocess.Popen[bytes]":
        """Starts one."""
        told = {
            "url": self.repository.url, "base": "main", "branch": BRANCH, "line": BRANCH, "project": "p", "run": "run",
            "credentials": str(self.credentials), "private": str(self.folder / f"private-{self.record.number}"),
            "forge": {
                "type": "Gitea", "url": self.repository.gitea.url, "token": str(self.credentials / "password"),
            },
            "tasks": [{"id": task, "attempts": number} for task, number in self.attempts.items()],
            "follow": {"state": known_to_process(self.record.state), "repaired": "{}", "quiet": 0, **follow},
        }  # fmt: skip
        (self.folder / "told.json").write_text(json.dumps(told))
        argv = ["parallelproject.forge.publishing.main", str(self.folder / "told.json")]
        return subprocess.Popen(
            [sys.executable, "-m", *argv, "--result", str(self.folder / "said")], start_new_session=True
        )

    def end(self, process: "subprocess.Popen[bytes]") -> FollowReport:
        """What one reports; it is recorded as an operator does."""
        assert process.wait(_SECONDS) == 0
        said = (self.folder / "said").read_text()
        assert len(said) <= 4096
        seen = PublishAttempt(self.record.number + 1, "r", True, succeeded=True, message=said)
        tasks = FollowedTasks(able=TASKS.able, attempts=dict(self.attempts), max_rounds=TASKS.max_rounds)
        self.record, _ = with_reports(self.record, [seen], tasks, 0.0)
        found = FollowReport.read(json.loads(said)["follow"])
        assert found
        return found

    def run(self, **follow: Any) -> FollowReport:
        """One from its start to its end."""
        return self.end(self.start(**follow))

    def review(self, event: str, body: str, path: str = "", line: int = 0) -> None:
        """A review by a person."""
        comments = [{"path": path, "body": body, "new_position": line}] if path else []
        content = {"event": event, "body": "" if path else body, "comments": comments}
        path = f"/repos/{self.repository.owner}/{self.repository.name}/pulls/{self.number}/reviews"
        self.repository.gitea.request("POST", path, content, authorization=f"token {self._reviewer}")

    def check(self, state: str, said: str = "") -> None:
        """How the check of the last commit ends."""
        sha = self.repository.tip(BRANCH)
        assert sha
        self.repository.set_status(sha, state, description=said)

    def replies(self) -> list[str]:
        """The marks of all comments of ours."""
        texts = self.repository.comments(self.number)
        for review in self.repository.request("GET", f"/pulls/{self.number}/reviews"):
            rows = self.repository.request("GET", f"/pulls/{self.number}/reviews/{review['id']}/comments") or []
            texts += [row["body"] for row in rows]
        return [key for text in texts for key in marks_in(text)]


@pytest.fixture
def process(repository: Repository, token: str, tmp_path: Path) -> Process:
    return Process(repository, token, tmp_path)


def test_what_is_new_is_reported_once_and_answered_once_also_after_a_kill(process: Process) -> None:
    process.review("COMMENT", "a better word, please", "a.txt", 2)
    process.check("failure", "b.txt:2: bad is not good")
    found = process.run()
    assert (found.end, {one.task for one in found.findings}) == (FollowEnd.FEEDBACK, {"a", "b"})
    assert found.sha == process.repository.tip(BRANCH)
    assert process.record.state.floors == {"a": 1, "b": 1}
    assert not process.run().findings, "it is known"
    process.land("a", "good", repair=1)
    commit = process.land("b", "good", repair=1)
    process.attempts = {"a": 2, "b": 2}
    killed = process.start()
    until(process.replies, "a reply")
    killed.kill()
    killed.wait()
    found = process.run(seconds=0)
    assert len(found.answered) == len(process.replies()) == 2
    assert process.record.state.unanswered == []
    assert any(commit in text for text in process.repository.comments(process.number))
    assert not process.run(seconds=0).answered


def test_it_ends_with_the_pull_request(process: Process) -> None:
    process.check("success")
    assert (quiet := process.run()).end is FollowEnd.QUIET
    assert not quiet.is_pending
    process.review("APPROVED", "fine")
    assert process.run().end is FollowEnd.APPROVED
    process.repository.close(process.number)
    closed = process.run()
    assert (closed.end, closed.state) == (FollowEnd.CLOSED, "closed")
    process.repository.request("DELETE", f"/branches/{BRANCH}")


def test_comments_of_others_are_no_orders_and_feedback_that_does_not_count_is_not_looked_at(process: Process) -> None:
    process.review("COMMENT", "a better word, please", "a.txt", 2)
    process.check("failure", "b.txt:2: bad is not good")
    only_checks = process.run(reviews=False)
    assert [one.task for one in only_checks.findings] == ["b"]
    process.repository.request("DELETE", f"/collaborators/{REVIEWER}")
    found = process.run()
    assert found.findings == ()
    assert found.end is FollowEnd.QUIET


def test_a_conflict_names_the_files_and_is_joined_when_it_is_resolved(process: Process) -> None:
    onto = process.repository.commit("main", {"a.txt": "1\nof main\n3\n"}, "The same file on main")
    found = process.run()
    (one,) = found.findings
    assert (one.task, one.paths, found.onto) == ("a", ("a.txt",), ((onto, "main"),))
    assert process.record.state.incoming[0].commit == onto
    process.land("a", "both", repair=1)
    process.attempts["a"] = 2
    found = process.run(seconds=0)
    assert found.answered == (one.key,)
    tip = process.repository.tip(BRANCH)
    assert tip
    assert onto in process.repository.parents(tip)
    assert found.findings == ()
