"""What tasks leave is always removable, also for a user who is not root."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parallelproject.folder_removal import remove, try_to_remove

NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def without_rights(folder: Path) -> None:
    inner = folder / "c/d"
    inner.mkdir(parents=True)
    (inner / "f").write_text("x")
    (folder / "none").mkdir()
    (folder / "none/f").write_text("x")
    for closed, mode in ((inner, 0o555), (folder / "c", 0o555), (folder / "none", 0), (folder, 0o500)):
        closed.chmod(mode)


def deep(folder: Path) -> None:
    """Deeper than any path may be long, than Python's stack, and than there may be open files."""
    top = os.open(folder, os.O_RDONLY)
    at = top
    for _ in range(3000):
        os.mkdir("d" * 20, dir_fd=at)
        below = os.open("d" * 20, os.O_RDONLY, dir_fd=at)
        if at != top:
            os.close(at)
        at = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    os.close(top)


def strange(folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "socket"))
    for name in (b"-rf", b"new\nline", b"\xff\xfe", b" ", b"*", b"n" * 255):
        (folder / "dir").mkdir(exist_ok=True)
        os.close(os.open(os.fsencode(folder) + b"/" + name, os.O_CREAT))
        Path(os.fsdecode(os.fsencode(folder) + b"/dir/" + name)).mkdir()
        os.close(os.open(os.fsencode(folder) + b"/dir/" + name + b"/f", os.O_CREAT))
    for name in ("0", "1", "2"):  # names that the removal itself may want to take
        (folder / name).write_text("x")
        (folder / "dir" / name).mkdir()


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that other users may enter. Those of ``tmp_path`` are closed again by any pytest that starts."""
    with tempfile.TemporaryDirectory(prefix="parallelproject-", ignore_cleanup_errors=True) as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


@pytest.mark.parametrize("make", [without_rights, deep, strange])
@root_only
def test_a_user_who_is_not_root_removes_it(open_path: Path, make: Callable[[Path], None]) -> None:
    home = open_path / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    pid = os.fork()
    if not pid:
        code = 99
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            folder = home / "x"
            folder.mkdir()
            make(folder)
            remove(folder)
            code = len(list(home.iterdir()))
        except BaseException as error:
            os.write(2, repr(error).encode())
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("make", [without_rights, deep, strange])
def test_it_is_removed(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    make(folder)
    remove(folder)
    assert list(tmp_path.iterdir()) == []


def test_what_links_point_to_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o750)
    (kept / "file").write_text("x")
    folder = tmp_path / "x"
    (folder / "a").mkdir(parents=True)
    (folder / "a/link").symlink_to(kept)
    (folder / "link").symlink_to(kept)
    remove(folder)
    remove(tmp_path / "missing")
    (tmp_path / "x").symlink_to(kept)
    remove(folder)
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept"]
    assert (kept / "file").read_text() == "x"
    assert kept.stat().st_mode & 0o777 == 0o750


@root_only
def test_what_belongs_to_somebody_else_is_named_and_the_name_is_free(open_path: Path) -> None:
    """As a container leaves it that runs as root: in its own folder we may remove nothing."""
    home = open_path / "home"
    (home / "x/theirs").mkdir(parents=True)
    (home / "x/theirs/file").write_text("x")
    os.chown(home, NOBODY, NOBODY)
    os.chown(home / "x", NOBODY, NOBODY)
    code = f"from parallelproject.folder_removal import try_to_remove; print(try_to_remove({str(home / 'x')!r}))"
    said = subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-c", code],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "operator")},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip() == f"{home}/.x.gone/theirs/file: Permission denied", said.stderr
    assert not (home / "x").exists()
    assert try_to_remove(home / ".x.gone") is None


@root_only
def test_what_is_mounted_within_is_left_alone(tmp_path: Path) -> None:
    theirs, folder = tmp_path / "theirs", tmp_path / "x"
    (folder / "a/mount").mkdir(parents=True)
    theirs.mkdir()
    (theirs / "precious").write_text("x")
    code = (
        f"import sys; from parallelproject.folder_removal import try_to_remove\nprint(try_to_remove({str(folder)!r}))"
    )
    script = f'mount --bind {theirs} {folder}/a/mount && exec "$0" -c "$1"'
    said = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sys.executable, code], capture_output=True, text=True
    )
    if "mount" in said.stderr:
        pytest.skip("nothing can be mounted here")
    assert "Device or resource busy" in said.stdout
    assert (theirs / "precious").read_text() == "x"
