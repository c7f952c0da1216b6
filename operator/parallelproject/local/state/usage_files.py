"""What attempts report that they have used: the file ``usage.json`` among their outputs, kept by attempt.

It is moved out of the outputs when the attempt has ended: the next attempt of the task has the same folder, and what an
attempt has used is no output.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from parallelproject.agents.attempt_files import UsageReport, usage_of
from parallelproject.core.planner.agent_usage import AgentUsage, report_trouble
from parallelproject.core.planner.claim import Claim
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.store import RUNNING, AttemptRow
from parallelproject.model.names import USAGE
from parallelproject.model.work import WorkKey

_NOTHING = UsageReport()
_END = ".usage.json"
"""What the name of a kept file ends with, after the task and the number of the attempt."""


class UsageFiles:
    """The reports of a run."""

    def __init__(self, directory: StateDirectory) -> None:
        self._directory = directory
        self._folder = directory.path / "results"
        self._read: dict[WorkKey, UsageReport] = {}
        self._kept = {file.name for file in self._folder.glob(f"*{_END}")}

    def take(self, row: AttemptRow) -> None:
        """Keeps the report of an attempt that has just ended: the last one of its task."""
        source, name = f"{self._directory.outputs(row.key.task, row.key.step)}/{USAGE}", _name(row.key)
        if name in self._kept or not os.path.lexists(source):
            return
        try:
            self._folder.mkdir(exist_ok=True)
            os.replace(source, self._folder / name)  # noqa: PTH105 - as above: each attempt pays for it
        except OSError:
            self._read[row.key] = usage_of(Path(source))
            return
        self._kept.add(name)

    def take_last(self, rows: Iterable[AttemptRow]) -> None:
        """Keeps the reports that an earlier session has not kept: those of the last attempts of all tasks."""
        last: dict[str, AttemptRow] = {}
        for row in rows:
            if row.key.is_task and (row.key.task not in last or row.key.attempt > last[row.key.task].key.attempt):
                last[row.key.task] = row
        for row in last.values():
            if row.phase != RUNNING:
                self.take(row)

    def usage(self, key: WorkKey) -> AgentUsage | None:
        """What an attempt has reported; None where it has reported nothing, or nothing that can be read."""
        return AgentUsage.reported(self._report(key).amounts)

    def trouble(self, key: WorkKey) -> str:
        """What of the report of an attempt does not count, and the fix; empty if all of it counts."""
        found = self._report(key)
        return report_trouble(found.unusable, found.amounts, found.ignored)

    def claim(self, key: WorkKey) -> Claim | None:
        """The claim of an attempt, with the role that it was started with; None where that is not known."""
        try:
            role = json.loads(Path(self._directory.task_file(key.task, key.attempt)).read_bytes())["role"]
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return Claim(role) if role is None or isinstance(role, str) else None

    def _report(self, key: WorkKey) -> UsageReport:
        name = _name(key)
        if key not in self._read and name in self._kept:
            self._read[key] = usage_of(self._folder / name)
        return self._read.get(key, _NOTHING)


def _name(key: WorkKey) -> str:
    return f"{key.task}.{key.attempt}{_END}"
