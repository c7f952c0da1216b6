"""docs/troubleshooting.md explains every reason of a task and every condition of a project, each with what to do."""

import re
from pathlib import Path

from parallelproject.core.report.interrupted import INTERRUPTED
from parallelproject.model.status import ConditionType, Reason

PAGE = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text()
ROWS = re.findall(r"^\| `(\w+)`([^|]*)\|([^|]*)\|([^|]*)\|$", PAGE, re.MULTILINE)


def test_it_has_every_reason_once_with_its_meaning_and_what_to_do():
    reasons = [name for name, more, *_ in ROWS if not more.strip()]
    assert sorted(reasons) == sorted([*(reason.value for reason in Reason), INTERRUPTED])
    assert all(meaning.strip() and todo.strip() for _, _, meaning, todo in ROWS)


def test_it_has_every_condition():
    assert {name for name, more, *_ in ROWS if more.strip()} == {kind.value for kind in ConditionType}


def test_a_reason_stands_below_the_state_that_it_is_of():
    concepts = (Path(__file__).parents[2] / "docs" / "concepts.md").read_text()
    for state, heading in (("Pending", "is Pending"), ("Skipped", "is Skipped"), ("Failed", "has Failed")):
        section = PAGE.split(f"## A task {heading}")[1].split("\n## ")[0]
        row = re.search(rf"^\| {state} \|(.*)\|$", concepts, re.MULTILINE)
        assert row
        named = {reason.value for reason in Reason if re.search(rf"\b{reason.value}\b", row[1])} - {"StartError"}
        assert {name for name, *_ in re.findall(r"^\| `(\w+)` ()\|", section, re.MULTILINE)} - {INTERRUPTED} == named
