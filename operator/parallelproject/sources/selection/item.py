"""A task as another tool has it, before it is decided whether it runs. Data only; the readers make them."""

from dataclasses import dataclass, field
from enum import StrEnum


class ItemState(StrEnum):
    """The state of a task in its own tool."""

    TODO = "to do"
    DONE = "done"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Need:
    """A reference to a task that must be done before."""

    target: str
    """An item's id; of no item: dangling."""
    place: str
    """Its place in the file."""
    fix: str = ""
    """What to do where it is dangling; by default what holds for all formats."""


@dataclass(slots=True)
class Item:
    """A task, or what only contains tasks. Ids are those of the file, complete and unique (``5.2``)."""

    id: str
    place: str
    title: str
    state: ItemState = ItemState.TODO
    why: str = ""
    """If skipped: an adjective, as in ``deferred``; a task that needs it "needs a deferred task"."""
    satisfies: bool = False
    """If skipped: whether tasks that need it may run anyway."""
    holds: str = ""
    """If skipped: why tasks that need it do not run; by default "needs a WHY task"."""
    container: bool = False
    """Whether it only contains others: it does not run, and to need it is to need all within it."""
    parents: tuple[str, ...] = ()
    """What contains it; what that waits for, it waits for too."""
    needs: list[Need] = field(default_factory=list)
    after_failure: list[str] = field(default_factory=list)
    """Ids of those of its needs that must fail: it runs only then."""
    sections: list[tuple[str, str]] = field(default_factory=list)
    """Its text, as (heading, text)."""
    context: list[tuple[str, str]] = field(default_factory=list)
    """What the file says around it; it follows the task's own text, and neither roles nor files are read from it."""
    labels: tuple[str, ...] = ()
    priority: int = 0
    role: str | None = None
    files: tuple[str, ...] = ()
    group: str | None = None
    estimate_seconds: int | None = None
