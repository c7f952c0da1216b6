"""Somebody new hears what happens in a run, without a change anywhere else."""

from collections.abc import Callable, Sequence
from pathlib import Path

from parallelproject.core.report.changes import Event
from parallelproject.local.engine.board import Board
from tests.local.checkout import Checkout
from tests.local.runner import Runner


class Heard:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def take(self, project: Board, events: Sequence[Event]) -> None:
        self.events += [f"{event.what} {event.task}".strip() for event in events]


class Broken:
    def take(self, project: Board, events: Sequence[Event]) -> None:
        raise RuntimeError("out of order")


def test_a_new_consumer_hears_all_of_a_run(runner: Callable[..., Runner], tmp_path: Path) -> None:
    heard = Heard()
    command = 'echo x > $PPROJ_TASK_ID; test $PPROJ_TASK_ID = a -o -e "$PPROJ_FEEDBACK"'
    described = [{"id": "a"}, {"id": "b", "dependencies": ["a"]}]
    options = {"repository": Checkout(tmp_path).path, "consumers": [heard, Broken()]}
    said = runner(described, command, options=options).run()
    assert heard.events == [
        "Found", "Started a", "Succeeded a", "Landed a", "Started b", "LevelCompleted",
        "Failed b", "Started b", "Succeeded b", "Landed b", "LevelCompleted", "Completed",
    ]  # fmt: skip
    assert "Broken failed and receives no more events: RuntimeError: out of order" in said
