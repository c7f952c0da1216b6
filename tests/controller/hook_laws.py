"""The laws of hooks around levels and groups, judged from their Jobs and those of tasks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.controller.audit import Json


class HookPlace(NamedTuple):
    """A hook of a level or a group."""

    kind: str
    """As in the spec: ``beforeLevel``."""
    place: int | str
    """The level or the group."""

    def __str__(self) -> str:
        return f"{self.kind} of {self.place if isinstance(self.place, str) else f'L{self.place}'}"


def place_of(job: Json) -> HookPlace:
    """The hook whose run a Job is."""
    made = (job.get("spec") or {}).get("template", job)
    variables = {each["name"]: each.get("value", "") for each in made["spec"]["containers"][0].get("env") or ()}
    level = variables.get("PPROJ_LEVEL", "")
    return HookPlace(variables["PPROJ_HOOK"], int(level) if level else variables["PPROJ_GROUP"])


@dataclass
class HookWatch:
    """The hooks of a project, as far as they have come."""

    ended: dict[HookPlace, bool] = field(default_factory=dict)
    """Whether each that has ended has succeeded."""
    started: set[HookPlace] = field(default_factory=set)

    def judge_hook(
        self, new: HookPlace, hooks: Json, members: list[str], runs: Callable[[str], bool], done: Callable[[str], bool]
    ) -> Iterator[str]:
        """What is wrong with the start of a hook.

        Args:
            new: The hook.
            hooks: As in the spec.
            members: The tasks of its level or group.
            runs: Whether a task runs.
            done: Whether a task has ended for good, or will not run.
        """
        if new.kind not in hooks:
            yield f"{new} was started and is no hook"
        if new in self.ended:
            yield f"{new} was started again"
        if new.kind.startswith("after"):
            yield from (f"{new} was started before {task} was done" for task in members if runs(task) or not done(task))
        yield from self._stopped(str(new), hooks)
        self.started.add(new)

    def judge_task(
        self, name: str, hooks: Json, level: int, group: str, *, waits_for_level_below: bool
    ) -> Iterator[str]:
        """What is wrong with the start of an attempt of a task.

        Args:
            name: Of the attempt.
            hooks: As in the spec.
            level: Of its task.
            group: The same.
            waits_for_level_below: Whether the level below it has to be over, and something of that has run.
        """
        wanted = [HookPlace("beforeLevel", level)]
        if waits_for_level_below:
            wanted.append(HookPlace("afterLevel", level - 1))
        if group:
            wanted.append(HookPlace("beforeGroup", group))
        for hook in wanted:
            if hook.kind in hooks and hook not in self.ended:
                yield f"{name} was created before {hook} had ended"
        for hook in (HookPlace("afterLevel", level), HookPlace("afterGroup", group)):
            if hook in self.started:
                yield f"{name} was created after {hook} was started"
        yield from self._stopped(name, hooks)

    def judge_end(self, hooks: Json, places: dict[HookPlace, bool]) -> Iterator[str]:
        """What is missing when all is over.

        Args:
            hooks: As in the spec.
            places: Every level and group, with each kind of hook; whether a task of it has started.
        """
        for hook, has_run in places.items():
            if hook.kind in hooks and has_run and hook not in self.ended and not any(self._stopped("", hooks)):
                yield f"{hook} never ended"

    def _stopped(self, name: str, hooks: Json) -> Iterator[str]:
        for hook, is_well in self.ended.items():
            if not is_well and hooks.get(hook.kind, {}).get("onFailure") == "Stop":
                yield f"{name} was created after {hook} had stopped the project"
