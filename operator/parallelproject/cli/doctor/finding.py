"""What a check has found. Data only."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How good it is."""

    OK = "ok"
    WARNING = "warning"
    """Works for now, or is needed for some commands only."""
    ERROR = "error"
    """Something that is asked for does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer."""

    check: str
    """What was looked at, in one or two words."""
    verdict: Verdict
    message: str
    fix: str = ""
    """What to do about it; empty where all is well."""


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check, Verdict.OK, message)


def warning(check: str, message: str, fix: str) -> Finding:
    """Good enough for some commands."""
    return Finding(check, Verdict.WARNING, message, fix)


def error(check: str, message: str, fix: str) -> Finding:
    """Does not work."""
    return Finding(check, Verdict.ERROR, message, fix)
