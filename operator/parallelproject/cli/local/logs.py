"""The logs of local runs, read as they are written."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from parallelproject.core.report.status import condition
from parallelproject.local.read import is_active, read_run, version_of
from parallelproject.local.state.directory import StateDirectory

Json = dict[str, Any]

_POLL_SECONDS = 0.1
_CHUNK = 1 << 20


class LogReader:
    """The logs of one run."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._state = StateDirectory(directory)
        self._read: dict[Path, int] = {}
        self._version: tuple[object, ...] | None = None
        self._project: Json = {}

    async def logs(self, tasks: list[str] | None, *, follow: bool) -> AsyncIterator[tuple[str, bytes]]:
        """What tasks print, as (task, piece); of each the latest attempt.

        Args:
            tasks: The tasks; None: all, as they start.
            follow: Whether to continue until the attempt of the only task, or the run, has ended.
        """
        number: dict[str, int] = {}
        while True:
            is_over = not is_active(self._directory)  # before the logs: what is written until then is there
            rows = self._rows()
            for task in tasks if tasks is not None else list(rows):
                latest = self._latest(task, rows.get(task, {}))
                if tasks is None or task not in number:
                    number[task] = latest
                async for data in self._new(Path(self._state.log(task, number[task]))):
                    yield task, data
            if not follow or is_over or self._has_ended(tasks, rows, number):
                return
            await asyncio.sleep(_POLL_SECONDS)
            number = {task: count for task, count in number.items() if count}

    def _rows(self) -> dict[str, Json]:
        version = version_of(self._directory)
        if version != self._version:
            self._version, self._project = version, read_run(self._directory) or {}
        return {row["id"]: row for row in (self._project.get("status") or {}).get("tasks") or ()}

    def _latest(self, task: str, row: Json) -> int:
        """The number of the latest attempt; the status may be a moment behind it."""
        number = int(row.get("attempts") or 0)
        return number + 1 if Path(self._state.log(task, number + 1)).exists() else number

    def _has_ended(self, tasks: list[str] | None, rows: dict[str, Json], number: dict[str, int]) -> bool:
        if tasks is None:
            return condition(self._project.get("status") or {}, "Completed").get("status") == "True"
        return all(number[task] and _is_over(rows.get(task, {}), number[task]) for task in tasks)

    async def _new(self, file: Path) -> AsyncIterator[bytes]:
        while data := await asyncio.to_thread(_read, file, self._read.get(file, 0)):
            self._read[file] = self._read.get(file, 0) + len(data)
            yield data


def _is_over(row: Json, number: int) -> bool:
    """Whether an attempt has ended, by the row of its task."""
    attempts = int(row.get("attempts") or 0)
    return attempts > number or (attempts == number and row.get("state") != "Running")


def _read(file: Path, offset: int) -> bytes:
    try:
        with file.open("rb") as log:
            log.seek(offset)
            return log.read(_CHUNK)
    except OSError:
        return b""
