"""Two runs that are started on the same state in the same instant: one goes on, the other is refused and names it."""

import random
import time
from collections.abc import Callable

from tests.local.runner import Runner, Started, tasks, until

Make = Callable[..., Runner]
TRIES = 25


def at(moment: float) -> Callable[[], None]:
    """Lets a process spin until a moment of the monotonic clock: closer than the scheduler would come."""

    def spin() -> None:
        while time.monotonic() < moment:
            pass

    return spin


def test_of_two_runs_started_at_once_one_is_refused_and_names_the_other(runner: Make) -> None:
    chance = random.Random(5)
    run = runner(tasks("a"), "echo x >> $JOURNAL; until [ -e $JOURNAL.go ]; do sleep 0.05; done")
    go = run.folder / "journal.go"
    for _ in range(TRIES):
        run.options["fresh"] = run.state.exists()
        for file in (go, run.journal_file):
            file.unlink(missing_ok=True)
        moment = time.monotonic() + 0.05
        pair = [run.start(before=at(moment + chance.uniform(0, 0.002))) for _ in range(2)]
        until(lambda pair=pair: any(process.poll() is not None for process in pair), what="a refusal")
        winner, loser = sorted(pair, key=lambda process: process.returncode is not None)
        said = loser.finish(1)
        assert f"in use by another run: process {winner.pid}, started 20" in said
        go.touch()
        winner.finish(0)
        assert run.journal() == ["x"]


def test_many_that_follow_a_killed_run_at_once_leave_one(runner: Make) -> None:
    run = runner(tasks("a", "b"), "echo $PPROJ_TASK_ID $PPROJ_ATTEMPT >> $JOURNAL; sleep 0.2")
    killed = run.start()
    until(run.journal)
    killed.kill()
    moment = time.monotonic() + 0.05
    started = [run.start(before=at(moment)) for _ in range(4)]
    ends: list[tuple[Started, str]] = [(process, process.finish(None)) for process in started]
    won = [process for process, _ in ends if process.returncode == 0]
    assert won
    for process, said in ends:
        if process.returncode:
            assert any(f"process {other.pid}, started 20" in said for other in won)
        else:
            assert "all 2 tasks succeeded" in said or "all 2 tasks have succeeded already" in said
    assert len(run.journal()) == len(set(run.journal()))
