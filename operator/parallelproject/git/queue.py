"""Standing in line: who waits to land on a busy branch, and when it is one's turn to try.

The line is the run's ``result`` refs, in the order of their names, and there is no lock in it: whoever stands before us
and makes no headway is passed. Without it, each of n landers that try at once would be refused about n/4 times.
"""

import random
import time

from parallelproject.git.failure import GitFailedError
from parallelproject.git.patience import pause
from parallelproject.git.store import Store

_AT_ONCE = 2
"""So many may try at once: the second is ready when the first has landed."""
_STANDSTILL = 5.0
"""After so many seconds without headway those before us are passed; on a slow machine, after as many tries' time."""
_STANDSTILL_TRIES = 8
_SHORTEST, _LONGEST = 0.05, 10.0


def wait_for_turn(store: Store, tries: int, took: float, deadline: float) -> None:
    """Waits after a try that was refused.

    Args:
        store: Whose ``result`` stands in the line.
        tries: How many tries there have been; where the line cannot be seen, the wait grows with it.
        took: How long the last one took, in seconds.
        deadline: When to stop waiting, in seconds of the monotonic clock.
    """
    each = _SHORTEST  # estimated seconds that one landing takes
    patience = max(_STANDSTILL, _STANDSTILL_TRIES * took)
    ahead = None
    moved = time.monotonic()
    while True:
        try:
            now_ahead = _ahead(store)
        except GitFailedError:
            now_ahead = None
        now = time.monotonic()
        if now_ahead is None or now > deadline:
            return pause(tries)
        if now_ahead < _AT_ONCE or now - moved > patience:
            return None
        if ahead is not None:
            each = (now - moved) / (ahead - now_ahead) if now_ahead < ahead else max(each, now - moved)
        if ahead != now_ahead:
            ahead, moved = now_ahead, now
        estimate = each * (now_ahead - _AT_ONCE + 1)
        time.sleep(random.uniform(0.5, 1.0) * min(max(estimate, _SHORTEST), _LONGEST))


def _ahead(store: Store) -> int | None:
    """How many stand before us; None: we do not stand in the line."""
    refs = store.delivery.refs
    listed = store.git.remote(
        "ls-remote", "--quiet", "--refs", "--", store.git.address.url, f"{refs.run_folder}/*/result"
    )
    names = sorted(line.partition("\t")[2] for line in listed.stdout.decode(errors="replace").splitlines())
    waiting = [name for name in names if name.startswith(refs.run_folder + "/")]
    return waiting.index(refs.result) if refs.result in waiting else None
