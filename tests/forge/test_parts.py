"""A branch and a pull request for each level, or for each task: cut from the branch that all have landed on."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from parallelproject.forge.publishing.main import main
from parallelproject.git.landing.land import own_work
from parallelproject.git.plumbing.outcome import Outcome
from parallelproject.git.plumbing.store import opened
from parallelproject.git.workspace.prepare import prepared_base
from parallelproject.model.branches import landing_branch, level_branch
from parallelproject.model.spec import Git
from rig.deadline import until
from tests.forge.conftest import CANARY
from tests.forge.standin import StandIn
from tests.forge.world import World
from tests.git.remote import BRANCH, RUN, Remote, git

pytestmark = pytest.mark.sampled(1, over="standin")  # how each forge is asked is tried elsewhere, on all of them

LINE = landing_branch(Git.model_validate({"url": "https://x/y", "branch": BRANCH, "strategy": "BranchPerTask"}), "x")
Row = dict[str, Any]


class Project:
    """What is told to publish, and where."""

    def __init__(self, forge: dict[str, str], remote: Remote, folder: Path) -> None:
        self.remote = remote
        self.rows: dict[str, Row] = {}
        self.instruction: dict[str, Any] = {
            "url": str(remote.path), "local": True, "base": "main", "branch": BRANCH, "project": "shop", "run": RUN,
            "private": str(folder / "publish"), "forge": forge,
        }  # fmt: skip

    def land(self, task: str, files: dict[str, str], branch: str = BRANCH, **row: Any) -> None:
        self.remote.done(task, files, branch=branch, run=self.instruction["run"]).land()
        self.rows[task] = {"id": task, **row}

    def publish(self, **told: Any) -> dict[str, Any]:
        """What the command of publishing Jobs reports; test_publish_request runs it as a process."""
        told = self.instruction | {"tasks": list(self.rows.values())} | told
        instruction, result = self.remote.folder / "instruction.json", self.remote.folder / "result.json"
        instruction.write_text(json.dumps(told))
        code = main([str(instruction), "--result", str(result)])
        said = result.read_text()
        assert code == 0, said
        assert CANARY not in said
        found: dict[str, Any] = json.loads(said)
        return found

    def levels(self, done: int, whole: int | None = None, merge: str = "WhenChecksPass", **told: Any) -> dict[str, Any]:
        whole = done if whole is None else whole
        return self.publish(scope="Level", levels=done, wholeLevels=whole, merge=merge, **told)

    def tasks(self, merge: str = "WhenChecksPass") -> dict[str, Any]:
        return self.publish(strategy="BranchPerTask", line=LINE, merge=merge)


@pytest.fixture
def project(standin: StandIn, remote: Remote, tmp_path: Path) -> Project:
    token = tmp_path / "token"
    token.write_text(CANARY)
    forge = {"type": standin.kind, "url": standin.url, "token": str(token), "project": World.project}
    return Project(forge, remote, tmp_path)


def ends(said: dict[str, Any]) -> dict[str, str]:
    """By branch, how it was left."""
    return {branch["branch"].removeprefix(BRANCH): branch["end"] for branch in said["branches"]}


def changed(remote: Remote, branch: str) -> list[str]:
    return git(remote.path, "log", "--reverse", "--no-merges", "--format=%s", f"main..{branch}").splitlines()


def test_each_level_has_a_pull_request_that_is_merged_before_the_next(
    project: Project, world: World, remote: Remote
) -> None:
    world.ci = lambda sha: "passed"
    project.land("a", {"a": "1"})
    project.land("b", {"b": "1"})
    said = project.levels(1)
    assert (ends(said), said["ends"], said["mergedLevels"]) == ({"-level-0": "Merged"}, {"Merged": 1}, 1)
    assert world.pull(1).title == "shop: L0 (2 of 2 tasks)"
    assert remote.tip(BRANCH) == remote.tip("main")  # what comes next stands on what was merged
    project.land("c", {"c": "1"}, level=1)
    said = project.levels(2)
    assert (ends(said), said["mergedLevels"]) == ({"-level-0": "Merged", "-level-1": "Merged"}, 2)
    assert world.pull(2).title == "shop: L1 (1 of 1 tasks)"
    assert "`c`" in world.pull(2).body
    assert "`a`" not in world.pull(2).body
    assert remote.files("main") >= {"a", "b", "c"}
    assert (len(world.pulls), len(world.merges)) == (2, 2)
    assert set(remote.refs()) - {f"refs/parallelproject/{RUN}/{t}/landed" for t in "abc"} == {f"refs/heads/{BRANCH}"}


def test_a_level_whose_checks_fail_keeps_those_above_it_from_being_merged(
    project: Project, world: World, remote: Remote
) -> None:
    project.land("a", {"a": "1"})
    project.land("b", {"b": "1"}, level=1)
    low = remote.refs()[f"refs/parallelproject/{RUN}/a/landed"]
    world.ci = lambda sha: "failed" if sha == low else "passed"
    said = project.levels(2)
    assert (ends(said), said["mergedLevels"]) == ({"-level-0": "ChecksFailed", "-level-1": "Waiting"}, 0)
    assert said["branches"][0]["level"] == 0
    assert world.merges == []
    world.ci = lambda sha: "passed"
    said = project.levels(2)
    assert (set(ends(said).values()), said["mergedLevels"]) == ({"Merged"}, 2)
    assert [number for number, _ in world.merges] == [1, 2]


def test_a_level_with_a_failure_is_offered_and_left_to_people(project: Project, world: World, remote: Remote) -> None:
    world.ci = lambda sha: "passed"
    project.land("a", {"a": "1"})
    remote.done("bad", {"x": "half"}).salvage()
    project.rows["bad"] = {"id": "bad", "failed": True, "reason": "ExitCode 3"}
    said = project.levels(1, whole=0)
    assert (ends(said), said["mergedLevels"], world.merges) == ({"-level-0": "Open"}, 0, [])
    assert f"refs/parallelproject/{RUN}/bad/salvage/1" in world.pull(1).body
    assert remote.files(level_branch(BRANCH, 0)) >= {"a"}
    world.merge(world.pull(1), world.sha(world.pull(1)))  # by a person
    assert project.levels(1, whole=0)["mergedLevels"] == 1


def test_what_lands_late_is_in_the_next_level_s_pull_request(project: Project, world: World, remote: Remote) -> None:
    project.land("a", {"a": "1"})
    project.land("c", {"c": "1"}, level=1)
    project.land("late", {"late": "1"})
    said = project.levels(2, merge="Manual")
    assert ends(said) == {"-level-0": "Open", "-level-1": "Open"}
    assert changed(remote, level_branch(BRANCH, 0)) == ["Do a"]
    assert changed(remote, level_branch(BRANCH, 1)) == ["Do a", "Do c", "Do late"]
    assert "`late`" in world.pull(2).body


def test_a_level_that_changed_nothing_counts_as_merged(project: Project, world: World) -> None:
    project.rows["a"] = {"id": "a"}
    said = project.levels(1)
    assert (said["branches"], said["mergedLevels"], world.pulls) == ([], 1, [])


def test_each_task_has_a_branch_with_its_work_and_what_it_builds_on(
    project: Project, world: World, remote: Remote
) -> None:
    project.land("a", {"a": "1"}, LINE)
    project.land("b", {"b": "1"}, LINE)
    project.land("c", {"c": "1"}, LINE, after=["a"], title="See | this")
    assert ends(project.tasks("Manual")) == {"/a": "Open", "/b": "Open", "/c": "Open"}
    assert changed(remote, f"{BRANCH}/b") == ["Do b"]
    assert changed(remote, f"{BRANCH}/c") == ["Do a", "Do c"]
    assert git(remote.path, "rev-parse", f"{BRANCH}/c^") == remote.tip(f"{BRANCH}/a")
    assert "Builds on the work of `a`: merge that first." in world.pull(3).body
    assert [pull.title for pull in world.pulls] == ["shop: a", "shop: b", "shop: See | this"]
    assert "Builds on" not in world.pull(2).body
    before = remote.refs()
    assert ends(project.tasks("Manual")) == {"/a": "Open", "/b": "Open", "/c": "Open"}
    assert (remote.refs(), len(world.pulls)) == (before, 3)


def test_tasks_are_merged_in_the_order_in_which_they_landed(project: Project, world: World, remote: Remote) -> None:
    world.ci = lambda sha: "passed"
    project.land("b", {"b": "1"}, LINE)
    project.land("a", {"a": "1"}, LINE, after=["b"])
    said = project.tasks()
    assert (ends(said), said["ends"]) == ({"/b": "Merged", "/a": "Merged"}, {"Merged": 2})
    project.land("c", {"c": "1"}, LINE, after=["a"])
    assert set(ends(project.tasks()).values()) == {"Merged"}
    assert [world.pull(number).head.removeprefix(BRANCH) for number, _ in world.merges] == ["/b", "/a", "/c"]
    assert git(remote.path, "log", "--no-merges", "--topo-order", "--reverse", "--format=%s", "main").split("\n") == [
        "start", "Do b", "Do a", "Do c",
    ]  # fmt: skip
    heads = {name for name in remote.refs() if name.startswith("refs/heads/")}
    assert heads == {f"refs/heads/{LINE}"}
    assert (set(ends(project.tasks()).values()), len(world.pulls)) == ({"Merged"}, 3)  # and once again


def test_what_builds_on_a_task_that_is_not_merged_waits_and_the_others_go_on(
    project: Project, world: World, remote: Remote
) -> None:
    project.land("a", {"a": "1"}, LINE)
    project.land("b", {"b": "1"}, LINE, after=["a"])
    project.land("c", {"c": "1"}, LINE)

    def ci(sha: str) -> str:
        return "failed" if git(remote.path, "show", "-s", "--format=%s", sha) == "Do a" else "passed"

    world.ci = ci
    assert ends(project.tasks()) == {"/a": "ChecksFailed", "/b": "Waiting", "/c": "Merged"}
    assert remote.files("main") & {"a", "b", "c"} == {"c"}
    world.ci = lambda sha: "passed"
    assert set(ends(project.tasks()).values()) == {"Merged"}
    assert remote.files("main") >= {"a", "b", "c"}


def test_a_task_that_was_run_again_after_a_conflict_builds_on_what_it_met(
    project: Project, world: World, remote: Remote
) -> None:
    """Nobody had declared that b needs a: it showed when b landed."""
    world.ci = lambda sha: "passed"
    attempt = remote.done("a", {"README": "by a\n"}, branch=LINE, run=RUN)
    with opened(attempt.delivery, attempt.place) as store:  # made, and landed in a later second
        made = own_work(store, str(prepared_base(attempt.place)))
    assert made
    until(lambda: time.time() >= int(made.date.split()[0]) + 1, "the next second", seconds=60)
    attempt.land()
    project.rows["a"] = {"id": "a"}
    project.land("b", {"README": "by a and b\n"}, LINE)
    assert set(ends(project.tasks()).values()) == {"Merged"}
    assert remote.show("README", "main") == "by a and b"


def test_it_builds_on_that_also_where_its_commit_was_made_anew(project: Project, world: World, remote: Remote) -> None:
    """The base has moved meanwhile: what is merged of a is another commit than the one that b was made on."""
    world.ci = lambda sha: "passed"
    project.land("a", {"README": "by a\n"}, LINE)
    project.land("b", {"README": "by a and b\n"}, LINE)
    remote.commit("main", {"other": "x"}, "other")
    assert set(ends(project.tasks()).values()) == {"Merged"}
    assert remote.show("README", "main") == "by a and b"
    subjects = git(remote.path, "log", "--topo-order", "--no-merges", "--format=%s", "main").splitlines()
    assert subjects[:3] == ["Do b", "Do a", "other"]


def test_a_pull_request_that_a_person_closed_stays_closed(project: Project, world: World, remote: Remote) -> None:
    world.ci = lambda sha: "passed"
    project.land("a", {"a": "1"}, LINE)
    project.tasks("Manual")
    world.close(world.pull(1))
    git(remote.path, "update-ref", "-d", f"refs/heads/{BRANCH}/a")
    for _ in range(2):
        assert ends(project.tasks()) == {"/a": "Closed"}
    assert f"refs/heads/{BRANCH}/a" not in remote.refs()
    assert len(world.pulls) == 1


def test_when_the_whole_is_merged_only_what_did_not_land_is_kept(
    project: Project, world: World, remote: Remote
) -> None:
    world.ci = lambda sha: "passed"
    remote.done("a", {"a": "half"}, branch=LINE).salvage()
    project.land("a", {"a": "1"}, LINE, attempts=2)
    project.land("b", {"b": "1"}, LINE)
    assert set(ends(project.publish(strategy="BranchPerTask", line=LINE, merge="Manual", isWhole=True)).values()) == {
        "Open"
    }
    assert {name for name in remote.state() if name.endswith("/landed")} == {"a/landed", "b/landed"}
    for _ in range(2):  # once more, as after a kill
        project.publish(strategy="BranchPerTask", line=LINE, merge="WhenChecksPass", isWhole=True)
        assert remote.state() == {"a/salvage/1"}
    assert len(world.pulls) == 2
    # A copy of an attempt that comes back from the dead finds its work landed.
    assert remote.done("b", {"b": "1"}, branch=LINE).land().outcome in (Outcome.NO_CHANGE, Outcome.ALREADY_LANDED)


def test_a_pull_request_of_an_earlier_run_is_not_this_one_s(project: Project, world: World, remote: Remote) -> None:
    world.ci = lambda sha: "passed"
    for number, run in enumerate(("first", "second"), 1):
        project.instruction["run"] = run
        project.land("a", {"a": run}, LINE)
        assert ends(project.tasks()) == {"/a": "Merged"}
        assert (len(world.pulls), remote.show("a", "main")) == (number, run)
    git(remote.path, "update-ref", "-d", f"refs/heads/{LINE}")
    for number, run in enumerate(("third", "fourth"), 3):
        project.instruction["run"] = run
        project.land("a", {"a": run})
        assert ends(project.levels(1)) == {"-level-0": "Merged"}
        assert (len(world.pulls), remote.show("a", "main")) == (number, run)


def test_what_lands_after_its_level_was_merged_is_offered_too(project: Project, world: World, remote: Remote) -> None:
    """Nothing comes after the last level, and a task of it was tried again."""
    world.ci = lambda sha: "passed"
    project.land("a", {"a": "1"})
    assert project.levels(1)["mergedLevels"] == 1
    project.land("late", {"late": "1"})
    said = project.levels(1)
    assert (ends(said), said["mergedLevels"]) == ({"-level-0": "Merged"}, 1)
    assert remote.show("late", "main") == "1"
    assert [number for number, _ in world.merges] == [1, 2]
    assert (project.levels(1)["ends"], len(world.pulls)) == ({"Merged": 1}, 2)


def test_a_level_s_branch_ends_before_work_of_a_level_that_is_not_done(
    project: Project, world: World, remote: Remote
) -> None:
    project.land("a", {"a": "1"})
    project.land("c", {"c": "1"}, level=1)
    above = project.rows.pop("c")
    project.land("late", {"late": "1"})
    project.levels(1, merge="Manual", above=["c", "not-landed-yet"])
    assert changed(remote, level_branch(BRANCH, 0)) == ["Do a"]
    project.rows["c"] = above
    project.levels(2, merge="Manual")
    assert changed(remote, level_branch(BRANCH, 0)) == ["Do a"]
    assert changed(remote, level_branch(BRANCH, 1)) == ["Do a", "Do c", "Do late"]


@pytest.mark.parametrize("fate", ["failed", "closed"])
def test_what_builds_on_more_than_it_says_waits_for_all_of_it(
    project: Project, world: World, remote: Remote, fate: str
) -> None:
    project.land("a", {"README": "by a\n"}, LINE)
    project.land("b", {"README": "by a and b\n"}, LINE)
    project.land("c", {"c": "1"}, LINE, after=["b"])
    project.tasks("Manual")
    if fate == "closed":
        world.close(world.pull(1))
    world.ci = lambda sha: "failed" if git(remote.path, "show", "-s", "--format=%s", sha) == "Do a" else "passed"
    found = ends(project.tasks())
    assert found == {"/a": "ChecksFailed" if fate == "failed" else "Closed", "/b": "Waiting", "/c": "Waiting"}
    assert world.merges == []
    assert "Builds on the work of `a`" in world.pull(2).body


def test_what_builds_on_a_task_that_was_turned_down_is_not_offered(
    project: Project, world: World, remote: Remote
) -> None:
    project.land("a", {"a": "1"}, LINE)
    project.tasks("Manual")
    world.close(world.pull(1))
    git(remote.path, "update-ref", "-d", f"refs/heads/{BRANCH}/a")
    project.land("b", {"b": "1"}, LINE, after=["a"])
    project.land("c", {"c": "1"}, LINE)
    said = project.tasks("Manual")
    assert ends(said) == {"/a": "Closed", "/b": "Waiting", "/c": "Open"}
    assert "builds on a, which was rejected" in json.dumps(said)
    assert f"refs/heads/{BRANCH}/b" not in remote.refs()


def test_what_is_on_another_branch_is_not_forgotten(project: Project, world: World, remote: Remote) -> None:
    world.ci = lambda sha: "passed"
    project.land("a", {"a": "1"}, "parallel/before-an-edit")
    project.land("b", {"b": "1"}, LINE)
    project.publish(strategy="BranchPerTask", line=LINE, merge="WhenChecksPass", isWhole=True)
    assert remote.state() == {"a/landed"}


def test_what_a_person_changed_before_the_merge_is_not_offered_again(
    project: Project, world: World, remote: Remote
) -> None:
    """Squashed, with a correction: nothing in the base tells that it is the same work."""
    project.land("a", {"a": "wrong"})
    project.levels(1, merge="Manual")
    squashed = remote.commit("main", {"a": "right"}, "L0, corrected")
    pull = world.pull(1)
    pull.last, pull.state, pull.merge_commit = world.sha(pull), "merged", squashed
    git(remote.path, "update-ref", "-d", f"refs/heads/{level_branch(BRANCH, 0)}")
    for _ in range(2):
        assert (project.levels(1)["mergedLevels"], len(world.pulls)) == (1, 1)
    assert level_branch(BRANCH, 0) not in remote.refs()


def test_without_a_forge_tasks_that_changed_the_same_lines_are_brought_in_once(remote: Remote, tmp_path: Path) -> None:
    project = Project({"type": "None"}, remote, tmp_path)
    project.land("a", {"README": "by a\n"}, LINE)
    project.land("b", {"README": "by b, after a\n"}, LINE, after=["a"])
    for _ in range(3):
        assert set(project.tasks()["ends"]) <= {"Merged", "Nothing"}
        assert remote.show("README", "main") == "by b, after a"
    assert {name for name in remote.refs() if name.startswith("refs/heads/")} == {f"refs/heads/{LINE}"}


def test_without_a_forge_levels_and_tasks_are_brought_in_too(remote: Remote, tmp_path: Path) -> None:
    project = Project({"type": "None"}, remote, tmp_path)
    project.land("a", {"a": "1"})
    for _ in range(2):
        said = project.levels(1)
        assert (set(said["ends"]) <= {"Merged", "Nothing"}, said["mergedLevels"]) == (True, 1)
    git(remote.path, "update-ref", "-d", f"refs/heads/{BRANCH}")
    project.rows.clear()
    project.land("b", {"b": "1"}, LINE)
    project.land("c", {"c": "1"}, LINE, after=["b"])
    project.land("d", {"d": "1"}, LINE)
    for _ in range(2):
        assert set(project.tasks()["ends"]) <= {"Merged", "Nothing"}
    assert git(remote.path, "log", "--reverse", "--format=%s", "main").splitlines() == [
        "start", "Do a", "Do b", "Do c", "Do d"
    ]  # fmt: skip
    assert {name for name in remote.refs() if name.startswith("refs/heads/")} == {f"refs/heads/{LINE}"}
