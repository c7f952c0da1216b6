"""Outputs of a task in a pod: what the container that lands its work reports of them, whatever the task has left."""

import os
from pathlib import Path
from typing import Any

import pytest

from parallelproject import output_folder
from parallelproject.executors.base.delivered import Delivered, declared_outputs, delivered
from parallelproject.git.container.instructions import MESSAGE_MAX, answer
from parallelproject.output_folder import files_below, read_outputs
from tests.git.remote import Remote
from tests.git.test_pod import SECONDS, Pod

HOSTILE = r"""
cd "$PPROJ_OUTPUTS"
echo low > severity
printf 'two\nlines' > text
head -c 1025 /dev/zero | tr '\0' x > large
head -c 1024 /dev/zero | tr '\0' x > just-fits
printf '\377\376' > binary
printf 'a\0b' > nul
mkdir folder && echo 1 > folder/inside
ln -s /etc/hostname link
ln -s . circle
mkfifo pipe
truncate -s 1T huge
echo 1 > 'a name'
echo 1 > .hidden
echo nothing > no-change
cd "$OLDPWD" && echo 1 > new
"""


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "outputs"
    folder.mkdir()
    monkeypatch.setenv("PPROJ_OUTPUTS", str(folder))
    return folder


def run(remote: Remote, script: str, code: int = 0) -> tuple[Delivered, str]:
    pod = Pod(remote, "a", outputs=os.environ["PPROJ_OUTPUTS"])
    result = pod.folder / "result"
    assert pod.prepare()[0] == 0
    beside = pod.deliver("--result", str(result))
    assert pod.command("sh", "-c", script).wait(SECONDS) == code
    ended = beside.wait(SECONDS)
    return delivered(ended, result.read_text()), result.read_text()


@pytest.mark.usefixtures("wrapper")
def test_short_texts_are_reported_and_all_else_is_named_and_costs_nothing(
    remote: Remote, outputs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found, text = run(remote, HOSTILE)
    assert found.commit
    assert dict(found.outputs) == {"severity": "low", "text": "two\nlines", "just-fits": "x" * 1024}
    assert len(text.encode()) <= MESSAGE_MAX
    noted = next(line for line in capfd.readouterr().err.splitlines() if line.startswith("not used as outputs: "))
    assert '".hidden" (its name is not that of an output)' in noted
    assert noted.endswith("and 5 more")


@pytest.mark.usefixtures("wrapper", "outputs")
def test_a_task_that_changes_nothing_has_outputs_and_one_that_fails_has_none(remote: Remote) -> None:
    found, _ = run(remote, "echo 1 > $PPROJ_OUTPUTS/count")
    assert (found.reason, found.outputs) == (None, (("count", "1"),))


@pytest.mark.usefixtures("wrapper", "outputs")
def test_a_task_that_fails_has_none(remote: Remote) -> None:
    found, text = run(remote, "echo 1 > $PPROJ_OUTPUTS/count; exit 3", 3)
    assert (found.outputs, "count" in text) == ((), False)


def test_with_thousands_of_files_none_is_an_output(tmp_path: Path) -> None:
    for i in range(1001):
        (tmp_path / f"f{i}").touch()
    assert read_outputs(str(tmp_path)) == ({}, ("more than 1,000 files",))
    (tmp_path / "f0").unlink()
    assert len(read_outputs(str(tmp_path)).values) == 1000


def test_a_folder_that_the_task_has_replaced_has_none(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").write_text("1")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("link", "pipe", "loop", "gone"):
        assert read_outputs(str(tmp_path / name)) == ({}, ())
    assert read_outputs(str(tmp_path / "other")).values == {"x": "1"}


def test_of_a_message_that_the_kubelet_cuts_the_result_and_the_shortest_outputs_stay(tmp_path: Path) -> None:
    file = tmp_path / "message"
    values = {"severity": "low", "long": "x" * 900, "longer": "ü" * 500, "count": "1", "longest": "x" * 1024}
    answer({"outcome": "Landed", "commit": "1234567890ab"}, file, outputs=values)
    whole = delivered(0, file.read_text())
    assert set(dict(whole.outputs)) == {"severity", "long", "count", "longest"}  # more does not fit into 4 KiB
    assert len(file.read_bytes()) <= MESSAGE_MAX
    cut = delivered(0, file.read_bytes()[: MESSAGE_MAX // 4].decode())
    assert (cut.commit, dict(cut.outputs)) == ("1234567890", {"severity": "low", "count": "1", "long": "x" * 900})
    cut = delivered(0, file.read_bytes()[:500].decode())
    assert (cut.commit, dict(cut.outputs)) == ("1234567890", {"severity": "low", "count": "1"})


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ('{"outputs": {"severity": "low\\n", "n": "2"}}', {"severity": "low", "n": "2"}),
        ('{"outputs": {"a/b": "1", "no-change": "x", "big": "' + "x" * 1025 + '", "ok": ""}}', {"ok": ""}),
        ('{"outputs": {"a": 1}}', {}),
        ('{"outputs": ["a"]}', {}),
        ("[" * 4000, {}),
        ("panic: runtime error", {}),
        ("", {}),
        ("null", {}),
        ('{"outputs": {"a": "\\ud800"}}', {}),
    ],
)
def test_a_container_without_git_declares_outputs_in_its_own_message(message: str, found: dict[str, str]) -> None:
    assert dict(declared_outputs(message)) == found


def test_the_paths_of_files_are_bounded_and_lead_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "outputs"
    (folder / "d/e").mkdir(parents=True)
    for name in ("b", "a", "d/e/c"):
        (folder / name).touch()
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "up").symlink_to(tmp_path)
    paths = files_below(str(folder))
    assert list(paths.items()) == [(name, f"{folder}/{name}") for name in ("a", "b", "d/e/c")]
    (tmp_path / "other").symlink_to(folder)
    assert files_below(str(tmp_path / "other")) == {}, "the task has replaced it by a link"
    assert files_below(str(tmp_path / "missing")) == {}
    for i in range(1200):
        (folder / f"f{i}").touch()
    assert len(files_below(str(folder))) == 1000
    seen: list[str] = []
    real = os.scandir

    def counted(path: str) -> Any:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", counted)
    monkeypatch.setattr(output_folder, "_SEEN_MAX", 20)
    deep = tmp_path / "deep"
    for i in range(100):
        (deep / f"{i}").mkdir(parents=True)
    assert files_below(str(deep)) == {}
    assert len(seen) <= 21, "folders cost something, too"
