"""Who waits: projects to be planned, and plans to be written."""

import asyncio

from parallelproject.controller.projects.queue import Queue
from parallelproject.controller.projects.status_lag import Lag

A, B, C = ("n", "a"), ("n", "b"), ("n", "c")


def test_projects_are_taken_once_each_and_in_the_order_in_which_they_came() -> None:
    async def taken() -> list[tuple[str, str]]:
        queue = Queue()
        for name in (A, B, A, C, B):
            queue.put(name)
        return [(await queue.take())[0] for _ in range(len(queue))]

    assert asyncio.run(taken()) == [A, B, C]


def test_a_project_that_comes_again_has_waited_since_it_came_first() -> None:
    queue = Queue()
    assert queue.oldest is None
    queue.put(A)
    first = queue.oldest
    queue.put(B)
    queue.put(A)
    assert queue.oldest == first
    assert asyncio.run(queue.take()) == (A, first)
    assert queue.oldest is not None
    assert first is not None
    assert queue.oldest >= first


def test_who_takes_waits_for_a_project() -> None:
    async def taken() -> tuple[str, str]:
        queue = Queue()
        taking = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        assert not taking.done()
        queue.put(A)
        return (await asyncio.wait_for(taking, 10))[0]

    assert asyncio.run(taken()) == A


def test_a_status_is_behind_from_the_first_plan_that_it_does_not_tell_of() -> None:
    lag = Lag()
    lag.planned(10, writing=False)
    lag.planned(11, writing=False)
    assert lag.since == 10
    assert lag.written(13) == 3
    assert lag.since is None


def test_what_is_planned_while_a_status_is_written_is_behind_from_then_on() -> None:
    lag = Lag()
    lag.planned(10, writing=False)
    lag.planned(12, writing=True)
    lag.planned(13, writing=True)
    assert lag.since == 10
    assert lag.written(14) == 4
    assert lag.since == 12
    lag.settled()
    assert lag.since is None
    assert lag.written(20) == 0
