"""What came out of a campaign: told while it runs, and counted at its end."""

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from tests.faults.scenario import Outcome
from tests.faults.sweep import Trial


class Report:
    """The outcomes of one campaign."""

    def __init__(self, name: str, of: int) -> None:
        """Empty as yet.

        Args:
            name: Of the campaign.
            of: How many runs it has when nothing is left out.
        """
        self.name = name
        self._of = of
        self._results: list[tuple[Trial, Outcome]] = []
        self._began = time.monotonic()
        self.late: list[str] = []
        """What was written while all was over."""

    def add(self, trial: Trial, outcome: Outcome) -> None:
        """Counts a run, and tells of it."""
        self._results.append((trial, outcome))
        rate = 60 * len(self._results) / max(1e-3, time.monotonic() - self._began)
        verdict = "VIOLATION" if outcome.violations else "ok" if trial.took_place(outcome) else "no fault came"
        place = f"{len(self._results)}/{self._of}"
        say(f"{place} {rate:.0f}/min {outcome.seconds:5.1f} s  {trial.kind}: {outcome}: {verdict}")
        for line in (*outcome.violations, *outcome.notes):
            say(f"    {line}")
        if outcome.violations:
            say(outcome.evidence)

    @property
    def is_well(self) -> bool:
        """Whether no law was broken."""
        return not self.late and not any(outcome.violations for _, outcome in self._results)

    def table(self) -> Table:
        """For the terminal."""
        columns = ("fault", "runs", "took place", "operators ended by themselves", "violations")
        table = Table(*columns, box=SIMPLE_HEAD, title=self.name)
        for kind, row in self._by_fault().items():
            table.add_row(kind, *map(str, row.values()))
        return table

    def write(self, file: Path) -> None:
        """Writes the counts into a file of JSON, beside those of other campaigns."""
        before = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(before | {self.name: self._counts()}, indent=2) + "\n")

    def _by_fault(self) -> dict[str, dict[str, int]]:
        rows: dict[str, dict[str, int]] = {}
        for trial, outcome in self._results:
            row = rows.setdefault(trial.kind, {"runs": 0, "took_place": 0, "ended": 0, "violations": 0})
            row["runs"] += 1
            row["took_place"] += trial.took_place(outcome)
            row["ended"] += any("by itself" in note for note in outcome.notes)
            row["violations"] += bool(outcome.violations)
        return dict(sorted(rows.items()))

    def _counts(self) -> dict[str, Any]:
        outcomes = [outcome for _, outcome in self._results]
        return {
            "runs": len(outcomes),
            "of": self._of,
            "minutes": round((time.monotonic() - self._began) / 60, 1),
            "attempts": sum(outcome.tasks for outcome in outcomes),
            "writes": sum(len(outcome.writes) for outcome in outcomes),
            "faults": sum(len(outcome.fired) for outcome in outcomes),
            "operators": sum(outcome.starts for outcome in outcomes),
            "by_graph": dict(Counter(outcome.graph for outcome in outcomes)),
            "by_fault": self._by_fault(),
            "violations": [f"{outcome}: {line}" for outcome in outcomes for line in outcome.violations],
            "notes": dict(Counter(note for outcome in outcomes for note in outcome.notes)),
            "written_while_all_was_over": self.late,
        }


def say(line: str) -> None:
    """Tells of progress."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
