"""The page on correctness: the words of ``correctness.md``, and the counts of the last campaigns."""

import json
from pathlib import Path
from string import Template
from typing import Any

_WORDS = Path(__file__).with_name("correctness.md")
COUNTS = Path(__file__).parents[2] / "docs" / "design" / "faults.json"
"""Written by ``python -m tests.faults --json``."""
_COLUMNS = (
    "campaign", "runs with faults", "of", "runs without", "attempts of tasks", "writes", "faults", "operator processes",
    "violations",
)  # fmt: skip
_WITHOUT = "none"
"""What runs are called in which nothing goes wrong."""
_OF_PROCESSES = "storm"
"""The campaign whose faults strike no request, and so pass no proxy that could count."""


def correctness() -> str:
    """The page, as Markdown."""
    if not COUNTS.exists():
        return Template(_WORDS.read_text()).substitute(counts="No campaign of the present state has been counted yet.")
    campaigns: dict[str, dict[str, Any]] = json.loads(COUNTS.read_text())
    rows = [_row(name, found) for name, found in campaigns.items()]
    lines = [_COLUMNS, ("---",) * len(_COLUMNS), *rows]
    table = "\n".join(f"| {' | '.join(_shown(cell) for cell in line)} |" for line in lines)
    words = (
        "The last run of each campaign that has been counted. *Runs without* a fault are what the others are compared\n"
        "with. Where *runs with faults* is less than *of*, it was cut short. `storm` strikes processes and no\n"
        "requests: its writes and faults are not counted."
    )
    return Template(_WORDS.read_text()).substitute(counts=f"{words}\n\n{table}")


def _row(name: str, found: dict[str, Any]) -> tuple[object, ...]:
    without = found["by_fault"].get(_WITHOUT, {}).get("runs", 0)
    counted = ("–", "–") if name == _OF_PROCESSES else (found["writes"], found["faults"])
    violations = len(found["violations"]) + len(found["written_while_all_was_over"])
    runs = (found["runs"] - without, found["of"], without)
    return (name, *runs, found["attempts"], *counted, found["operators"], violations)


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
