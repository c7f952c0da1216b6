"""What the operator logs of errors that no task gets."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator

import pytest

from parallelproject.controller.process.operator import report_loop_error


@contextlib.asynccontextmanager
async def connection() -> AsyncIterator[None]:
    try:
        yield
    finally:
        await asyncio.sleep(0)


async def watch() -> AsyncIterator[int]:
    async with connection():
        yield 1


async def are_cancelled_in_their_watch(count: int) -> list[asyncio.Task[None]]:
    """As watches of kopf: cancelled while they handle an event, with generators that their tasks keep."""

    async def consume() -> None:
        events = watch()
        async for _ in events:
            reached.release()
            await asyncio.Event().wait()

    reached = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(consume()) for _ in range(count)]
    for _ in tasks:
        await reached.acquire()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return tasks


@pytest.mark.parametrize("handled", [True, False])
def test_a_generator_that_the_end_closes_is_no_error(handled: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def operator() -> None:
        if handled:
            asyncio.get_running_loop().set_exception_handler(report_loop_error)
        kept.extend(await are_cancelled_in_their_watch(50))  # which generator is closed first is by chance

    kept: list[object] = []
    asyncio.run(operator())
    errors = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert bool(errors) is not handled  # the other case shows that the scene has the error


@pytest.mark.parametrize("handled", [True, False])
def test_a_generator_that_is_closed_twice_at_once_is_no_error(handled: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def operator() -> None:
        if handled:
            asyncio.get_running_loop().set_exception_handler(report_loop_error)
        events = watch()
        await anext(events)
        both = [asyncio.create_task(events.aclose()) for _ in range(2)]
        await asyncio.wait(both)
        del both
        gc.collect()

    asyncio.run(operator())
    errors = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert bool(errors) is not handled


def test_every_other_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def operator() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(report_loop_error)
        loop.call_soon(lambda: 1 // 0)
        await asyncio.sleep(0)

    asyncio.run(operator())
    assert "ZeroDivisionError" in caplog.text
