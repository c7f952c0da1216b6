"""Which hooks there are, what a plan has to know of those that have run, and which ones are due after tasks.

A hook runs once for each level or group: a rerun of a task after that does not run it again. A hook before tasks is due
when one of them could start but for it (``constraints.hook_gate``). A hook after tasks is due when all of them have
ended and one of them had started.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.snapshot import Snapshot
from parallelproject.model.names import level_name
from parallelproject.model.spec import HookKind, Hooks
from parallelproject.model.status import OPEN_STATES, TaskState

_SLUG, _DIGEST = 32, 8
"""Most characters of a group in the name of a step, and hex digits that tell groups with the same letters apart."""
_WHEN = {
    HookKind.BEFORE_LEVEL: "before-level",
    HookKind.AFTER_LEVEL: "after-level",
    HookKind.BEFORE_GROUP: "before-group",
    HookKind.AFTER_GROUP: "after-group",
}


class HookOccasion(NamedTuple):
    """A hook of one level or of one group."""

    kind: HookKind
    level: int | None = None
    group: str = ""

    @property
    def step(self) -> str:
        """Its stable name, which is a label value and a part of file names: ``before-level-0``."""
        return f"{_WHEN[self.kind]}-{_slug(self.group) if self.level is None else self.level}"

    def __str__(self) -> str:
        """As people read it: ``beforeLevel of L0``."""
        return f"{self.kind} of {self.group if self.level is None else level_name(self.level)}"


class HookProgress(NamedTuple):
    """What is recorded of the hooks of a project, by the names of their steps."""

    ended: frozenset[str] = frozenset()
    """Those that have succeeded, or failed with onFailure Continue: they never run again."""
    running: frozenset[str] = frozenset()
    """Those that run, or are requested; each takes a slot."""
    failed: str = ""
    """The hook that has failed with onFailure Stop, as people read it; empty: none has."""


NO_HOOKS = HookProgress()
"""Nothing is recorded."""


class HookFacts(NamedTuple):
    """The hooks at one moment of a plan."""

    progress: HookProgress
    after: Sequence[HookOccasion]
    """The hooks after tasks that are due and have not ended: also those that run."""

    @property
    def are_over(self) -> bool:
        """Whether none runs, and none is due after tasks."""
        return not (self.after or self.progress.running)


def hook_facts(
    graph: CompiledGraph,
    hooks: Hooks,
    progress: HookProgress,
    snapshot: Snapshot,
    states: Sequence[TaskState],
    unfinished: Sequence[int],
) -> HookFacts:
    """The facts of one plan.

    Args:
        graph: The compiled spec.
        hooks: The hooks.
        progress: What is recorded of them.
        snapshot: What is recorded of the tasks.
        states: By task, those that will not run included.
        unfinished: By level: how many tasks have not ended.
    """

    def has_started(tasks: Sequence[int]) -> bool:
        return any(snapshot.record(i).attempts for i in tasks)

    due = []
    if hooks.after_level:
        ended = (level for level, count in enumerate(unfinished) if not count)
        of_levels = (HookOccasion(HookKind.AFTER_LEVEL, level) for level in ended)
        due += [occasion for occasion in of_levels if occasion.step not in progress.ended]
        due = [occasion for occasion in due if has_started(graph.levels[occasion.level or 0])]
    if hooks.after_group:
        for group, tasks in graph.groups.items():
            occasion = HookOccasion(HookKind.AFTER_GROUP, None, group)
            is_open = occasion.step not in progress.ended and has_started(tasks)
            if is_open and not any(states[i] in OPEN_STATES for i in tasks):
                due.append(occasion)
    return HookFacts(progress, due)


def hooks_before(graph: CompiledGraph, hooks: Hooks, task: int) -> Iterator[HookOccasion]:
    """The hooks that a task waits for, of its own level and group, in their order."""
    if hooks.before_level:
        yield HookOccasion(HookKind.BEFORE_LEVEL, graph.level[task])
    group = graph.tasks[task].group
    if hooks.before_group and group in graph.groups:
        yield HookOccasion(HookKind.BEFORE_GROUP, None, group or "")


def all_occasions(graph: CompiledGraph, hooks: Hooks) -> list[HookOccasion]:
    """Every hook of every level and group."""
    found = []
    for kind in HookKind:
        if hooks.of(kind) is None:
            continue
        if kind in (HookKind.BEFORE_LEVEL, HookKind.AFTER_LEVEL):
            found += [HookOccasion(kind, level) for level in range(len(graph.levels))]
        else:
            found += [HookOccasion(kind, None, group) for group in graph.groups]
    return found


def _slug(group: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", group.lower()).strip("-")[:_SLUG].strip("-")
    if slug == group:
        return slug
    digest = hashlib.sha256(group.encode(errors="replace")).hexdigest()[:_DIGEST]
    return f"{slug}-{digest}" if slug else digest
