"""A file of fixed size, allocated beforehand: where ends of attempts go when the disk is full.

An exit code cannot be asked for twice, so it must be possible to write it down at any moment. Writing over
blocks that are already ours needs no room.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parallelproject.local.state.store import AttemptRow
from parallelproject.model.work import WorkKey

SIZE = 256 * 1024
"""Room for the ends of at least 1,000 attempts, the most that can be running."""


class Spill:
    """The file, open. It holds either nothing or the rows of the last ``write``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if os.fstat(self._fd).st_size < SIZE:
            os.posix_fallocate(self._fd, 0, SIZE)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._fd)

    def write(self, rows: Sequence[AttemptRow]) -> None:
        """Writes the rows over whatever is there, and has them on disk when it returns.

        Raises:
            OSError: also when they do not fit.
        """
        data = json.dumps(rows).encode() + b"\n\0"
        if len(data) > SIZE:
            raise OSError(f"{len(rows)} results are more than {SIZE} bytes")
        os.pwrite(self._fd, data, 0)
        os.fdatasync(self._fd)

    def read(self) -> list[AttemptRow]:
        """The rows written last; none when there are none or when writing them was cut off."""
        data, end, _ = os.pread(self._fd, SIZE, 0).partition(b"\n\0")
        return [_row(fields) for fields in json.loads(data)] if end and data else []

    def clear(self) -> None:
        """Forgets the rows: they are written down elsewhere."""
        os.pwrite(self._fd, b"\n\0", 0)
        os.fdatasync(self._fd)


def _row(fields: list[Any]) -> AttemptRow:
    if isinstance(fields[0], str):  # of a release that started only tasks: the task, the number, and all that follows
        task, number, *rest = fields
        return AttemptRow(WorkKey.of_task(task, number), *rest)
    return AttemptRow.of_fields(fields)
