"""Recorded workflows as loads: graphs and durations of WfCommons instances, the durations scaled."""

import json
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.load import Load, Task
from bench.schedule import makespan

DATA = Path(os.environ.get("PPROJ_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "graphs"
"""JSON files, ``{"tasks": [{"id", "dependencies", "seconds"}]}`` each."""


def read_workflows(mean_seconds: float) -> dict[str, Load]:
    """All of them by their short name, without a cap; a task takes ``mean_seconds`` on average. Empty without files."""
    found = {}
    for file in sorted(DATA.glob("*.json")):
        name = file.stem.partition("-")[0]
        found[name] = _load(name, json.loads(file.read_text())["tasks"], mean_seconds)
    return found


def _load(name: str, tasks: list[dict[str, Any]], mean_seconds: float) -> Load:
    scale = mean_seconds * len(tasks) / sum(task["seconds"] for task in tasks)
    made = tuple(
        Task(
            task["id"],
            tuple(task["dependencies"]),
            round(scale * task["seconds"], 3),
            estimate=max(1, round(task["seconds"])),  # as a user would say it: in whole seconds, unscaled
        )
        for task in tasks
    )
    return Load(name, len(made), made)


@dataclass(frozen=True)
class Cell:
    """One workflow, run one way."""

    workflow: Load
    slots: int
    by_level: bool = False
    number: int = 0
    """Of the round."""

    @cached_property
    def load(self) -> Load:
        """What is run, under a name of its own."""
        way = "levels" if self.by_level else "graph"
        name = f"{self.workflow.name}-{self.slots}-{way}-{self.number}"
        return replace(self.workflow, name=name, cap=self.slots, by_level=self.by_level)

    @property
    def title(self) -> str:
        """Which it is, in words; the same in each round."""
        return f"{self.workflow.name}, {self.slots} slots, {'Levels' if self.by_level else 'Graph'}"

    @cached_property
    def list_schedule(self) -> float:
        """The yardstick, in seconds: a list schedule that knows no levels, whichever way it is run."""
        return makespan(replace(self.load, by_level=False))

    @cached_property
    def running(self) -> float:
        """Running tasks at once on average."""
        return sum(task.seconds for task in self.workflow.tasks) / makespan(self.load)
