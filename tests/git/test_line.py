"""The branch that all tasks land on, and branches cut from it: real commits, in a real repository."""

import shutil
from pathlib import Path

import pytest

from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.branches.shared_branch import SharedBranch
from parallelproject.git.plumbing.outcome import ConflictError
from tests.git.killer import KILLED, Killer
from tests.git.remote import BRANCH, Remote, git
from tests.sampling import Sampler


@pytest.fixture
def line(remote: Remote, tmp_path: Path) -> SharedBranch:
    return SharedBranch(Branches(url=str(remote.path), private=tmp_path / "publish", local=True), BRANCH, "main")


def edited(remote: Remote, at: int, text: str, ref: str = "main") -> dict[str, str]:
    """a.txt with one line of it changed."""
    lines = remote.show("a.txt", ref).splitlines()
    lines[at] = text
    return {"a.txt": "\n".join([*lines, ""])}


def land(remote: Remote, *tasks: tuple[str, dict[str, str]]) -> dict[str, str]:
    """Lands tasks one after the other; their commits."""
    return {task: str(remote.done(task, files).land().commit) for task, files in tasks}


def subjects(remote: Remote, ref: str) -> list[str]:
    return git(remote.path, "log", "--reverse", "--format=%s", f"main..{ref}").splitlines()


def test_tasks_are_told_in_the_order_in_which_they_landed(remote: Remote, line: SharedBranch) -> None:
    landed = land(remote, ("c", {"c": "1"}), ("a", {"a": "1"}), ("b", {"b": "1"}))
    assert line.order({task: landed[task] for task in "abc"}) == ["c", "a", "b"]
    assert line.order({"b": landed["b"], "a": landed["a"]}) == ["a", "b"]
    assert line.order({"gone": "0" * 40, "a": landed["a"]}) == ["a"]
    assert line.order({}) == []


def test_also_after_the_base_has_taken_the_line_in(remote: Remote, line: SharedBranch) -> None:
    landed = land(remote, ("a", {"a": "1"}), ("b", {"b": "1"}))
    merged = git(remote.path, "commit-tree", "-p", "main", "-p", BRANCH, f"{BRANCH}^{{tree}}", "-m", "Merge")
    git(remote.path, "update-ref", "refs/heads/main", merged)
    line.follow()
    assert remote.tip(BRANCH) == merged
    landed |= land(remote, ("c", {"c": "1"}))
    assert line.order(landed) == ["a", "b", "c"]


def test_a_branch_of_a_level_moves_forward_and_only_forward(remote: Remote, line: SharedBranch) -> None:
    landed = land(remote, ("a", {"a": "1"}), ("b", {"b": "1"}), ("c", {"c": "1"}))
    for task in "bab":
        line.reach("level", landed[task])
        assert remote.tip("level") == landed["b"]
    line.reach("level", landed["c"])
    assert remote.tip("level") == landed["c"]


def test_what_a_person_pushed_to_a_branch_of_a_level_stays_in_it(remote: Remote, line: SharedBranch) -> None:
    landed = land(remote, ("a", {"a": "1"}), ("b", {"b": "1"}))
    line.reach("level", landed["a"])
    theirs = remote.commit("level", {"fix": "1"}, "a person's fix")
    line.reach("level", landed["a"])
    assert remote.tip("level") == theirs
    line.reach("level", landed["b"])
    assert git(remote.path, "merge-base", theirs, "level") == theirs
    assert {"a", "b", "fix"} <= remote.files("level")
    remote.commit("other", {"c": "theirs"}, "not ours", force_parent=landed["a"])
    landed |= land(remote, ("c", {"c": "ours"}))
    with pytest.raises(ConflictError):
        line.reach("other", landed["c"])


def test_a_task_s_branch_has_its_commit_alone_on_the_base(remote: Remote, line: SharedBranch) -> None:
    landed = land(remote, ("a", {"a": "1"}), ("b", edited(remote, 3, "by b")))
    line.cut("x/b", [landed["b"]])
    assert subjects(remote, "x/b") == ["Do b"]
    assert "a" not in remote.files("x/b")
    assert git(remote.path, "rev-parse", "x/b^") == remote.tip("main")
    assert remote.show("a.txt", "x/b").splitlines()[3] == "by b"
    assert git(remote.path, "show", "-s", "--format=%an %ad", "x/b") == git(
        remote.path, "show", "-s", "--format=%an %ad", landed["b"]
    )
    tip = remote.tip("x/b")
    remote.commit("main", {"later": "1"}, "later")
    line.cut("x/b", [landed["b"]])  # it is there
    assert remote.tip("x/b") == tip


