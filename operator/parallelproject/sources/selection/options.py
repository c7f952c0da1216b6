"""What can be asked of a source: its format, and what is taken from it. Data only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from parallelproject.sources.selection.roles import RoleTable


class Format(StrEnum):
    """The kinds of file that tasks are read from; the values are those of ``--format``."""

    MANIFEST = "manifest"
    TASKMASTER = "taskmaster"
    BEADS = "beads"
    GROUPS = "groups"
    FEATURES = "features"
    GITHUB = "github"
    BACKLOG = "backlog"
    ARGO = "argo"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How tasks are taken from a file of another tool. A manifest is taken as it is, only ``name`` and
    ``here`` apply."""

    tag: str | None = None
    """TaskMaster: the tag; by default the current one, then ``master``, then the first."""
    include_done: bool = False
    """Takes what is done as if nothing were done yet (``--all``)."""
    dangling: Literal["error", "warn"] = "error"
    """A dependency that names no task is an error, or dropped with a warning."""
    subtasks: Literal["leaves", "parents"] = "leaves"
    """TaskMaster and Markdown lists: the subtasks are the tasks, or the tasks at the top with all within them."""
    cancelled_satisfies: bool = True
    """Tasks that need a cancelled task run without it; otherwise they are skipped."""
    infer_roles: bool = True
    """A task that names no role gets one by the words of its text."""
    roles: RoleTable | None = None
    """The words that choose roles; by default the package's own ``roles.yaml``."""
    infer_files: bool = True
    """A task that declares no files gets the paths found in its text."""
    now: datetime | None = None
    """The time by which something is deferred until later; by default that of the clock."""
    name: str | None = None
    """Name of the project; by default that of the manifest or of the folder."""
