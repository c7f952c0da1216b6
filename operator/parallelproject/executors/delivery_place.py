"""Where the attempts of one task work when their work is to land, and what each leaves there.

``work/TASK.N`` is what attempt N sees, ``git/TASK.N`` is its private git directory, with a note of how its command
ended. Both are there until nothing in them is needed any more.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from parallelproject.git.delivery import Place

_ENDED = "ended.json"


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one task's attempts, below the state directory of a run."""

    state: Path
    task: str

    def of(self, attempt: int) -> Place:
        """Where an attempt works."""
        name = f"{self.task}.{attempt}"
        return Place(self.state / "work" / name, self.state / "git" / name)

    def result(self, attempt: int) -> Path:
        """The file with what became of an attempt."""
        return self.state / "results" / f"{self.task}.{attempt}.json"

    def is_there(self, attempt: int) -> bool:
        """Whether an attempt has left something that may be needed."""
        return self.of(attempt).private.is_dir()

    def note_end(self, attempt: int, code: int) -> None:
        """Notes how the command ended: a good end is landed, whoever does it."""
        file = self.of(attempt).private / _ENDED
        new = file.with_name(f"{_ENDED}.new")
        new.write_text(json.dumps({"code": code}))
        new.replace(file)

    def has_ended_well(self, attempt: int) -> bool:
        """Whether the command is known to have ended well."""
        try:
            content = json.loads((self.of(attempt).private / _ENDED).read_bytes())
        except (OSError, ValueError):
            return False
        return bool(content == {"code": 0})

    def remove(self, attempt: int) -> None:
        """Removes what an attempt has left.

        The git directory goes first, at one stroke: a workspace that is half removed must not be taken for work.
        """
        place = self.of(attempt)
        gone = place.private.with_name(f"{place.private.name}.gone")
        if place.private.is_dir():
            shutil.rmtree(gone, ignore_errors=True)
            os.rename(place.private, gone)  # noqa: PTH104 - at one stroke
        for folder in (place.workspace, gone):
            shutil.rmtree(folder, ignore_errors=True)
