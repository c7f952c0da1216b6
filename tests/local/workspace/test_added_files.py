"""What we put into a workspace is noted by its exact path, whatever its name is, and folders are split around what is
excluded."""

import os
import shutil
from pathlib import Path

import pytest

from parallelproject.git.workspace.added import added, note_added, without
from tests.git.remote import git

NAMES = ["a b", " c ", "#d", "!e", "f*", "[g]", "h\\i", "j\n*", "ü", "k/l?"]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    made = tmp_path / "workspace"
    made.mkdir()
    git(made, "init", "--quiet")
    (tmp_path / "private").mkdir()
    return made


def test_the_git_of_the_task_hides_exactly_what_is_noted(workspace: Path) -> None:
    private = workspace.parent / "private"
    for name in NAMES:
        (workspace / name).parent.mkdir(exist_ok=True)
        (workspace / name).touch()
    for name in ("own", "ff", "g", "k/lm"):
        (workspace / name).touch()
    note_added(private, workspace, NAMES[:3])
    note_added(private, workspace, NAMES)
    assert added(private) == set(NAMES)
    shown = git(workspace, "ls-files", "-z", "--others", "--exclude-standard").rstrip("\0").split("\0")
    assert sorted(shown) == ["ff", "g", "j\n*", "k/lm", "own"], "a rule cannot name a path with a newline"


@pytest.mark.parametrize("what", ["missing", "file", "link"])
def test_a_workspace_whose_git_setup_has_removed_is_noted_all_the_same(workspace: Path, what: str) -> None:
    private = workspace.parent / "private"
    (workspace / ".git").rename(workspace.parent / "away")
    if what == "file":
        (workspace / ".git").touch()
    elif what == "link":
        (workspace / ".git").symlink_to(workspace.parent / "away")
    before = (workspace.parent / "away/info/exclude").read_text()
    note_added(private, workspace, ["made"])
    assert added(private) == {"made"}
    assert (workspace.parent / "away/info/exclude").read_text() == before, "nothing is written through a link"


@pytest.mark.parametrize("what", ["link", "hard link", "pipe", "folder", "link above", "file above"])
def test_what_setup_puts_in_place_of_the_rules_is_not_written_to(workspace: Path, what: str) -> None:
    private, file, info = workspace.parent / "private", workspace / "work", workspace / ".git/info"
    file.write_text("work\n")
    (workspace.parent / "away").mkdir()
    shutil.copy(file, workspace.parent / "away/exclude")
    (info / "exclude").unlink()
    if what.endswith("above"):
        info.rmdir()
    match what:
        case "link":
            (info / "exclude").symlink_to(file)
        case "hard link":
            (info / "exclude").hardlink_to(file)
        case "pipe":
            os.mkfifo(info / "exclude")
        case "folder":
            (info / "exclude").mkdir()
        case "link above":
            info.symlink_to(workspace.parent / "away")
        case "file above":
            info.touch()
    note_added(private, workspace, ["made"])
    assert added(private) == {"made"}
    assert file.read_text() == (workspace.parent / "away/exclude").read_text() == "work\n"
    if what in ("link", "hard link", "pipe"):
        assert (info / "exclude").read_text().endswith("/made\n"), "a new file"


def test_a_folder_with_an_excluded_path_is_the_rest_of_it(tmp_path: Path) -> None:
    for name in ("a/b/c", "a/b/d", "a/e", "f/g", "h"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("a")
    assert without(["a", "f", "h"], tmp_path, {"a/b/c", "h"}) == ["a/b/d", "a/e", "f"]
    assert without(["a"], tmp_path, {"a"}) == []
    assert without(["a", "link"], tmp_path, {"b", "link/b/c"}) == ["a", "link"], "a link is one path"
    assert without(["f"], tmp_path, {"f/g"}) == []
