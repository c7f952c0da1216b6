"""What is kept of setup, also after processes that were killed while they wrote or removed it."""

import shutil
from pathlib import Path

import pytest

from parallelproject.git.workspace import setup_cache
from parallelproject.git.workspace.setup_cache import SetupCache


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "setup"
        self.cache = SetupCache(self.folder)
        self.top = folder

    def save(self, key: str, content: str = "x") -> None:
        workspace = self.top / f"of-{key}"
        (workspace / "made").mkdir(parents=True, exist_ok=True)
        (workspace / "made/file").write_text(content)
        with self.cache.turn(key, lambda: False) as is_ours:
            assert is_ours
            self.cache.save(key, workspace, ["made"])

    def restored(self, key: str) -> str | None:
        workspace, private = self.top / "workspace", self.top / "private"
        for folder in (workspace, private):
            shutil.rmtree(folder, ignore_errors=True)
        (workspace / ".git/info").mkdir(parents=True)
        private.mkdir()
        with self.cache.turn(key, lambda: False):
            paths = self.cache.restore(key, private, workspace)
        return (workspace / "made/file").read_text() if paths == ["made"] else None

    def folders(self) -> list[str]:
        return sorted(entry.name for entry in self.folder.iterdir() if entry.is_dir())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_last_three_keys_are_kept(place: Place) -> None:
    for key in "abcd":
        place.save(key, key)
    assert place.folders() == ["b", "c", "d"]
    assert [place.restored(key) for key in "ad"] == [None, "d"]


def test_what_a_killed_process_has_left_is_removed_with_the_next_key(place: Place) -> None:
    place.save("a")
    for name in ("a.new", "b.new", "c.gone"):
        (place.folder / name / "files").mkdir(parents=True)
    place.save("d")
    assert place.folders() == ["a", "d"]


def test_what_another_process_is_writing_is_left_alone(place: Place) -> None:
    (place.folder / "b.new").mkdir()
    with SetupCache(place.folder).turn("b", lambda: False):
        place.save("a")
        assert place.folders() == ["a", "b.new"]
    place.save("a")
    assert place.folders() == ["a"]


@pytest.mark.parametrize("replaced", [True, False])
def test_a_key_whose_removal_was_cut_off_is_not_taken_for_whole(
    place: Place, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    place.save("a", "old")

    def cut_off(folder: Path) -> None:
        (folder / "files/made/file").unlink(missing_ok=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(setup_cache, "try_to_remove", cut_off)
        for key in "" if replaced else "bc":
            place.save(key)
        with pytest.raises(KeyboardInterrupt):
            place.save("a" if replaced else "d", "new")
    assert place.restored("a") is None
    place.save("a", "newest")
    assert place.restored("a") == "newest"
