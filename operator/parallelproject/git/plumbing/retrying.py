"""Retries: how long to wait, and when to stop."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from parallelproject.git.plumbing.failure import Cause, GitFailedError

T = TypeVar("T")

_TRIES = 6


def pause(tries: int) -> None:
    """Waits a random time, longer with each try, so that processes that want the same ref do not all retry at once."""
    time.sleep(random.uniform(0, min(2.0, 0.05 * 1.6**tries)))


def patiently(call: Callable[[], T]) -> T:
    """Calls, with retries while the network has a problem; about five seconds in total.

    Raises:
        GitFailedError: the last failure.
    """
    for tries in range(_TRIES):
        try:
            return call()
        except GitFailedError as error:
            if error.cause is not Cause.NETWORK or tries == _TRIES - 1:
                raise
        pause(2 * tries + 2)
    raise AssertionError
