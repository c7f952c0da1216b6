"""Which tasks between two steps keep their files, so that no other task writes them before their work has landed.

A task keeps them only while its wait ends without a task that needs them: it waits for a slot, its role, a limit, a
budget or a time. A task that waits for other tasks or for a person keeps nothing, since one of those tasks may need
its files: both would wait for ever. No two tasks keep overlapping files. So a task that keeps files can always start,
and one that keeps none starts like any other task, when nobody uses its files.
"""

from collections.abc import Collection, Sequence

from parallelproject.core.planner.constraints.admission import Admission
from parallelproject.core.planner.constraints.constraint import FREES_FILES, Constraint, Situation
from parallelproject.core.planner.constraints.declared_files import Files


def keepers(
    situation: Situation, midway: Collection[int], ending: Collection[int], constraints: Sequence[type[Constraint]]
) -> frozenset[int]:
    """The tasks that keep their files.

    Args:
        situation: The facts, without ``keepers``.
        midway: The pending tasks between two steps.
        ending: Those whose attempt has released its slot, and has no end yet: they keep their files in any case.
        constraints: The rules that block tasks.
    """
    files = Files.of(situation._replace(keepers=ending))
    if not midway or files is None:
        return frozenset(ending)
    waits = Admission([rule for rule in constraints if not FREES_FILES.isdisjoint(rule.reasons)], situation)
    found = set(ending)
    for task in sorted(midway, key=situation.graph.place.__getitem__):
        if waits.blocks_alone(task) is None and files.blocks(task) is None:
            files.take(task)
            found.add(task)
    return frozenset(found)
