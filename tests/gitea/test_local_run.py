"""A run on this machine whose work is published: by ``pproj run --push``, from a clone, to a real forge."""

import re
from pathlib import Path

import pytest

from rig.gitearepository import Repository
from tests.gitea.clone import BRANCH, COMMAND, Clone
from tests.gitea.setup import ROBOT, checking

pytestmark = [pytest.mark.timeout(600), pytest.mark.sampled(4, of_file=True)]


@pytest.fixture
def clone(repository: Repository, token: str, tmp_path: Path) -> Clone:
    return Clone(tmp_path, repository, token)


def test_the_pull_request_is_opened_once_told_of_all_and_merged_when_the_whole_is_checked(clone: Clone) -> None:
    repository = clone.repository
    repository.protect("main", ["ci"])
    before = repository.tip("main")
    said = clone.run(breaks="b", code=1, merge="WhenChecksPass")
    (pull,) = repository.pulls()
    assert f"{BRANCH}: its pull request is open: {pull['html_url']}" in said
    assert pull["title"] == "shop (1 of 2 tasks)"  # c waits in a level that did not begin
    assert "Do \\| a" in pull["body"]
    assert "### Failed" in pull["body"]
    assert "/b/salvage/1" in pull["body"]
    assert [label["name"] for label in pull["labels"]] == ["agents"]
    assert repository.tip("main") == before

    with checking(repository, lambda sha: "success") as judged:
        said = clone.run(merge="WhenChecksPass")
    assert f"{BRANCH}: merged: {pull['html_url']}" in said
    (pull,) = repository.pulls()
    assert (pull["merged"], pull["title"]) == (True, "shop (3 of 3 tasks)")
    assert pull["head"]["sha"] in judged
    assert repository.text("c.txt") == "1\n"
    log = clone.git("ls-remote", "origin", BRANCH)
    assert log.split()[0] == clone.git("rev-parse", BRANCH)


def test_the_text_has_the_gates_that_have_judged_each_task(clone: Clone) -> None:
    review = 'case "$PPROJ_TASK_ID$PPROJ_ROUND" in a1|c*) echo "use tabs"; exit 1;; esac'
    steps = [
        {"name": "review", "command": ["sh", "-c", review], "gate": True, "maxRounds": 1},
        {"name": "test", "command": ["true"], "gate": True},
    ]
    tasks = [{"id": "a", "title": "Do | a"}, {"id": "b", "steps": ["test"]}, {"id": "c"}, {"id": "d", "steps": []}]
    clone.run(code=1, spec={"steps": steps, "tasks": tasks, "failurePolicy": "Continue"})
    (pull,) = clone.repository.pulls()
    shown = clone.repository.gitea.rendered(pull["body"])
    table, failed, retried = re.split("<h3.*?</h3>", shown)
    rows = [re.findall("<t[hd].*?>(.*?)</t[hd]>", row) for row in table.split("</tr>")]
    assert [(row[0], row[3], row[5]) for row in rows if row] == [
        ("Task", "Attempts", "Gates"),
        ("<code>a</code>", "5", "review (after 1 rejection), test"),
        ("<code>b</code>", "2", "test"),
        ("<code>d</code>", "1", ""),
    ]
    assert "GateFailed 1 (review rejected it twice); its work is kept in" in re.sub("<.*?>", "", failed)
    assert re.findall("<code>(.*?)</code>", retried) == ["a"], "b went through its gate, and nothing failed"


def test_with_credentials_of_a_folder_and_by_hand(clone: Clone) -> None:
    said = clone.run("--credentials", str(clone.credentials))
    (pull,) = clone.repository.pulls("open")
    assert f"its pull request is open: {pull['html_url']}" in said
    assert clone.run("--credentials", str(clone.credentials)).count("its pull request is open") == 1
    assert len(clone.repository.pulls()) == 1


def test_a_wrong_token_is_told_and_the_branch_is_pushed_all_the_same(clone: Clone) -> None:
    (clone.credentials / "password").write_text("wrong-token-0123456789\n")
    said = clone.run("--credentials", str(clone.credentials), code=1)
    assert f"{BRANCH} is pushed to origin" in said
    assert f"error: publishing {BRANCH}: " in said
    assert "wrong-token" not in said
    assert clone.repository.tip(BRANCH)
    assert "its pull request is open" in clone.run()


def test_the_password_of_the_remote_is_not_sent_to_another_host(clone: Clone) -> None:
    said = clone.run(forge="https://elsewhere.example", code=1)
    assert "git's password is for 127.0.0.1, and is not sent to elsewhere.example" in said
    assert f"{BRANCH} is pushed to origin" in said


def test_a_remote_with_its_password_in_its_address_is_published_to(clone: Clone) -> None:
    with_password = clone.repository.url.replace("https://", f"https://{ROBOT}:{clone.token}@")
    clone.git("remote", "set-url", "origin", with_password)
    assert "its pull request is open" in clone.run()


def test_each_task_is_merged_by_itself_and_one_that_met_another_s_work_is_run_again(clone: Clone) -> None:
    """a and b write the same file, and nobody had said so: whoever lands second does it again, on the other's work."""
    repository = clone.repository
    repository.protect("main", ["ci"])
    both = f'{COMMAND}; test "$PPROJ_TASK_ID" = c || {{ sleep 0.5; echo "$PPROJ_TASK_ID" >> both.txt; }}'
    with checking(repository, lambda sha: "success") as judged:
        said = clone.run(strategy="BranchPerTask", merge="WhenChecksPass", command=both)
    assert "Conflict" in said
    pulls = sorted(repository.pulls(), key=lambda pull: pull["number"])
    assert all(pull["merged"] for pull in pulls)
    titles = {"shop: Do | a": "a", "shop: b": "b", "shop: c": "c"}
    merged = [titles[pull["title"]] for pull in pulls]
    assert sorted(merged) == ["a", "b", "c"]
    assert {pull["head"]["sha"] for pull in pulls} <= set(judged)
    assert sorted(repository.text("both.txt").split()) == ["a", "b"]
    landed = clone.git("log", "--reverse", "--format=%(trailers:key=Parallel-Task,valueonly)", f"main..{BRANCH}/_all")
    assert landed.split() == merged
    assert set(repository.heads()) == {"main", f"{BRANCH}/_all"}
    assert said.count(": merged: ") == 3


def test_each_level_is_merged_by_itself(clone: Clone) -> None:
    repository = clone.repository
    repository.protect("main", ["ci"])
    with checking(repository, lambda sha: "success"):
        said = clone.run(scope="Level", merge="WhenChecksPass")
    pulls = sorted(repository.pulls(), key=lambda pull: pull["number"])
    assert [(pull["title"], pull["merged"]) for pull in pulls] == [
        ("shop: L0 (2 of 2 tasks)", True), ("shop: L1 (1 of 1 tasks)", True)
    ]  # fmt: skip
    assert repository.text("c.txt") == "1\n"
    assert f"{BRANCH}-level-1: merged: {pulls[1]['html_url']}" in said


def test_a_level_with_a_failure_is_offered_with_what_landed_and_left_open(clone: Clone) -> None:
    said = clone.run(scope="Level", merge="WhenChecksPass", breaks="b", code=1)
    (pull,) = clone.repository.pulls()
    assert (pull["state"], pull["title"]) == ("open", "shop: L0 (1 of 2 tasks)")
    assert "/b/salvage/1" in pull["body"]
    assert f"{BRANCH}-level-0: its pull request is open" in said
