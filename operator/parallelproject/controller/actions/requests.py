"""Requests in progress for projects: none is sent twice at once, and after each its project is planned again."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine

from parallelproject.controller.projects.keeper import Keeper
from parallelproject.controller.projects.project import Project
from parallelproject.kube.client import ApiError
from parallelproject.model.work import WorkKey

log = logging.getLogger(__name__)

_BACKOFF_MAX = 30.0
_CLOSE_SECONDS = 2.0


class Requests:
    """Runs requests concurrently with the loop."""

    def __init__(self, keeper: Keeper) -> None:
        """Prepares it, with the planner of projects."""
        self._keeper = keeper
        self._under_way: set[tuple[Project, str, WorkKey | None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self,
        project: Project,
        verb: str,
        key: WorkKey | None,
        work: Coroutine[None, None, None],
        failed: Callable[[], None] = lambda: None,
        *,
        can_wait: bool = False,
    ) -> None:
        """Starts a request; no effect if the same one is in progress. Then the project is planned again.

        Args:
            project: For which project.
            verb: The action.
            key: The attempt; None: the project.
            work: The request; it ends only when its outcome is known.
            failed: Called when it has ended with an error of the operator.
            can_wait: Whether that plan can wait a moment if nothing observed asks for it at once.
        """
        mark = (project, verb, key)
        if mark in self._under_way:
            work.close()
            return
        self._under_way.add(mark)
        task = asyncio.create_task(self._run(mark, work, failed, can_wait))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> bool:
        """Waits a short time for requests in progress, and leaves the rest: the next operator finds out how it ended.

        Returns whether none is left.
        """
        left = (await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS))[1] if self._tasks else set()
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return not left

    async def _run(
        self,
        mark: tuple[Project, str, WorkKey | None],
        work: Coroutine[None, None, None],
        failed: Callable[[], None],
        can_wait: bool,
    ) -> None:
        project, verb, key = mark
        try:
            await work
        except Exception:
            log.exception("%s of %s failed", verb, key or project.path)
            await asyncio.sleep(1)
            failed()
        finally:
            self._under_way.discard(mark)
        if can_wait and not project.observed.changed:
            self._keeper.again_soon(project)
        else:
            self._keeper.again(project)


async def pause(failures: int, error: ApiError) -> None:
    """Waits before the next try, at least as long as the server asks for."""
    await asyncio.sleep(max(error.retry_after, spread(failures)))


def spread(failures: int) -> float:
    """Seconds until the next try, longer with each, and not the same for all."""
    return min(_BACKOFF_MAX, 0.05 * 2.0 ** min(failures, 16)) * random.uniform(0.5, 1)
