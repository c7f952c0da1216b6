"""Files of git-lfs, by the real git-lfs: filled in the checkout, landed as pointers, their content on the server."""

import pytest

from parallelproject.git.plumbing.outcome import Outcome, PolicyError
from parallelproject.git.workspace.beyond_branch import put_back
from tests.git.remote import BRANCH, REFS, Remote, git

pytestmark = pytest.mark.usefixtures("git_lfs")
FILTERS = (
    "-c", "filter.lfs.clean=git-lfs clean -- %f", "-c", "filter.lfs.smudge=git-lfs smudge -- %f",
)  # fmt: skip


@pytest.fixture
def large(remote: Remote) -> Remote:
    """A remote with a file of git-lfs on its main branch."""
    clone = remote.folder / "clone"
    git(remote.folder, "clone", "--quiet", str(remote.path), str(clone))
    (clone / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (clone / "old.bin").write_text("content of old")
    git(clone, *FILTERS, "add", ".")
    git(clone, *FILTERS, "commit", "--quiet", "-m", "large")
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    git(clone, "lfs", "push", "origin", "main")
    return remote


def contents_of(remote: Remote) -> set[str]:
    return {file.read_text() for file in (remote.path / "lfs" / "objects").rglob("*") if file.is_file()}


def test_it_is_filled_and_what_is_changed_lands(large: Remote) -> None:
    assert contents_of(large) == {"content of old"}
    attempt = large.done("a", {"new.bin": "content of new", "x": "1"}, lfs=True)
    assert attempt.read("old.bin") == "content of old"
    attempt.write("old.bin", "content of old, changed")
    landed = attempt.land()
    assert (landed.outcome, set(landed.paths)) == (Outcome.LANDED, {"new.bin", "old.bin", "x"})
    for path in ("new.bin", "old.bin"):
        assert large.show(path).startswith("version https://git-lfs.github.com/spec/v1\n")
    assert contents_of(large) == {"content of old", "content of new", "content of old, changed"}
    later = large.done("b", {}, lfs=True)
    assert later.read("new.bin") == "content of new"
    assert later.land().outcome is Outcome.NO_CHANGE
    large.check()


def test_without_it_pointers_are_reported_and_a_change_is_refused(large: Remote) -> None:
    attempt = large.attempt("a")
    assert '1 file needs the filter "lfs"' in attempt.prepare().notes[0]
    assert attempt.read("old.bin").startswith("version https://git-lfs")
    attempt.write("old.bin", "changed")
    with pytest.raises(PolicyError, match=r"spec\.workspace\.lfs") as error:
        attempt.land()
    assert large.show("old.bin", str(error.value.ref)) == "changed"


def test_what_a_failed_command_left_is_kept_with_its_content(large: Remote) -> None:
    attempt = large.done("a", {"new.bin": "half"}, lfs=True)
    attempt.salvage()
    assert large.show("new.bin", f"{REFS}/a/salvage/1").startswith("version")
    assert "half" in contents_of(large)


def test_a_credential_in_such_a_file_is_refused(large: Remote) -> None:
    attempt = large.done("a", {"new.bin": "ghp_" + "a1B2" * 9}, lfs=True)
    with pytest.raises(PolicyError) as error:
        attempt.land()
    assert error.value.reason == "Secret"
    assert contents_of(large) == {"content of old"}


def test_the_task_s_settings_lead_nowhere(large: Remote) -> None:
    elsewhere = large.folder / "elsewhere.git"
    git(large.folder, "init", "--quiet", "--bare", str(elsewhere))
    attempt = large.done("a", {".lfsconfig": f"[lfs]\n url = file://{elsewhere}\n", "new.bin": "mine"}, lfs=True)
    attempt.land()
    assert "mine" in contents_of(large)
    assert not (elsewhere / "lfs").exists()
    assert BRANCH


def test_what_setup_has_changed_gets_its_content_back_and_not_its_pointer(large: Remote) -> None:
    attempt = large.attempt("a", lfs=True)
    attempt.prepare()
    assert put_back(attempt.delivery, attempt.place) == []
    (attempt.place.workspace / "old.bin").touch()
    assert put_back(attempt.delivery, attempt.place) == [], "it has the same content"
    attempt.write("old.bin", "changed")
    attempt.write(".gitattributes", "")
    assert put_back(attempt.delivery, attempt.place) == [".gitattributes", "old.bin"]
    assert attempt.read("old.bin") == "content of old"
    assert attempt.land().outcome is Outcome.NO_CHANGE
