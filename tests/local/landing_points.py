"""The moments within the process of an attempt at which it can be killed, beside the calls of git."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

POINTS = ("note_end", "write", "remove", "rename", "try_to_remove", "_clear", "prepare", "land", "run")


def strike(point: str, after: bool, flag: str) -> None:
    """Has this process killed before or after it does something; the first one that comes to it, as a folder tells."""
    from parallelproject import folder_removal as removal
    from parallelproject.local.delivery import place as delivery_place
    from parallelproject.local.delivery import program as local_delivery
    from parallelproject.local.delivery import result as delivery_result
    from parallelproject.local.delivery.command import Runner

    owners: dict[str, Any] = {
        "note_end": delivery_place.Places,
        "write": delivery_result,
        "remove": delivery_place.Places,
        "rename": delivery_place.os,
        "try_to_remove": delivery_place,
        "_clear": removal,
        "prepare": local_delivery,
        "land": local_delivery,
        "run": Runner,
    }
    owner = owners[point]
    setattr(owner, point, _deadly(getattr(owner, point), after, flag))


def _deadly(function: Callable[..., Any], after: bool, flag: str) -> Callable[..., Any]:
    def call(*args: Any, **keywords: Any) -> Any:
        if not after:
            _die_once(flag)
        found = function(*args, **keywords)
        if after:
            _die_once(flag)
        return found

    return call


def _die_once(flag: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(flag)  # noqa: PTH102 - at one stroke, and known to be the first
        os.kill(os.getpid(), signal.SIGKILL)
