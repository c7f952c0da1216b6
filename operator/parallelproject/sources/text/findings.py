"""Collects everything wrong with one file, so that all of it is reported at once. Knows no format."""

from collections.abc import Collection
from typing import NoReturn

from parallelproject.model.problem import Problem, ProblemsError, Severity
from parallelproject.model.suggest import did_you_mean

_SUGGESTIONS_MAX = 50  # comparing words is slow; a file with more unknown ids has another trouble
_COMPARED_MAX = 5_000


class Findings:
    """The errors and warnings of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []
        self._suggestions = 0

    def of_file(self, file: str) -> "Findings":
        """Findings of one file among several, noted together with these."""
        part = Findings(file)
        part.errors, part.warnings = self.errors, self.warnings
        return part

    def at(self, path: str) -> str:
        """The place of a path in the file's data: ``tasks.json: tasks[3].id``."""
        return f"{self.file}: {path}" if path else self.file

    def line(self, line: int, column: int | None = None) -> str:
        """The place of a line, counted from 1: ``issues.jsonl:12``."""
        return f"{self.file}:{line}" if column is None else f"{self.file}:{line}:{column}"

    def error(self, place: str, found: str, hint: str = "", reason: str = "InvalidSpec") -> None:
        """Notes what makes the file unusable."""
        self.errors.append(Problem(place, found, hint, reason))

    def warn(self, place: str, found: str, hint: str = "") -> None:
        """Notes what its author should know."""
        self.warnings.append(Problem(place, found, hint, severity=Severity.WARNING))

    def stop(self, place: str, found: str, hint: str = "") -> NoReturn:
        """Notes an error after which nothing more can be read.

        Raises:
            ProblemsError: always, with all errors so far.
        """
        self.error(place, found, hint)
        raise ProblemsError(self.errors, self.warnings)

    def stop_if_errors(self) -> None:
        """Ends the reading where anything was wrong.

        Raises:
            ProblemsError: with all errors so far.
        """
        if self.errors:
            raise ProblemsError(self.errors, self.warnings)

    def did_you_mean(self, word: str, known: Collection[str]) -> str:
        """A hint that names the known word closest to ``word``; empty where none is close."""
        self._suggestions += 1
        if self._suggestions > _SUGGESTIONS_MAX or len(known) > _COMPARED_MAX or len(word) > 100:
            return ""
        return did_you_mean(word, list(known))
