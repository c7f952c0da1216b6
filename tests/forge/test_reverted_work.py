"""Work that was taken off the shared branch: no level is merged with it, and nobody is told that it has landed."""

import pytest

from parallelproject.git.branches.taken_out import take_out
from parallelproject.model.branches import level_branch
from tests.forge.standin import StandIn
from tests.forge.test_parts import Project, ends, project
from tests.forge.world import World
from tests.git.remote import BRANCH, Remote
from tests.git.test_landed_work import store
from tests.git.test_taken_out import asked

__all__ = ["project"]  # a fixture

pytestmark = pytest.mark.sampled(1, over="standin")


@pytest.fixture(autouse=True)
def passes(standin: StandIn, world: World) -> None:
    world.ci = lambda sha: "passed"


def revert(project: Project, *tasks: str, number: int = 1) -> str:
    """Takes the work of tasks off the branch, and they have failed."""
    with store(project.remote) as found:
        made = take_out(found, asked(*tasks, number=number))
    for task in tasks:
        project.rows[task] |= {"failed": True, "reason": "VerificationFailed"}
    return made.commit


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_level_ends_with_the_revert(project: Project, world: World, remote: Remote, order: str) -> None:
    for task in order:
        project.land(task, {task: "1"})
    commit = revert(project, "b")
    said = project.levels(1)
    assert ends(said) == {"-level-0": "Merged"}
    assert remote.files("main") & {"a", "b"} == {"a"}
    assert world.merges == [(1, commit)]
    assert world.pull(1).title == "shop: L0 (1 of 2 tasks)"


def test_no_level_ends_between_work_and_its_revert(project: Project, world: World, remote: Remote) -> None:
    project.land("b", {"b": "1"})
    project.land("a", {"a": "1"})
    project.land("c", {"c": "1"}, level=1)
    unfinished = project.rows.pop("c")
    commit = revert(project, "b")
    assert project.levels(1, above=["c"])["branches"] == []
    assert f"refs/heads/{level_branch(BRANCH, 0)}" not in remote.refs()
    project.rows["c"] = unfinished
    assert ends(project.levels(2)) == {"-level-1": "Merged"}
    assert remote.files("main") & {"a", "b", "c"} == {"a", "c"}
    assert world.merges == [(1, commit)]


def test_a_level_before_the_work_stays_on_its_own(project: Project, world: World, remote: Remote) -> None:
    project.land("a", {"a": "1"})
    project.land("b", {"b": "1"}, level=1)
    project.land("c", {"c": "1"}, level=1)
    revert(project, "b")
    assert ends(project.levels(2)) == {"-level-0": "Merged", "-level-1": "Merged"}
    assert remote.files("main") & {"a", "b", "c"} == {"a", "c"}


def test_work_of_a_merged_level_that_is_taken_out_later_is_taken_out_of_the_base(
    project: Project, world: World, remote: Remote
) -> None:
    project.land("a", {"a": "1"})
    project.land("b", {"b": "1"})
    assert ends(project.levels(1)) == {"-level-0": "Merged"}
    project.land("c", {"c": "1"}, level=1)
    revert(project, "b")
    project.levels(2)
    assert remote.files("main") & {"a", "b", "c"} == {"a", "c"}


def test_the_pull_request_of_a_project_lists_it_as_failed(project: Project, world: World, remote: Remote) -> None:
    project.land("a", {"a": "1"})
    project.land("b", {"b": "1"})
    revert(project, "b")
    project.publish()
    assert world.pull(1).title == "shop (1 of 2 tasks)"
    project.rows["b"] = {"id": "b", "attempts": 2}
    remote.done("b", {"b": "good"}, 2, repair=1).land()
    project.publish()
    assert world.pull(1).title == "shop (2 of 2 tasks)"
