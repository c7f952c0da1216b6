"""The setup of a workspace in a pod, as processes: prepare, the wrapped setup, our container after it, the command."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.git.remote import REFS, Remote, git
from tests.git.test_pod import SECONDS, Pod

pytestmark = pytest.mark.usefixtures("wrapper")
INSTALL = "echo setup >> $JOURNAL; mkdir -p made/deep; echo 1 > made/deep/x; echo 1 > plain; echo changed > a.txt"


class SetupPod(Pod):
    """A pod with a setup."""

    def __init__(self, remote: Remote, task: str = "a", *, number: int = 1, **setup: Any) -> None:
        folder = remote.folder / f"setup-{task}-{number}"
        folder.mkdir()
        folder.chmod(0o777)
        self.setup_state, self.journal = folder, remote.folder / "journal"
        self.setup = ["sh", "-c", f"JOURNAL={self.journal}; {INSTALL}"]
        fields = {"command": self.setup, "state": str(folder)}
        super().__init__(remote, task, number=number, setup=fields | setup)

    def change(self, **fields: Any) -> None:
        """Gives it another instruction."""
        self._file.write_text(json.dumps(json.loads(self._file.read_text()) | fields))

    def set_up(self, script: str = "") -> tuple[int, dict[str, Any]]:
        """Runs setup and what follows it; the exit code of setup, and the result."""
        state, self.state = self.state, self.setup_state
        code = self.command(*(("sh", "-c", script) if script else self.setup)).wait(SECONDS)
        self.state = state
        if code:
            return code, {}
        after, result = self._result(self._git("after-setup"))
        assert after == 0, result
        return code, result

    def work(self, script: str) -> tuple[int, int, dict[str, Any]]:
        """Runs the command; the codes of both containers, and the result."""
        beside = self.deliver()
        code = self.command("sh", "-c", script).wait(SECONDS)
        return code, *self.end(beside)

    def runs(self) -> int:
        """How often setup has run."""
        return len(self.journal.read_text().splitlines()) if self.journal.exists() else 0


def test_what_setup_makes_does_not_land_and_files_of_the_branch_are_put_back(remote: Remote) -> None:
    pod = SetupPod(remote)
    pod.prepare()
    code, result = pod.set_up()
    assert (code, result["notes"]) == (0, ["setup changed files of the branch, which is undone: a.txt"])
    assert git(pod.workspace, "status", "--porcelain") == ""
    assert (pod.workspace / "made/deep/x").read_text() == "1\n"
    _, beside, landed = pod.work("cat made/deep/x > new; echo 2 > made/more; echo 2 > plain")
    assert (beside, landed["outcome"]) == (0, "Landed")
    assert remote.files() - remote.files("main") == {"new", "made/more"}
    assert remote.show("a.txt") == remote.show("a.txt", "main")


def test_a_task_that_changes_nothing_has_changed_nothing(remote: Remote) -> None:
    pod = SetupPod(remote)
    pod.prepare()
    pod.set_up()
    assert pod.work("true")[2]["outcome"] == "NoChange"


def test_what_setup_makes_is_no_work_of_a_failed_attempt_either(remote: Remote) -> None:
    pod = SetupPod(remote)
    pod.prepare()
    pod.set_up()
    code, _, result = pod.work("echo half > new; exit 3")
    assert code == 3
    assert remote.files(result["ref"]) - remote.files("main") == {"new"}


def test_work_that_only_has_to_land_needs_no_setup(remote: Remote) -> None:
    commit = remote.commit("other", {"x": "1"}, "work", force_parent=git(remote.path, "rev-parse", "main"))
    git(remote.path, "update-ref", f"{REFS}/a/result", commit)
    pod = SetupPod(remote)
    assert pod.prepare()[1]["outcome"] == "LandOnly"
    assert pod.set_up() == (0, {"outcome": "LandOnly"})
    assert pod.runs() == 0


def test_the_exit_code_of_its_container_is_that_of_setup(remote: Remote) -> None:
    pod = SetupPod(remote)
    pod.prepare()
    assert pod.set_up("exit 7")[0] == 7


@pytest.mark.parametrize("other", ["nothing", "the key file", "the command", "the image"])
def test_what_setup_makes_is_copied_for_the_same_key_files_on_a_volume(remote: Remote, other: str) -> None:
    cache = remote.folder / "volume"
    cache.mkdir()
    fields: dict[str, Any] = {"cache": str(cache), "cacheKey": ["b.txt"], "image": "x"}
    first = SetupPod(remote, "a", **fields)
    first.prepare()
    first.set_up()
    first.work("echo 1 > of-a")
    if other == "the key file":
        remote.commit("parallel/x", {"b.txt": "other\n"}, "other")
    if other == "the image":
        fields["image"] = "y"
    second = SetupPod(remote, "b", **fields)
    if other == "the command":
        second = SetupPod(remote, "b", number=2, **fields, command=["sh", "-c", f"true; {first.setup[2]}"])
        second.setup = ["sh", "-c", f"true; {first.setup[2]}"]
    notes = second.prepare()[1].get("notes", [])
    is_kept = other == "nothing"
    assert [note.startswith("setup: copied") for note in notes] == [True] * is_kept
    second.set_up()
    assert second.runs() == 2 - is_kept
    copied = second.workspace / "made/deep/x"
    assert (copied.read_text(), copied.stat().st_mode & 0o222) == ("1\n", 0o222 if is_kept else 0o200)
    second.work("echo 1 > of-b; echo 1 > made/more")
    assert remote.files() - remote.files("main") == {"of-a", "of-b", "made/more"}


def test_work_between_two_steps_fills_no_cache(remote: Remote) -> None:
    cache = remote.folder / "volume"
    cache.mkdir()
    fields: dict[str, Any] = {"cache": str(cache), "cacheKey": ["b.txt"], "image": "x"}
    own = Pod(remote, "a", step={"name": "", "gate": False, "last": False})
    own.prepare()
    beside = own.deliver()
    own.command("sh", "-c", "echo bad > tool").wait(SECONDS)
    assert own.end(beside)[1]["outcome"] == "Held"
    gate = SetupPod(remote, "a", number=2, **fields)
    step = {"name": "review", "gate": True, "last": True}
    gate.change(continues=f"{REFS}/a/held/1", step=step)
    assert gate.prepare()[0] == 0
    gate.set_up()
    assert (gate.workspace / "tool").exists()
    other = SetupPod(remote, "b", **fields)
    other.prepare()
    assert not (other.workspace / "made").exists()


def test_our_containers_may_run_again_wherever_they_were_cut_off(remote: Remote) -> None:
    cache = remote.folder / "volume"
    cache.mkdir()
    fields: dict[str, Any] = {"cache": str(cache), "cacheKey": ["b.txt"]}
    first = SetupPod(remote, "a", **fields)
    first.prepare()
    first.set_up()
    (made,) = (file for file in cache.rglob("made") if file.is_dir())
    first._result(first._git("after-setup"))  # once more: it has noted all, and keeps what was kept
    assert made.is_dir()
    second = SetupPod(remote, "b", **fields)
    second.prepare()
    (second.setup_state / "skip").unlink()  # it had been killed before it wrote this
    second.prepare()
    second.set_up()
    assert second.runs() == 1
    second.work("echo 1 > of-b")
    assert remote.files() - remote.files("main") == {"of-b"}


def test_a_volume_that_cannot_be_used_keeps_no_task_from_running(remote: Remote) -> None:
    missing = remote.folder / "no-volume"
    pod = SetupPod(remote, cache=str(missing), cacheKey=["b.txt"])
    (note,) = pod.prepare()[1]["notes"]
    assert note.startswith("setup runs, since what it made before cannot be copied: ")
    _, result = pod.set_up()
    assert pod.runs() == 1
    assert any(note.startswith("what setup made cannot be kept: ") for note in result["notes"])
    assert pod.work("echo 1 > new")[2]["outcome"] == "Landed"


def test_a_setup_that_says_it_was_copied_is_read_all_the_same(remote: Remote) -> None:
    """The folder of its wrapper is one that it can write to."""
    pod = SetupPod(remote)
    pod.prepare()
    pod.set_up(f"touch {pod.setup_state}/skip; echo 1 > made")
    pod.work("echo 1 > new")
    assert remote.files() - remote.files("main") == {"new"}


def test_links_that_setup_makes_lead_nowhere(remote: Remote) -> None:
    secret = remote.folder / "secret"
    secret.write_text("hunter2")
    cache = remote.folder / "volume"
    cache.mkdir()
    for task in ("a", "b"):
        pod = SetupPod(remote, task, cache=str(cache), cacheKey=["b.txt"])
        pod.prepare()
        pod.set_up(f"mkdir made; ln -s {secret} made/link; ln -s {remote.folder} folder-link")
        assert (pod.workspace / "made/link").is_symlink()
        pod.work("echo 1 > new")
    assert secret.stat().st_mode & 0o022 == 0
    assert not [
        file for file in cache.rglob("*") if not file.is_symlink() and file.is_file() and "hunter2" in _text(file)
    ]


def _text(file: Path) -> str:
    return file.read_text(errors="replace")
