"""The result of a run of a check, as its own process writes it. Standard library only."""

import json
from pathlib import Path
from typing import NamedTuple

from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import ProbeOutcome
from parallelproject.whole_file import write_whole


class CheckResult(NamedTuple):
    """How it ended."""

    outcome: ProbeOutcome
    work: LandedWork | None = None
    """What was on the branch."""
    printed: str = ""
    """The end of what it printed, if it failed."""


def write(path: Path, result: CheckResult) -> None:
    """Writes it all, or nothing."""
    found = {**result._asdict(), "work": result.work.to_json() if result.work else None}
    write_whole(path, json.dumps(found))


def read(path: Path) -> CheckResult | None:
    """What was written; None where nothing is, or nothing that can be read."""
    try:
        found = json.loads(path.read_bytes())
        work = LandedWork.from_json(found["work"]) if found["work"] else None
        return CheckResult(ProbeOutcome(found["outcome"]), work, str(found["printed"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
