"""Waiting for a condition, with a deadline: the only way in which the rig waits for anything."""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from rig.errors import RigError
from rig.process import Process

T = TypeVar("T")

_POLL_FIRST, _POLL_LONGEST = 0.02, 0.25
"""Seconds between two questions: a tenth of the wait so far, within these. Questions take processor time too."""


def until(
    condition: Callable[[], T],
    what: str,
    *,
    seconds: float,
    needs: Iterable[Process] = (),
) -> T:
    """Call ``condition`` until it gives something true, and return that.

    An OSError (nobody listens yet) or a RigError (the API server says no, as yet) counts as "not yet".

    Args:
        condition: What to ask.
        what: What is waited for, as words in the error ("the API server to be ready").
        seconds: How long to wait.
        needs: Processes without which it cannot come true: the wait ends with their log when one has ended.

    Raises:
        RigError: The deadline has passed, or a process in ``needs`` has ended (PortTakenError if for want of a port).
    """
    needs = tuple(needs)
    began = time.monotonic()
    last: Exception | None = None
    while True:
        for process in needs:
            process.check()
        try:
            found = condition()
        except (OSError, RigError) as error:
            last = error
        else:
            if found:
                return found
        waited = time.monotonic() - began
        if waited > seconds:
            logs = "".join(f"\n{process.tail()}" for process in needs)
            raise RigError(f"waited {seconds:g} s for {what}; last error: {last}{logs}")
        time.sleep(min(_POLL_LONGEST, max(_POLL_FIRST, waited / 10)))
