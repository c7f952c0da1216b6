"""Counts what happened to a project's attempts. Pure."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from parallelproject.core.report.changes import Event, What


class Result(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    """By the project's end or an edit: no failure of its task."""


class End(NamedTuple):
    """An attempt's end."""

    result: Result
    reason: str = ""
    """Why it failed; empty where it did not."""


class Tally(NamedTuple):
    """Counts."""

    started: int = 0
    """New attempts, and those that were refused for good."""
    retries: int = 0
    """Those of them that are not the first attempt of their task."""
    landed: int = 0
    """Tasks whose commit on the branch became known."""
    ended: Counter[End] = Counter()


NOTHING = Tally()
_RESULTS = {What.SUCCEEDED: Result.SUCCEEDED, What.FAILED: Result.FAILED, What.STOPPED: Result.STOPPED}


def count(events: Iterable[Event]) -> Tally:
    """Counts events of attempts and ignores all others."""
    started = retries = landed = 0
    ended: Counter[End] = Counter()
    for event in events:
        result = _RESULTS.get(event.what)
        if result is not None:
            ended[End(result, event.reason if result is Result.FAILED else "")] += 1
        elif event.what is What.STARTED:
            started += 1
            retries += event.number > 1
        elif event.what is What.LANDED:
            landed += 1
    return Tally(started, retries, landed, ended) if started or landed or ended else NOTHING
