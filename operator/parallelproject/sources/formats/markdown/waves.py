"""Reads the graph that Kiro writes into a task list: a block of JSON that puts tasks into waves. Pure."""

import json
from collections.abc import Mapping, Sequence

from parallelproject.model.problem import listed, quoted
from parallelproject.sources.selection.choose import Selection
from parallelproject.sources.selection.item import Item
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.ids import as_id
from parallelproject.sources.text.sections import TextOutline


def find_waves(outline: TextOutline, findings: Findings) -> list[list[str]] | None:
    """The ids of each wave: ``{"waves": [{"id": 0, "tasks": ["1.1", "2.1"]}, …]}``. None where the text has none."""
    for block in outline.blocks:
        if '"waves"' not in block.text:
            continue
        try:
            data = json.loads(block.text)
            rows = data["waves"]
            tasks = [row["tasks"] if isinstance(row, dict) else row for row in rows]
            return [[id for part in row if (id := as_id(part)) is not None] for row in tasks]
        except (ValueError, LookupError, TypeError, RecursionError):
            found = "the waves cannot be read; the order of the list counts"
            hint = 'write {"waves": [{"tasks": ["1.1", "1.2"]}, …]}'
            findings.warn(findings.line(block.line), found, hint)
    return None


def link_waves(
    waves: Sequence[Sequence[str]],
    items: Sequence[Item],
    within: Mapping[str, Sequence[str]],
    leads: Mapping[str, str],
    selection: Selection,
    findings: Findings,
) -> None:
    """Makes every task wait for the wave before its own, and one of no wave for all before it in the list.

    Args:
        waves: The ids of each wave, in order.
        items: The list.
        within: By the id of one that contains others, the ids of all tasks within it.
        leads: By task, the one that it waits for and that is in the same wave where none names it.
        selection: Its ``needs`` are added to.
        findings: Gets what does not fit.
    """
    wave_of: dict[str, int] = {}
    known = {item.id for item in items}
    for number, ids in enumerate(waves):
        for id in ids:
            if id not in known:
                found = f"a wave names {quoted(id)}, which is not a task"
                findings.warn(findings.file, found, findings.did_you_mean(id, known) or "remove it")
            for task in within.get(id) or [id]:
                if wave_of.setdefault(task, number) != number:
                    findings.warn(findings.file, f"{quoted(task)} is in more than one wave; the first counts")
    for part, lead in leads.items():
        if part in wave_of and not any(lead in ids for ids in waves):
            wave_of[lead] = min(wave_of[part], wave_of.get(lead, len(waves)))
    taken = {item.id for item in selection.taken}
    before: list[str] = []
    for number in range(len(waves)):
        current = [item.id for item in selection.taken if wave_of.get(item.id) == number]
        for id in current:
            _add(selection, id, before)
        before = current or before
    others = []
    earlier: list[str] = []
    for item in items:
        if item.id in taken and item.id not in wave_of:
            _add(selection, item.id, earlier)
            others.append(item.id)
            earlier = [item.id]
        elif item.id in taken:
            earlier.append(item.id)
    if others:
        found = f"in no wave, and so after all before {'them' if len(others) > 1 else 'it'}: {listed(others, 10)}"
        findings.warn(findings.file, found, "name every task in a wave")


def _add(selection: Selection, id: str, needs: Sequence[str]) -> None:
    own = selection.needs[id]
    own[:] = dict.fromkeys([*own, *(need for need in needs if need != id)])
