"""Decides which items run and what each waits for: the rules that all tools' files share. Pure.

Done items count as succeeded: they neither run nor are waited for. If a task is skipped (deferred,
for example), tasks that need it are skipped too. To need a container is to need all of its tasks; the dependencies of a
container apply to all of its tasks. ``core`` checks the result for cycles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from parallelproject.model.problem import quoted
from parallelproject.sources.selection.family import Family
from parallelproject.sources.selection.item import Item, ItemState
from parallelproject.sources.selection.options import Options
from parallelproject.sources.selection.report import LeftOut
from parallelproject.sources.text.findings import Findings

INHERITED = frozenset({"deferred", "cancelled", "conditional", "ephemeral", "template"})
"""Reasons for skipping a container that also apply to all of its tasks."""
DEPTH_MAX = 200
"""Most items that an item may lie within."""
STEPS_MAX = 5_000_000
"""Most dependencies followed for one file, so that no file keeps us busy for long."""


@dataclass(frozen=True)
class Selection:
    """What runs, in the file's order, and what became of the rest. Ids are the file's."""

    taken: list[Item]
    needs: dict[str, list[str]]
    """By each taken id, the taken ids that it waits for."""
    found: int
    done: int
    left_out: list[LeftOut]
    because: dict[str, str]
    containers: int
    titles: Mapping[str, str]
    """Of all items, for naming what contains a task."""


def choose(items: Sequence[Item], options: Options, findings: Findings) -> Selection:
    """Sorts items into those that run, those that are done and those that are skipped.

    A dependency that names no item is an error (noted in ``findings``) or, with ``options.dangling``
    ``warn``, dropped; those of items that are not to run play no part.
    """
    known = {item.id: item for item in items}
    family = Family(known)
    for item in items:
        if len(family.ancestors(item.id)) > DEPTH_MAX:
            findings.stop(item.place, f"lies within more than {DEPTH_MAX} others", "nest less deeply")
    known = {item.id: _standing(item, known, family, options) for item in items}
    runs = [item for item in known.values() if not item.container]
    todo = [item for item in runs if item.state is ItemState.TODO]
    needs = _Needs(known, family, options, findings).of_all(todo)
    because, why = _spread(todo, needs, known)
    taken = [item for item in todo if item.id not in because]
    ids = {item.id for item in taken}
    return Selection(
        taken=taken,
        needs={item.id: [need for need in needs[item.id] if need in ids] for item in taken},
        found=len(runs),
        done=sum(item.state is ItemState.DONE for item in runs),
        left_out=[
            LeftOut(item.id, why.get(item.id) or item.why)
            for item in runs
            if item.state is ItemState.SKIPPED or item.id in because
        ],
        because=because,
        containers=len(known) - len(runs),
        titles={item.id: item.title for item in items},
    )


def _standing(item: Item, known: Mapping[str, Item], family: Family, options: Options) -> Item:
    """The item with the state that counts here: that of its container, if that is skipped."""
    if item.state is ItemState.DONE:
        return replace(item, state=ItemState.TODO) if options.include_done else item
    if item.state is ItemState.TODO:
        for id in family.ancestors(item.id):
            above = known[id]
            if above.state is ItemState.SKIPPED and above.why in INHERITED:
                return replace(item, state=ItemState.SKIPPED, why=above.why, satisfies=above.satisfies)
    return item


class _Needs:
    """Computes what items wait for."""

    def __init__(self, known: Mapping[str, Item], family: Family, options: Options, findings: Findings) -> None:
        self._known = known
        self._family = family
        self._warn_only = options.dangling == "warn"
        self._findings = findings
        self._reported: set[str] = set()
        self._steps = 0

    def of_all(self, todo: Sequence[Item]) -> dict[str, list[str]]:
        """By id, the ids of what is not done among what it waits for, each once."""
        return {item.id: self._of(item) for item in todo}

    def _of(self, item: Item) -> list[str]:
        found: dict[str, None] = {}
        above = self._family.ancestors(item.id)
        for owner in (item.id, *above):
            for need in self._known[owner].needs:
                target = need.target
                self._step(1, item.place)
                if target not in self._known:
                    self._dangling(target, need.place, need.fix)
                elif target in above and owner == item.id:
                    self._once(need.place, f"{quoted(target)} contains the task that waits for it", "remove it")
                elif owner != item.id and (target == owner or owner in self._family.ancestors(target)):
                    pass  # an epic that waits for its own tasks
                elif target not in above:
                    found.update(dict.fromkeys(self._meant(target, need.place)))
        return list(found)

    def _step(self, steps: int, place: str) -> None:
        self._steps += steps
        if self._steps > STEPS_MAX:
            self._findings.stop(place, "there are too many dependencies to follow", "depend on fewer tasks")

    def _meant(self, target: str, place: str, seen: frozenset[str] = frozenset()) -> list[str]:
        """What there is to wait for in a target: itself, what it contains, or what an empty container needs."""
        item = self._known[target]
        if item.state is ItemState.DONE or (item.state is ItemState.SKIPPED and item.satisfies):
            return []
        if not item.container:
            return [target]
        within = [self._known[id] for id in self._family.descendants(target)]
        self._step(len(within), place)
        blocking = [one.id for one in within if not one.container and _open(one)]
        if item.state is ItemState.TODO and not blocking:
            onward = [need.target for need in item.needs if need.target in self._known and need.target not in seen]
            if not onward and all(one.container for one in within):
                self._once(place, f"{quoted(target)} has no tasks in it, so nothing waits for it")
            self._step(len(onward), place)
            if len(seen) < DEPTH_MAX:
                further = (self._meant(need, place, seen | {target}) for need in onward if need != target)
                return list(dict.fromkeys(id for ids in further for id in ids))
        return [target, *blocking] if item.state is ItemState.SKIPPED else blocking

    def _dangling(self, target: str, place: str, fix: str) -> None:
        if place in self._reported:
            return
        self._reported.add(place)
        hint = fix or self._findings.did_you_mean(target, self._known.keys())
        found = f"{quoted(target)} is not a task"
        if self._warn_only:
            self._findings.warn(place, f"{found}; the dependency is dropped", hint)
        else:
            hint = hint or "remove it, add the task, or drop it with --dangling warn"
            self._findings.error(place, found, hint, reason="UnknownDependency")

    def _once(self, place: str, found: str, hint: str = "") -> None:
        if place not in self._reported:
            self._reported.add(place)
            self._findings.warn(place, found, hint)


def _a(adjective: str) -> str:
    return f"{'an' if adjective[:1] in 'aeiou' else 'a'} {adjective}"


def _open(item: Item) -> bool:
    return item.state is ItemState.TODO or (item.state is ItemState.SKIPPED and not item.satisfies)


def _spread(
    todo: Sequence[Item], needs: Mapping[str, Sequence[str]], known: Mapping[str, Item]
) -> tuple[dict[str, str], dict[str, str]]:
    """What cannot run because of something skipped: by id, that something, and the reason given."""
    needed_by: dict[str, list[str]] = {}
    for item in todo:
        for need in needs[item.id]:
            needed_by.setdefault(need, []).append(item.id)
    because: dict[str, str] = {}
    why: dict[str, str] = {}
    for root in needed_by:
        if known[root].state is not ItemState.SKIPPED:
            continue
        queue = [root]
        for id in queue:  # grows while it is walked
            for waiting in needed_by.get(id, ()):
                if waiting not in because:
                    because[waiting] = root
                    why[waiting] = known[root].holds or f"needs {_a(known[root].why)} task"
                    queue.append(waiting)
    return because, why
