"""When a project is planned again: at once, or with what comes next."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from parallelproject.controller.actions.evidence import Evidence
from parallelproject.controller.projects.project import Project
from parallelproject.controller.reconcile.registry import Registry
from parallelproject.core.planner.constraints.shared_limits import NO_LIMITS
from parallelproject.executors.base.executors import Executors
from parallelproject.executors.job.executor import JobExecutor

OWNER = ("n", "p", "u")
BODY: dict[str, Any] = {
    "metadata": {"namespace": "n", "name": "p", "uid": "u", "resourceVersion": "1", "generation": 1},
    "spec": {"tasks": [{"id": "a"}]},
}


def planned(scene: Callable[[Registry, Project], None], *, later: bool = False) -> bool:
    """Whether the project waits to be planned, once something has happened since its last plan.

    Args:
        scene: What happens.
        later: Whether the time has passed after which a start is planned with.
    """

    async def is_queued() -> bool:
        registry = Registry(Executors(JobExecutor(), {}), NO_LIMITS, Evidence(Any))  # type: ignore[arg-type]  # sends nothing
        registry.take(BODY)
        (project,) = registry.projects
        await registry.queue.take()
        project.observed.changed = project.observed.has_start = False
        scene(registry, project)
        for timer in list(registry._soon.values()) if later else ():
            timer._run()
        return bool(registry.queue)

    return asyncio.run(is_queued())


def starts(registry: Registry, project: Project) -> None:
    project.observed.has_start = True
    registry.touch(*OWNER)


def ends(registry: Registry, project: Project) -> None:
    starts(registry, project)
    project.observed.changed = True
    registry.touch(*OWNER)


def starts_and_is_planned(registry: Registry, project: Project) -> None:
    starts(registry, project)
    project.observed.has_start = False


def starts_and_is_deleted(registry: Registry, project: Project) -> None:
    starts(registry, project)
    registry.drop(project)


def test_an_end_is_planned_with_at_once() -> None:
    assert planned(ends)


def test_a_start_waits_but_not_for_ever() -> None:
    assert not planned(starts)
    assert planned(starts, later=True)


@pytest.mark.parametrize("scene", [starts_and_is_planned, starts_and_is_deleted])
def test_a_start_that_a_plan_has_seen_or_nobody_needs_asks_for_none(scene: Callable[[Registry, Project], None]) -> None:
    assert not planned(scene, later=True)


def test_a_further_start_does_not_put_the_plan_off() -> None:
    def starts_again(registry: Registry, project: Project) -> None:
        starts(registry, project)
        (timer,) = registry._soon.values()
        starts(registry, project)
        assert list(registry._soon.values()) == [timer]

    assert planned(starts_again, later=True)


def test_a_deleted_project_holds_up_no_other_one_of_its_name() -> None:
    """A request for it may end after another project was created with its name."""

    async def scene() -> None:
        registry = Registry(Executors(JobExecutor(), {}), NO_LIMITS, Evidence(Any))  # type: ignore[arg-type]  # sends nothing
        registry.take(BODY)
        (deleted,) = registry.projects
        registry.drop(deleted)
        registry.take({**BODY, "metadata": {**BODY["metadata"], "uid": "u2"}})
        (project,) = registry.projects
        await registry.queue.take()
        deleted.observed.has_start = project.observed.has_start = True
        registry.again_soon(deleted)
        registry.again_soon(project)
        registry.again(deleted, 30.0)
        registry.again(project, 60.0)
        timers = [*registry._soon.values(), *registry._timers.values()]
        assert len(timers) == 2
        for timer in timers:
            timer._run()
            assert registry.queue
            await registry.queue.take()
        registry.drop(project)
        assert not registry._soon
        assert not registry._timers

    asyncio.run(scene())


def test_an_end_that_another_operator_has_written_meanwhile_is_not_written_again_with_a_later_time() -> None:
    async def scene() -> tuple[float | None, int]:
        registry = Registry(Executors(JobExecutor(), {}), NO_LIMITS, Evidence(Any))  # type: ignore[arg-type]  # sends nothing
        registry.take(BODY)
        (project,) = registry.projects
        project.ledger = replace(project.ledger, completion_time=1060.0, peak=1)
        status = {"completionTime": "1970-01-01T00:17:30Z", "metrics": {"peakParallelism": 3}}
        project.update({**BODY, "metadata": {**BODY["metadata"], "resourceVersion": "9"}, "status": status})
        project.adopt_end()
        return project.ledger.completion_time, project.ledger.peak

    assert asyncio.run(scene()) == (1050.0, 3)
