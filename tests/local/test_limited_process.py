"""A program ends in time, whatever it has started: its output may be held open by a process in the background."""

import io
import os
import subprocess
import threading
from pathlib import Path

import pytest

from parallelproject import limited_process
from parallelproject.cli.doctor import programs
from parallelproject.limited_process import run_limited
from parallelproject.local.supervisor.process_tree import is_alive
from tests.local.runner import until

LONG = 1e6


def test_what_it_leaves_in_the_background_is_not_waited_for(fifo: Path, tmp_path: Path) -> None:
    script = f"cat {fifo} & cat; echo wrong >&2; echo $X; pwd; exit 3"
    found = run_limited(
        ["sh", "-c", script], LONG, stdin=b"given\n", folder=tmp_path, environment={**os.environ, "X": "x"}
    )
    assert (found.returncode, found.stderr) == (3, b"wrong\n")
    assert found.stdout == b"given\nx\n" + os.fsencode(tmp_path) + b"\n"


@pytest.mark.parametrize("own_group", [True, False])
def test_one_that_takes_longer_is_killed_with_its_group_if_it_has_one(
    fifo: Path, tmp_path: Path, *, own_group: bool
) -> None:
    child, errors = tmp_path / "child", list[BaseException]()

    def run() -> None:
        try:
            run_limited(["sh", "-c", f"cat {fifo} & echo $! > {child}; exec cat {fifo}"], 0.5, own_group=own_group)
        except subprocess.TimeoutExpired as error:
            errors.append(error)

    while not (child.exists() and child.read_text()):  # the time may be over before it has started its child
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert errors
    pid = int(child.read_text())
    if own_group:
        until(lambda: not is_alive(pid, None), what="the end of its child")
    else:
        assert is_alive(pid, None)


def test_doctor_reads_what_a_program_says_that_leaves_a_daemon(fifo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_SECONDS", LONG)
    assert programs.ask(["sh", "-c", f"cat {fifo} & echo 1.2.3"]) == (0, "1.2.3")


class Interleaved(io.BufferedRandom):
    """A file to which a child writes as soon as its place is changed: a child has the same place in it as we."""

    def seek(self, offset: int, whence: int = 0) -> int:
        place = super().seek(offset, whence)
        if os.fstat(self.fileno()).st_size:  # else it is the standard input
            os.write(self.fileno(), b"late\n")
        return place


def test_what_a_child_writes_while_the_output_is_read_is_not_written_over_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = iter(("given", "out", "err"))

    def opened() -> io.BufferedRandom:
        return Interleaved(io.FileIO(tmp_path / next(names), "w+"))

    monkeypatch.setattr(limited_process.tempfile, "TemporaryFile", opened)
    assert run_limited(["sh", "-c", "echo the first line"], LONG).stdout == b"the first line\n"
