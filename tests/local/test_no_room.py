"""A disk that is full: nothing is lost, nothing new starts, and it goes on when there is room."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parallelproject.local.state.spill import SIZE, Spill
from parallelproject.local.state.store import AttemptRow
from parallelproject.model.work import WorkKey, WorkKind
from tests.local.disk import can_mount, fill, make_room, small_disk
from tests.local.runner import Runner, tasks, until
from tests.local.test_killed import STEP, check_exactly_once, graph

Make = Callable[..., Runner]


def test_a_state_that_may_grow_no_further_ends_the_run_and_keeps_what_is_known(runner: Make) -> None:
    run = runner(graph(), STEP)
    run.state.mkdir(parents=True)
    Spill(run.state / "state.spill").close()
    output = run.start(file_limit=100_000).finish(1)
    assert "cannot write" in output
    assert "Resume from here" in output
    done = {row.key.task for row in run.attempts() if row.phase == "Succeeded"}
    assert 0 < len(done) < 40
    run.run()
    check_exactly_once(run)
    ended = [line for line in run.journal() if line.startswith("done")]
    assert len(ended) == len(set(ended)) == 40


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if not can_mount():
        pytest.skip("only root can make a small disk")
    with small_disk(tmp_path / "disk") as made:
        yield made


def test_on_a_full_disk_it_waits_and_goes_on_when_there_is_room(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Runner(
        disk,
        {"tasks": tasks("a", "b"), "parallelism": 1},
        'echo "$PPROJ_TASK_ID" >> $GATE/started; until [ -e $GATE/go ]; do sleep 0.05; done',
    )
    monkeypatch.setenv("GATE", str(tmp_path))
    process = run.start()
    until(lambda: (tmp_path / "started").exists())
    fill(disk)
    (tmp_path / "go").touch()
    until(lambda: attempts_in_spill(run))
    make_room(disk)
    said = process.finish(0)
    assert "nothing new starts until that is fixed" in said
    assert said.count("can be written again") == 1
    assert (tmp_path / "started").read_text() == "a\nb\n"


def attempts_in_spill(run: Runner) -> list[AttemptRow]:
    spill = Spill(run.state / "state.spill")
    try:
        return spill.read()
    finally:
        spill.close()


def test_the_spill_takes_the_ends_of_all_that_can_be_at_work(tmp_path: Path) -> None:
    row = AttemptRow(
        WorkKey(WorkKind.TASK, "x" * 63, "s" * 63, 100),
        "Failed",
        1.7e9 + 0.123456,
        1.7e9 + 0.123456,
        "DeadlineExceeded",
        137,
    )
    spill = Spill(tmp_path / "spill")
    spill.write([row] * 1000)
    spill.close()
    again = Spill(tmp_path / "spill")
    assert again.read() == [row] * 1000
    again.clear()
    assert again.read() == []
    assert (tmp_path / "spill").stat().st_size == SIZE


def test_a_spill_that_was_cut_off_while_it_was_written_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "spill"
    spill = Spill(path)
    spill.write([AttemptRow(WorkKey.of_task("a", 1), "Succeeded", 1.0)])
    with path.open("r+b") as file:
        file.write(b'[["b", 1, "Succ')
        file.truncate()
        file.truncate(SIZE)
    assert spill.read() == []
