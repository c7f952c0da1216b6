"""The page on correctness: the words of ``correctness.md``, and the counts of the last campaigns."""

import json
from pathlib import Path
from string import Template
from typing import Any

_WORDS = Path(__file__).with_name("correctness.md")
COUNTS = Path(__file__).parents[2] / "docs" / "design" / "faults.json"
"""Written by ``python -m tests.faults --json``."""
_COLUMNS = ("campaign", "runs", "of", "attempts of tasks", "writes", "faults", "operator processes", "violations")


def correctness() -> str:
    """The page, as Markdown."""
    if not COUNTS.exists():
        return Template(_WORDS.read_text()).substitute(counts="No campaign of the present state has been counted yet.")
    campaigns: dict[str, dict[str, Any]] = json.loads(COUNTS.read_text())
    rows = [
        (
            name,
            found["runs"],
            found["of"],
            found["attempts"],
            found["writes"],
            found["faults"],
            found["operators"],
            len(found["violations"]) + len(found["written_while_all_was_over"]),
        )
        for name, found in campaigns.items()
    ]
    lines = [_COLUMNS, ("---",) * len(_COLUMNS), *rows]
    table = "\n".join(f"| {' | '.join(_shown(cell) for cell in line)} |" for line in lines)
    words = "The last run of each campaign; where *runs* is less than *of*, it was cut short."
    return Template(_WORDS.read_text()).substitute(counts=f"{words}\n\n{table}")


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
