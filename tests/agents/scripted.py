"""The scripted model of tests, and steps of its scripts."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from parallelproject.demo.scripted_model.script import Script
from parallelproject.demo.scripted_model.server import ScriptedModel

DONE = {"say": "Done."}


def writes(name: str) -> list[dict[str, Any]]:
    return [{"edit": {"path": f"{name}.txt", "content": f"{name}\n"}}, DONE]


@contextmanager
def serving(told: dict[str, Any], host: str = "127.0.0.1") -> Iterator[ScriptedModel]:
    """The scripted model, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    model = ScriptedModel(Script.of(told), host=host)
    try:
        asyncio.run_coroutine_threadsafe(model.__aenter__(), loop).result(60)
        yield model
        asyncio.run_coroutine_threadsafe(model.__aexit__(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
