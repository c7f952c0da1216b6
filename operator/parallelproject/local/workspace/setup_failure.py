"""That setup has failed, noted for all attempts of a run, so that one of them reports it and not each."""

import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from parallelproject.whole_file import write_whole

_NOTE = "failed.json"


class NotedFailure(NamedTuple):
    """A failure of setup that an attempt has noted, and reports with its end."""

    id: str
    attempt: str
    """The attempt, in the words of ``in_words``."""


def in_words(task: str, number: int) -> str:
    """An attempt as a note names it."""
    return f"attempt {number} of {task}"


class SetupFailures:
    """The note of one run."""

    def __init__(self, folder: Path, known: str | None) -> None:
        """Describes it; the folder is made.

        Args:
            folder: Where it is.
            known: The ``id`` of the last failure that was known when the attempt was planned.
        """
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._known = known

    @property
    def elsewhere(self) -> str | None:
        """The attempt, in words, that has failed since this one was planned; None: no other."""
        found = last_failure(self._folder)
        return found.attempt if found and found.id != self._known else None

    def report(self, attempt: str) -> str | None:
        """Notes that setup has failed in an attempt, unless another has noted that since it was planned.

        Args:
            attempt: The attempt, in the words of ``in_words``.

        Returns:
            The other one; None: this one reports it.
        """
        with self._locked():
            other = self.elsewhere
            if other is None:
                note = NotedFailure(uuid.uuid4().hex, attempt)
                write_whole(self._folder / _NOTE, json.dumps(note._asdict()))
            return other

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self._folder / f"{_NOTE}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def last_failure(folder: Path) -> NotedFailure | None:
    """The last failure that was noted; None: there was no failure."""
    try:
        return NotedFailure(**json.loads((folder / _NOTE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
