"""What must hold of a run, however it was disturbed; judged from what the tasks wrote, not from what it believes."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tests.local.faults import scenario


class Row(NamedTuple):
    """An attempt as the state has it."""

    task: str
    number: int
    phase: str


class State(NamedTuple):
    """What a run has written down."""

    rows: list[Row]
    completed: bool
    """Whether it had come to its end."""

    def tasks(self, phase: str) -> set[str]:
        """The tasks with an attempt in a phase."""
        return {row.task for row in self.rows if row.phase == phase}

    def of(self, phase: str) -> set[tuple[str, int]]:
        """The attempts in a phase."""
        return {(row.task, row.number) for row in self.rows if row.phase == phase}


def read_state(file: Path) -> State:
    """Reads it as any other program would."""
    if not file.exists():
        return State([], False)
    with closing(sqlite3.connect(file)) as db:
        try:
            rows = [Row(*row) for row in db.execute("select task, attempt, phase from attempts")]
            last = db.execute("select completed from sessions order by id desc limit 1").fetchone()
        except sqlite3.OperationalError:
            return State([], False)  # killed before there were tables
    return State(rows, bool(last and last[0]))


def violations(journal: list[str], cut_off: list[State], end: State, left: Iterable[int]) -> list[str]:
    """Every law that was broken, in words.

    Args:
        journal: What the tasks wrote, in order.
        cut_off: What was written down after each disturbed run.
        end: What is written down in the end.
        left: Processes that still run.
    """
    lines = [line.split()[1:] for line in journal]
    starts = [(task, int(number)) for what, task, number, *_ in lines if what == "start"]
    ended = [(task, int(number)) for what, task, number, *_ in lines if what == "end"]
    found = [f"{task} attempt {n} found {lock[0]} taken" for what, task, n, *lock in lines if what == "crowded"]
    found += [f"{task} attempt {n} was started {k} times" for (task, n), k in Counter(starts).items() if k > 1]
    found += [
        f"{task} attempt {n} is not written down" for task, n in set(starts) - {(r.task, r.number) for r in end.rows}
    ]
    for state in cut_off:
        last = {row.task: row.number for row in state.rows if row.phase == "Succeeded"}
        found += [f"{task} ran again after its success was recorded" for task, n in starts if n > last.get(task, n)]
        for phase in ("Succeeded", "Failed"):
            gone = state.of(phase) - end.of(phase)
            found += [f"it was forgotten that {task} attempt {number} has {phase}" for task, number in gone]
    failures = Counter(row.task for row in end.rows if row.phase == "Failed")
    found += [f"{task} failed {k} times" for task, k in failures.items() if k > scenario.MAX_ATTEMPTS]
    found += [f"{row.task} is {row.phase} in the end" for row in end.rows if row.phase == "Running"]
    found += _order(lines)
    found += _result(end, failures, {task for task, _ in starts})
    assert ended
    return [*found, *(f"process {pid} was left" for pid in left)]


def repeated(journal: list[str]) -> list[tuple[str, int, int]]:
    """Tasks that came to a good end more than once: each with the attempt and the time (ns) of its first one."""
    good: dict[str, list[tuple[str, int, int]]] = {}
    for time, what, task, number, *code in map(str.split, journal):
        if what == "end" and code == ["0"]:
            good.setdefault(task, []).append((task, int(number), int(time)))
    return [ends[0] for ends in good.values() if len(ends) > 1]


def _order(lines: list[list[str]]) -> list[str]:
    """No child before its parents."""
    parents = scenario.parents()
    done: set[str] = set()
    found = []
    for what, task, number, *more in lines:
        if what == "start":
            early = set(parents[task]) - done
            found += [f"{task} attempt {number} started before {parent} had succeeded" for parent in sorted(early)]
        if what == "end" and more == ["0"]:
            done.add(task)
    return found


def _result(end: State, failures: Counter[str], started: set[str]) -> list[str]:
    """The end is that of an undisturbed run."""
    found = [] if end.completed else ["it has not come to its end"]
    good = end.tasks("Succeeded")
    for task, expected in scenario.expected().items():
        bad = failures[task] == scenario.MAX_ATTEMPTS
        is_now = (
            "Succeeded" if task in good else "Failed" if bad else "Skipped" if task not in started else "unfinished"
        )
        if is_now != expected:
            found.append(f"{task} is {is_now} and not {expected}")
    return found
