"""What a source gave: the project, and an account of every task found in it. Data and its wording only."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from parallelproject.model.problem import Problem, listed, quoted
from parallelproject.model.project import ParallelProject
from parallelproject.sources.selection.options import Format

NO_WORD = "no word of the table is in its text"
"""Why a task has the default role."""


_NAMED = 12


class LeftOut(NamedTuple):
    """A task that is not run although it is not done."""

    id: str
    why: str
    """As in ``deferred`` or ``needs a deferred task``."""


class Ignored(NamedTuple):
    """Something that looks like a task but is not one."""

    line: int
    why: str
    """As in ``in code`` or ``without an id``."""


class ChosenRole(NamedTuple):
    """A role that the task did not name itself."""

    role: str
    why: str
    """The word of the table that chose it, or ``NO_WORD``."""


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """An account of a file's tasks: ``found == taken + done + len(left_out)``, always.

    Ids are those of the project's tasks; ``renamed`` leads back to the file's own.
    """

    format: Format
    found: int
    """Tasks that could run; those that only contain others are not among them."""
    taken: int
    """Tasks of the project."""
    done: int = 0
    """Tasks that are done, and so neither in the project nor waited for."""
    left_out: tuple[LeftOut, ...] = ()
    """The others, in the file's order."""
    because: Mapping[str, str] = field(default_factory=dict)
    """For a task that is skipped because of another one: the id of that one."""
    containers: int = 0
    """Tasks with subtasks, and epics."""
    tag: str | None = None
    """TaskMaster: the tag read."""
    other_tags: tuple[str, ...] = ()
    """TaskMaster: the tags not read."""
    roles: Mapping[str, ChosenRole] = field(default_factory=dict)
    """The roles chosen by words."""
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The paths found in text."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """For a task whose id is not that of the file: the file's id."""
    unread: Mapping[str, int] = field(default_factory=dict)
    """Keys of the format that are not read, and how many tasks have each."""
    places: Mapping[str, str] = field(default_factory=dict)
    """The place of each task of the project in the file."""
    optional: tuple[str, ...] = ()
    """Tasks that the file calls optional; they run as the others do."""
    ignored: tuple[Ignored, ...] = ()
    """Markdown: entries and headings that look like tasks but are not."""
    warnings: tuple[Problem, ...] = ()
    """What its author should know; the work continues."""

    def lines(self) -> list[str]:
        """The account as lines for people; the warnings are not in it."""
        first = f"{self.found:,} task{'' if self.found == 1 else 's'} found: {self.taken:,} to run"
        if self.done:
            first += f", {self.done:,} done"
        if self.left_out:
            first += f", {len(self.left_out):,} skipped ({_counted(row.why for row in self.left_out)})"
        lines = [first]
        if self.left_out:
            named = [f"{row.id} ({self._why(row)})" for row in self.left_out]
            lines.append(f"skipped: {listed(named, _NAMED)}")
        if self.containers:
            parents = "parent task, run through its" if self.containers == 1 else "parent tasks, run through their"
            lines.append(f"{self.containers:,} {parents} subtasks")
        if self.optional:
            lines.append(f"{len(self.optional):,} optional, to run as well: {listed(self.optional, 10)}")
        if self.ignored:
            by_why: dict[str, list[int]] = {}
            for row in self.ignored:
                by_why.setdefault(row.why, []).append(row.line)
            parts = (f"{why} (line{'s' * (len(rows) > 1)} {listed(rows, 5)})" for why, rows in by_why.items())
            looks = "looks like a task but is" if len(self.ignored) == 1 else "look like tasks but are"
            lines.append(f"{len(self.ignored):,} more {looks} not: {', '.join(parts)}")
        if self.tag is not None and self.other_tags:
            lines.append(f"tag {self.tag}; not read: {', '.join(self.other_tags)}")
        if self.roles:
            lines.append(f"roles chosen by words: {_counted(chosen.role for chosen in self.roles.values())}")
        if self.files:
            count = len(self.files)
            lines.append(f"files found in the text of {count:,} task{'' if count == 1 else 's'}")
        if self.renamed:
            lines.append(f"ids changed because they cannot be label values: {len(self.renamed):,}")
        return [*lines, *self.unread_lines()]

    def _why(self, row: LeftOut) -> str:
        return f"{row.why}: {self.because[row.id]}" if row.id in self.because else row.why

    def unread_lines(self) -> list[str]:
        """The line on keys that are not read; none where all are."""
        return [f"keys not read: {', '.join(map(_printable, self.unread))}"] if self.unread else []


@dataclass(frozen=True)
class Imported:
    """A project read from a file."""

    project: ParallelProject
    """From a manifest: as written. From other tools: name and tasks; no roles, no git."""
    report: ImportReport


def _printable(key: str) -> str:
    return quoted(key, 40)[1:-1]


def _counted(words: Iterable[str]) -> str:
    return ", ".join(f"{word} {count:,}" for word, count in Counter(words).most_common())
