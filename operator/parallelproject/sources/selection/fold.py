"""Turns a hierarchy into its top level: each item at the top runs with all that it contains. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from parallelproject.sources.selection.family import Family
from parallelproject.sources.selection.item import Item, ItemState, Need
from parallelproject.sources.text.texts import one_line, sections


def fold(items: Sequence[Item]) -> list[Item]:
    """The items at the top, each with the texts, files and dependencies of all within it.

    An item whose parts are all done (or skipped, at least one done) is done itself. Dependencies between its own parts,
    and those of done parts, are ignored.
    """
    known = {item.id: item for item in items}
    family = Family(known)
    top = {item.id: (family.ancestors(item.id) or (item.id,))[-1] for item in items}
    folded = []
    for item in items:
        if top[item.id] != item.id:
            continue
        parts = [known[id] for id in family.descendants(item.id)]
        whole = [item, *(part for part in parts if part.state is ItemState.TODO)]
        needs = [
            Need(top.get(need.target, need.target), need.place)
            for one in whole
            for need in one.needs
            if one is item or top.get(need.target) != item.id
        ]
        steps = [part for part in parts if not part.container]
        finished = any(part.state is ItemState.DONE for part in steps) and not any(
            part.state is ItemState.TODO for part in steps
        )
        folded.append(
            replace(
                item,
                state=ItemState.DONE if finished and item.state is ItemState.TODO else item.state,
                container=False,
                needs=needs,
                sections=[*item.sections, ("Subtasks", _step_list(steps))],
                files=tuple(dict.fromkeys(path for one in whole for path in one.files)),
            )
        )
    return folded


def _step_list(parts: Sequence[Item]) -> str:
    rows = []
    for part in parts:
        box = "x" if part.state is ItemState.DONE else " "
        note = f" ({part.why})" if part.why else ""
        lines = f"{part.title}{note}\n\n{sections(part.sections)}".strip().replace("\n", "\n  ")
        rows.append(f"- [{box}] {one_line(part.id)}: {lines}")
    return "\n".join(rows)
