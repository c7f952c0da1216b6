"""After the pull request in a cluster: feedback on it goes to its tasks, and nothing is done twice.

The nodes are fake; our containers run as processes, with a real Gitea.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from parallelproject.core.review.observed import marks_in
from rig.errors import ApiError
from rig.fixtures import gitea
from rig.gitearepository import Repository
from tests.controller.audit import AuditLog
from tests.controller.checks import acted_before_written
from tests.controller.cluster import Json, Namespace, condition, has_completed, role, rows, spec, task
from tests.controller.operator_process import OperatorProcess
from tests.controller.real_pods import PROJECT, RealPods
from tests.gitea.conftest import repository, token, users
from tests.gitea.setup import REVIEWER, checking, mounted

__all__ = ["gitea", "repository", "token", "users"]
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900), pytest.mark.sampled(3, of_file=True)]

BRANCH = f"parallel/{PROJECT}"
SCRIPT = """
file="$PPROJ_TASK_ID.txt"
if test -n "$PPROJ_FEEDBACK"; then sed -i -e 's/bad/good/' -e '/^[<>=|]\\{7\\}/d' "$file"
else printf '1\\nbad\\n3\\n' > "$file"; fi
"""


class FollowedProject(RealPods):
    """A project in the cluster, whose pull request is on Gitea."""

    def __init__(self, ns: Namespace, repository: Repository, token: str, folder: Path) -> None:
        super().__init__(ns, folder / "pods", mounted(folder, repository.gitea, token), SCRIPT)
        self.repository = repository
        repository.request("PUT", f"/collaborators/{REVIEWER}", {"permission": "write"})
        self._reviewer = repository.gitea.token(REVIEWER, ["write:repository", "write:issue"])

    def create(self, **pull_request: Any) -> Json:
        held = role()
        held["podTemplate"]["spec"]["containers"][0]["env"] = [
            {"name": "PPROJ_PARAM_HOLD_ATTEMPTS", "value": "1000000"}
        ]
        git = {
            "url": self.repository.url,
            "credentialsSecretRef": {"name": "shop-git"},
            "forge": {
                "type": "Gitea", "url": self.repository.gitea.url,
                "tokenSecretRef": {"name": "shop-forge", "key": "token"},
            },
            "pullRequest": {"feedback": {}, **pull_request},
        }  # fmt: skip
        return self.ns.create(spec(task("a"), task("b"), task("c"), git=git, roles=[held]), PROJECT)

    def until_followed(self) -> Json:
        """Until a process follows the pull request; the pull request."""
        self.wait(lambda _: self.followers(), "the pull request to be followed")
        return self.repository.pulls()[0]

    def until_reviewed(self, status: str, reason: str) -> Json:
        return self.wait(
            lambda p: (found := condition(p, "Reviewed")) and (found["status"], found["reason"]) == (status, reason),
            f"Reviewed to be {status} {reason}",
        )

    def review(self, event: str, body: str = "", path: str = "", line: int = 0) -> None:
        """A review by a person who may write."""
        pull = self.repository.pulls()[0]
        comments = [{"path": path, "body": body, "new_position": line}] if path else []
        content = {"event": event, "body": "" if path else body, "commit_id": pull["head"]["sha"], "comments": comments}
        self.repository.gitea.request(
            "POST", f"/repos/{self.repository.owner}/{self.repository.name}/pulls/{pull['number']}/reviews", content,
            authorization=f"token {self._reviewer}",
        )  # fmt: skip

    def replies(self) -> list[str]:
        """The marks of all comments of ours, on lines and below."""
        number = self.repository.pulls()[0]["number"]
        said = self.repository.comments(number)
        for review in self.repository.request("GET", f"/pulls/{number}/reviews"):
            found = self.repository.request("GET", f"/pulls/{number}/reviews/{review['id']}/comments") or []
            said += [row["body"] for row in found]
        return sorted(key.partition("/")[0] for text in said for key in marks_in(text))

    def texts(self, ref: str = "main") -> list[str]:
        return [self.repository.text(f"{name}.txt", ref) for name in "abc"]


@pytest.fixture
def followed(ns: Namespace, repository: Repository, token: str, tmp_path: Path) -> Iterator[FollowedProject]:
    found = FollowedProject(ns, repository, token, tmp_path)
    yield found
    found.close()


def bad_in_b(repository: Repository, sha: str) -> str | tuple[str, str] | None:
    """A check that fails as long as b.txt is bad, and says so."""
    try:
        return ("failure", "b.txt:2: bad is not good") if "bad" in repository.text("b.txt", sha) else "success"
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def test_a_red_check_and_a_comment_are_acted_on_by_their_tasks_and_it_is_merged(
    followed: FollowedProject, operator: OperatorProcess, audit: AuditLog
) -> None:
    repository, since = followed.repository, audit.position()
    repository.protect("main", ["ci"])
    followed.create(merge="WhenChecksPass")
    followed.until_followed()
    project = followed.ns.get(PROJECT)
    assert condition(project, "Succeeded")["status"] == "True", "as a local run has succeeded while it is followed"
    assert condition(project, "Published")["reason"] == "Opened"
    followed.holds = {"a", "b"}
    followed.review("COMMENT", "bad is not a good word", "a.txt", 2)
    with checking(repository, lambda sha: bad_in_b(repository, sha)):
        followed.until_reviewed("Unknown", "ActingOnFeedback")
        operator.kill()
        repository.commit(BRANCH, {"person.txt": "mine\n"}, "A person's work")
        operator.start()
        followed.holds.clear()
        done = followed.until_reviewed("True", "Merged")
    assert has_completed(done)
    assert followed.texts() == ["1\ngood\n3\n", "1\ngood\n3\n", "1\nbad\n3\n"]
    assert repository.text("person.txt") == "mine\n"
    assert followed.replies() == ["check", "comment"]
    assert {task: row["attempts"] for task, row in rows(done).items()} == {"a": 2, "b": 2, "c": 1}
    told = {task: text for task, _, text in followed.told}
    assert "bad is not a good word" in told["a"]
    assert "b.txt:2: bad is not good" in told["b"]
    (pull,) = done["status"]["publication"]["pullRequests"]
    assert (pull["state"], condition(done, "Published")["reason"]) == ("merged", "Merged")
    assert {row["task"]: row["rounds"] for row in done["status"]["review"]["rounds"]} == {"a": 1, "b": 1}
    reasons = [reason for reason, _ in followed.ns.events(PROJECT)]
    assert reasons.count("Feedback") == 2
    assert acted_before_written(audit.events(since, followed.ns.name)) == []


def test_an_operator_killed_at_any_moment_gives_feedback_once(
    followed: FollowedProject, operator: OperatorProcess, audit: AuditLog
) -> None:
    repository, since = followed.repository, audit.position()
    followed.create(merge="WhenChecksPass")

    def goes_on(project: Json, seen: int) -> bool:
        return len(followed.events) > seen or condition(project, "Reviewed").get("status") == "True"

    with checking(repository, lambda sha: bad_in_b(repository, sha)):
        for _ in range(7):
            followed.wait(partial(goes_on, seen=len(followed.events)), "something to happen")
            operator.kill()
            followed.run()
            operator.start()
        done = followed.until_reviewed("True", "Merged")
    assert {task: row["attempts"] for task, row in rows(done).items()} == {"a": 1, "b": 2, "c": 1}
    assert followed.replies() == ["check"]
    assert acted_before_written(audit.events(since, followed.ns.name)) == []


def test_a_conflict_with_the_base_is_resolved_by_the_task_of_the_file_and_no_marker_is_on_the_branch(
    followed: FollowedProject,
) -> None:
    repository = followed.repository
    followed.create(merge="WhenChecksPass")
    followed.until_followed()
    repository.commit("main", {"c.txt": "1\nof main\n3\n", "new.txt": "of main\n"}, "The same file on main")
    with checking(repository, lambda sha: "success" if has_base(repository, sha) else None):
        done = followed.until_reviewed("True", "Merged")
    assert {task: row["attempts"] for task, row in rows(done).items()} == {"a": 1, "b": 1, "c": 2}
    text = repository.text("c.txt")
    assert "of main" in text
    assert "good" in text
    assert "<<<" not in text
    assert repository.text("new.txt") == "of main\n"
    assert followed.replies() == ["conflict"]
    resolved = repository.about(str(repository.pulls()[0]["head"]["sha"]))
    assert len(resolved["parents"]) == 2, "the branch has a merge of the base"
    assert [notes for report in followed.reports for notes in report["follow"].get("answered", ())]


def has_base(repository: Repository, sha: str) -> bool:
    """Whether a commit has what is new on main, and no marker."""
    try:
        return repository.text("new.txt", sha) == "of main\n" and "<<<" not in repository.text("c.txt", sha)
    except ApiError as error:
        if error.status == 404:
            return False
        raise


def test_after_its_rounds_people_are_asked(followed: FollowedProject) -> None:
    followed.create(feedback={"maxRounds": 1})
    with checking(followed.repository, lambda sha: ("failure", "b.txt:1: never good")):
        waits = followed.until_reviewed("False", "WaitingForPeople")
    assert "the check ci fails" in condition(waits, "Reviewed")["message"]
    assert {task: row["attempts"] for task, row in rows(waits).items()} == {"a": 1, "b": 2, "c": 1}
    said = [(reason, text[:33]) for reason, text in followed.ns.events(PROJECT)]
    assert ("LeftToPeople", "RoundsOver: the check ci fails on") in said
    assert len(of_following(followed.ns)) == 1, "the Jobs before the last one are removed"
    assert followed.replies() == ["check"]


def of_following(ns: Namespace) -> list[Json]:
    return [job for job in ns.jobs("") if job["metadata"]["labels"].get("parallelproject.io/kind") == "Follow"]


def test_a_project_that_is_stopped_or_suspended_is_not_followed(followed: FollowedProject) -> None:
    followed.create()
    followed.until_followed()
    followed.ns.patch({"suspend": True}, PROJECT)
    followed.wait(lambda _: not followed.followers(), "the process to be stopped")
    followed.ns.patch({"suspend": False}, PROJECT)
    followed.until_followed()
    followed.ns.patch({"stop": True}, PROJECT)
    followed.wait(lambda _: not followed.followers(), "the process to be stopped")
    followed.ns.delete(PROJECT)
    followed.ns.until(lambda: not followed.ns.jobs(), "all Jobs to go with it")


def test_where_it_cannot_be_followed_it_is_not_accepted(ns: Namespace) -> None:
    git = {
        "url": "https://git.example/x.git", "forge": {"type": "Gitea"},
        "pullRequest": {"scope": "Level", "feedback": {}},
    }  # fmt: skip
    ns.create(spec(task("a"), git=git))
    refused = ns.wait(lambda p: condition(p, "Accepted")["status"] == "False", "a refusal")
    assert "is for one pull request, and spec.git makes several" in condition(refused, "Accepted")["message"]