def test_what_the_base_has_is_not_offered_again(remote: Remote, line: SharedBranch) -> None:
    landed = land(remote, ("a", {"a": "1"}), ("b", {"b": "1"}))
    assert line.cut("x/a", [landed["a"]]) is True
    remote.commit("main", {"a": "1"}, "a, squashed")
    assert line.cut("y/a", [landed["a"]]) is False
    git(remote.path, "update-ref", "refs/heads/main", landed["b"])
    line.reach("level", landed["b"])
    assert {name for name in remote.refs() if name.startswith("refs/heads/")} == {
        f"refs/heads/{BRANCH}",
        "refs/heads/x/a",
    }


def test_what_the_base_has_is_not_offered_again_also_where_others_changed_it_since(
    remote: Remote, line: SharedBranch
) -> None:
    landed = land(remote, ("n", {"n": "1"}), ("a", {"a": "1"}))
    line.cut("x/a", [landed["a"]])
    git(remote.path, "update-ref", "refs/heads/main", remote.tip("x/a"))  # merged: another commit than on the line
    remote.commit("main", {"a": "2"}, "theirs")
    assert line.cut("y/a", [landed["a"]]) is False


def test_what_landed_after_it_was_offered_is_told_from_what_was_offered(remote: Remote, line: SharedBranch) -> None:
    landed = land(remote, ("a", {"a": "1"}), ("b", {"b": "1"}))
    assert line.covers(landed["b"], landed["a"])
    assert line.covers(landed["a"], landed["a"])
    assert not line.covers(landed["a"], landed["b"])
    assert not line.covers("0" * 40, landed["a"])


def test_one_that_builds_on_another_stands_on_that_one_s_branch(remote: Remote, line: SharedBranch) -> None:
    landed = land(remote, ("a", {"a": "1"}), ("n", {"n": "1"}), ("b", {"b": "1"}), ("c", {"c": "1"}))
    line.cut("x/a", [landed["a"]])
    line.cut("x/b", [landed["b"]], on="x/a")
    assert subjects(remote, "x/b") == ["Do a", "Do b"]
    assert "n" not in remote.files("x/b")
    assert git(remote.path, "rev-parse", "x/b^") == remote.tip("x/a")
    line.cut("x/c", [landed["n"], landed["c"]], on="x/b")
    assert subjects(remote, "x/c") == ["Do a", "Do b", "Do n", "Do c"]
    assert git(remote.path, "rev-parse", "x/c^^") == remote.tip("x/b")


def test_made_twice_it_is_the_same_commit(remote: Remote, line: SharedBranch) -> None:
    landed = land(remote, ("n", {"n": "1"}), ("a", {"a": "1"}))
    line.cut("x/a", [landed["a"]])
    line.cut("y/a", [landed["a"]])
    assert remote.tip("x/a") == remote.tip("y/a") != landed["a"]


def test_one_that_builds_on_more_than_was_told_stands_on_the_line(remote: Remote, line: SharedBranch) -> None:
    landed = land(remote, ("a", edited(remote, 3, "by a")))
    landed |= land(remote, ("b", edited(remote, 3, "by b, on a's", BRANCH)))
    line.cut("x/b", [landed["b"]])
    assert remote.tip("x/b") == landed["b"]


def test_the_line_takes_in_what_else_has_come_into_its_base(remote: Remote, line: SharedBranch) -> None:
    landed = land(remote, ("a", {"a": "1"}))
    remote.commit("main", {"theirs": "1"}, "theirs")
    line.follow()
    assert {"a", "theirs"} <= remote.files(BRANCH)
    assert git(remote.path, "merge-base", landed["a"], BRANCH) == landed["a"]
    before = remote.tip(BRANCH)
    remote.commit("main", {"a": "another"}, "in the way")
    line.follow()
    assert remote.tip(BRANCH) == before


@pytest.mark.sampled(1)
@pytest.mark.parametrize("how", ["after", "orphan", "lost"])
@pytest.mark.timeout(600)
def test_killed_at_every_call_of_git_and_called_again(
    remote: Remote, line: SharedBranch, tmp_path: Path, sampled: Sampler, how: str
) -> None:
    landed = land(remote, ("a", {"a": "1"}), ("b", {"b": "1"}))
    killer = Killer(tmp_path)
    number = 0

    def step() -> None:
        line.reach(f"level-{number}", landed["b"])
        line.cut(f"x{number}/a", [landed["a"]])
        line.cut(f"x{number}/b", [landed["b"]], on=f"x{number}/a")

    asked = ("push", "fetch", "ls-remote") if how == "lost" else ()
    calls = [(at, command) for at, command in enumerate(killer.commands(step), 1) if not asked or command in asked]
    for at, command in sampled(calls, 3, lambda call: call[1] == "push"):
        number = at
        shutil.rmtree(line.branches.private)
        assert killer.run(step, at, how) == (0 if how == "lost" else KILLED), command
        step()
        assert remote.tip(f"level-{at}") == landed["b"]
        assert subjects(remote, f"x{at}/b") == ["Do a", "Do b"], command
    remote.check()
