"""Probes of a search for a culprit: built from real commits by the real git."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from parallelproject.core.verification.probe import LandedChange, Probe
from parallelproject.git.branches.probes import probe_commit
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.plumbing.outcome import ConflictError
from parallelproject.git.plumbing.store import GitStore
from tests.git.remote import BRANCH, Remote

LINES = "".join(f"line {i}\n" for i in range(40))


@pytest.fixture
def store(remote: Remote, tmp_path: Path) -> Iterator[GitStore]:
    branches = Branches(url=str(remote.path), private=tmp_path / "verify", local=True)
    remote.commit(BRANCH, {}, "base", force_parent=remote.tip("main"))
    with branches.open() as store:
        yield store


class Line:
    """Commits of tasks, in one store."""

    def __init__(self, remote: Remote, store: GitStore) -> None:
        self.remote, self.store, self.base = remote, store, remote.tip(BRANCH)
        self.changes: list[LandedChange] = []

    def land(self, task: str, files: Mapping[str, str]) -> None:
        self.changes.append(LandedChange(task, self.remote.commit(BRANCH, files, task)))

    def build(self, probe: Probe) -> str:
        self.store.fetch([f"+refs/heads/{BRANCH}:refs/seen/branch"])
        return probe_commit(self.store, self.base, self.changes, probe)

    def files(self, probe: Probe) -> dict[str, str]:
        """The files of a probe that the base does not have, and those that differ, with their content."""
        commit = self.build(probe)
        paths = self.store.text("diff", "--name-only", self.base, commit).split()
        return {path: self.store.text("show", f"{commit}:{path}") for path in paths}


@pytest.fixture
def line(remote: Remote, store: GitStore) -> Line:
    return Line(remote, store)


def edit(text: str, at: int, new: str) -> str:
    lines = text.splitlines()
    lines[at] = new
    return "\n".join([*lines, ""])


def test_prefixes_are_the_commits_of_the_branch(line: Line) -> None:
    line.land("a", {"a": "1"})
    line.land("b", {"b": "1"})
    assert line.build(Probe(0)) == line.base
    assert [line.build(Probe(k)) for k in (1, 2)] == [change.commit for change in line.changes]


def test_a_commit_is_taken_out_also_of_a_file_that_later_ones_changed(line: Line) -> None:
    first = edit(LINES, 3, "by a")
    line.land("a", {"a.txt": first, "new-a": "1"})
    line.land("b", {"a.txt": edit(first, 30, "by b"), "new-b": "1"})
    found = line.files(Probe(2, without=(1,)))
    assert found == {"a.txt": edit(LINES, 30, "by b").rstrip("\n"), "new-b": "1"}


def test_a_commit_is_picked_alone_on_the_base(line: Line) -> None:
    first = edit(LINES, 3, "by a")
    line.land("a", {"a.txt": first, "new-a": "1"})
    line.land("b", {"a.txt": edit(first, 30, "by b"), "new-b": "1"})
    line.land("c", {"README": "new"})
    assert line.files(Probe(0, also=(2,))) == {"a.txt": edit(LINES, 30, "by b").rstrip("\n"), "new-b": "1"}
    assert line.files(Probe(0, also=(2, 3))).keys() == {"a.txt", "new-b", "README"}
    assert line.files(Probe(0, also=(3,))) == {"README": "new"}


def test_reverts_and_picks_combine_and_are_the_same_each_time(line: Line) -> None:
    for task in "abcde":
        line.land(task, {task: "1"})
    probe = Probe(4, without=(1, 3), also=(5,))
    assert line.files(probe).keys() == {"b", "d", "e"}
    assert line.build(probe) == line.build(probe)
    assert line.files(Probe(5, without=(1, 2, 3, 4, 5))) == {}


def test_a_change_that_builds_on_a_reverted_one_is_reverted_first(line: Line) -> None:
    line.land("a", {"a": "one\n"})
    line.land("b", {"a": "two\n"})
    line.land("c", {"c": "1"})
    assert line.files(Probe(3, without=(1, 2))) == {"c": "1"}


def test_what_git_cannot_build_is_a_conflict_that_names_the_paths(line: Line, remote: Remote) -> None:
    line.land("a", {"a": "one\n"})
    line.land("b", {"a": "two\n"})
    for probe in (Probe(2, without=(1,)), Probe(0, also=(2,))):
        with pytest.raises(ConflictError) as refused:
            line.build(probe)
        assert refused.value.paths == ("a",)
    assert remote.tip(BRANCH) == line.changes[-1].commit, "the branch is untouched"
