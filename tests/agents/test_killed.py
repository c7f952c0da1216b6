"""kill -9 of a run at each moment of an agent's life, and of its attempts at a call of git: then the run goes on.

No task has two agents at once, no result is lost, and what has landed is not done again.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agents.conftest import Stage
from tests.agents.test_endings import STREAMS
from tests.local.checkout import Striker
from tests.local.runner import Runner, Started, until
from tests.local.test_landing_killed import VICTIMS as AT_GIT

pytestmark = pytest.mark.timeout(600)

Kill = Callable[[Runner, Started], None]


def of(who: str) -> Kill:
    def kill(run: Runner, engine: Started) -> None:
        os.kill(getattr(run, who)(engine), signal.SIGKILL)

    return kill


VICTIMS: dict[str, Kill] = {
    "engine": lambda run, engine: engine.kill(),
    "supervisor": of("supervisor"),
    "guard": of("guard"),
    "all": lambda run, engine: run.kill_all(engine),
}
MOMENTS = ("before its first word", "in the middle of its output", "after its final event")
SPEC = {"tasks": [{"id": "a"}, {"id": "liar"}], "failurePolicy": "Continue", "defaults": {"backoffSeconds": 0}}


def alone(stage: Stage) -> str:
    """Shell: notes a start, and whether another agent of the task is alive."""
    pids = stage.folder / "pids"
    pids.mkdir(exist_ok=True)
    journal, own = stage.folder / "journal-of-agents", f"{pids}/$PPROJ_TASK_ID"
    runs = "grep -q '^State:.[^ZX]' /proc/$pid/status 2>/dev/null"
    return (
        f"for pid in $(cat {own} 2>/dev/null); do {runs} && echo two >> {journal}; done\n"
        f'echo $$ >> {own}; echo "start $PPROJ_TASK_ID" >> {journal}\n'
    )


def journal(stage: Stage) -> list[str]:
    return (stage.folder / "journal-of-agents").read_text().splitlines()


def check(stage: Stage, run: Runner, *, lands: bool) -> None:
    ended = [row for row in run.attempts() if row.key.task == "a"]
    assert ended[-1].phase == "Succeeded"
    assert "two" not in journal(stage)
    assert not lands or stage.checkout.tasks() == ["a"]
    assert run.processes() == []


@pytest.mark.sampled(1, by=("lands",))
@pytest.mark.parametrize("lands", [True, False])
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_moment_of_an_agent(stage: Stage, moment: str, victim: str, lands: bool) -> None:
    reached, go = stage.folder / "reached", stage.folder / "go"
    wait = f"touch {reached}; until [ -e {go} ]; do sleep 0.05; done"
    stream = (STREAMS / "claude/done.log").read_bytes()
    halves = [stage.folder / "first", stage.folder / "second"]
    for file, part in zip(halves, (stream[: len(stream) // 2], stream[len(stream) // 2 :]), strict=True):
        file.write_bytes(part)
    before, middle, after = (wait if moment == each else "true" for each in MOMENTS)
    stage.scenes.joinpath("a").write_text(
        f"{alone(stage)}{before}\necho 1 > a.txt\ncat {halves[0]}\n{middle}\ncat {halves[1]}\n{after}\n"
    )
    stage.scene("liar", "claude/no-final-event", alone(stage))
    run = stage.run(SPEC, lands=lands)
    engine = run.start()
    until(reached.exists, what="the agent")
    VICTIMS[victim](run, engine)
    go.touch()
    if victim != "engine" and engine.poll() is None:
        engine.finish(None)
    run.run(None)
    check(stage, run, lands=lands)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("victim", AT_GIT)
@pytest.mark.parametrize("at", range(2, 34, 4))
def test_killed_at_a_call_of_git(stage: Stage, victim: str, at: int, tmp_path: Path) -> None:
    striker = Striker(tmp_path)
    striker.arm(f'{AT_GIT[victim]}; real "$@"', at=at)
    stage.scene("a", do=f"{alone(stage)}echo 1 > a.txt")
    stage.scene("liar", "claude/no-final-event", alone(stage))
    run = stage.run(SPEC)
    run.start(before=striker.use).finish(None)
    assert striker.has_struck
    had_landed = "a/landed" in stage.checkout.state()
    starts = journal(stage).count("start a") if (stage.folder / "journal-of-agents").exists() else 0
    run.run(None)
    check(stage, run, lands=True)
    assert not had_landed or journal(stage).count("start a") == starts  # nobody pays for it again
