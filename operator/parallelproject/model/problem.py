"""What is wrong with an input, in words that let its author fix it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether a problem stops the work."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong at one place.

    ``str()`` gives the line for people: ``place: found (hint)``.
    """

    place: str
    """A path as in ``spec.tasks[3].dependencies[0]``, or ``file:line``."""
    found: str
    """What was found there, as the end of a sentence: ``"api-shema" is not a task``."""
    hint: str = ""
    """The fix: ``did you mean "api-schema"?``."""
    reason: str = "InvalidSpec"
    """The reason that it gives the condition Accepted."""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.place}: {self.found}{hint}"


class ProblemsError(Exception):
    """Input that cannot be used; carries every problem found, not only the first."""

    def __init__(self, problems: list[Problem], warnings: Sequence[Problem] = ()) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
        self.warnings = tuple(warnings)
        """What its author should also know."""


def listed(items: Sequence[object], most: int, between: str = ", ") -> str:
    """The first items of a list, as in ``a, b and 3 more``."""
    shown = between.join(map(str, items[:most]))
    more = f"{'' if between == ', ' else between.strip()} and {len(items) - most:,} more"
    return shown + more if len(items) > most else shown


def quoted(value: object, limit: int = 80) -> str:
    """A value for use in a message: one line, printable, at most ``limit`` characters."""
    text = str(value)
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: limit + 1])
    if len(shown) > limit:
        shown = shown[: limit - 1] + "…"
    return f'"{shown}"'
