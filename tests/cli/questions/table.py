"""What a question is: where a project stands, what is typed, and what must be in the answer."""

import re
from typing import NamedTuple

from tests.cli.conftest import Result


class Question(NamedTuple):
    """One row of the table."""

    asks: str
    """In words."""
    state: str
    """Name of the project that stands so."""
    command: str
    """What is typed after ``pproj``; ``{}`` is the project's name."""
    answers: tuple[str, ...]
    """What must be in the answer: each a regular expression, ``^`` and ``$`` at the ends of lines."""
    code: int = 0
    """The exit code."""

    @property
    def id(self) -> str:
        return self.asks.replace(" ", "-")


def check(question: Question, result: Result) -> None:
    """Whether the answer says what it must."""
    said = result.out + result.err
    missing = [answer for answer in question.answers if not re.search(answer, said, re.MULTILINE)]
    assert not missing, f"{question.asks}? {question.command!r} does not say {missing}, but:\n{said}"
    assert result.code == question.code, said
