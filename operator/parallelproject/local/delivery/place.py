"""Where the attempts of one task work when their work is to land, and what each leaves there.

``workspaces/TASK.N/TASK`` is what attempt N sees, ``git/TASK.N`` is its private git directory, with a note of how its
command ended. Both are there until nothing in them is needed any more. What an attempt puts next to its workspace, as a
work tree of its own, is removed with it.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from parallelproject.folder_removal import try_to_remove
from parallelproject.git.plumbing.delivery import Place
from parallelproject.local.state.workspaces import make_around, root_of
from parallelproject.whole_file import write_whole

_ENDED = "ended.json"


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one task's attempts, below the state directory of a run."""

    state: Path
    task: str

    def of(self, attempt: int) -> Place:
        """Where an attempt works."""
        name = f"{self.task}.{attempt}"
        # Where they stood before they had a folder around them.
        earlier = Path(os.path.realpath(self.state / "work")) / name
        workspace = earlier if earlier.is_dir() else root_of(self.state) / name / self.task
        return Place(workspace, self.state / "git" / name)

    def make(self, attempt: int) -> Place:
        """The same, with the folder around the workspace."""
        place = self.of(attempt)
        make_around(place.workspace)
        return place

    def result(self, attempt: int) -> Path:
        """The file with what became of an attempt."""
        return self.state / "results" / f"{self.task}.{attempt}.json"

    def is_there(self, attempt: int) -> bool:
        """Whether an attempt has left something that may be needed."""
        return self.of(attempt).private.is_dir()

    def note_end(self, attempt: int, code: int) -> None:
        """Notes how the command ended: a good end is landed, by any process."""
        write_whole(self.of(attempt).private / _ENDED, json.dumps({"code": code}))

    def has_ended_well(self, attempt: int) -> bool:
        """Whether the command is known to have ended well."""
        try:
            content = json.loads((self.of(attempt).private / _ENDED).read_bytes())
        except (OSError, ValueError):
            return False
        return bool(content == {"code": 0})

    def remove(self, attempt: int) -> list[str]:
        """Removes what an attempt has left; says what of it cannot be removed.

        The git directory goes first, at one stroke: a workspace that is half removed must not be taken for work.
        """
        place = self.of(attempt)
        around = place.workspace.parent
        mine = around if around.name == f"{self.task}.{attempt}" else place.workspace
        gone = place.private.with_name(f"{place.private.name}.gone")
        if place.private.is_dir():
            try_to_remove(gone)
            os.rename(place.private, gone)  # noqa: PTH104 - at one stroke
        return [kept for kept in (try_to_remove(mine), try_to_remove(gone)) if kept]
