"""The queue of landers on a busy branch, and when each may try.

The queue consists of the run's ``result`` refs, in the order of their names. It has no lock: a lander before us that
makes no progress is passed. Without it, each of n concurrent landers would be refused about n/4 times.
"""

import random
import time

from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.retrying import pause
from parallelproject.git.plumbing.store import GitStore, Seen

AT_ONCE = 2
"""Maximum number of concurrent tries: the second is ready when the first has landed."""
_STANDSTILL = 5.0
"""After this many seconds without progress the landers before us are passed; on a slow machine, after the time of that
many tries."""
_STANDSTILL_TRIES = 8
_FIRST_STANDSTILL = 1.0
"""The same before the first try. The ``result`` of an attempt that no longer runs may stay forever."""
_SHORTEST, _LONGEST = 0.05, 10.0


def wait_for_turn(store: GitStore, tries: int, took: float, deadline: float) -> None:
    """Waits after a try that was refused.

    Args:
        store: Its ``result`` is in the queue.
        tries: Number of tries so far; if the queue cannot be read, the wait grows with it.
        took: How long the last one took, in seconds.
        deadline: When to stop waiting, in seconds of the monotonic clock.
    """
    each = _SHORTEST  # estimated seconds that one landing takes
    patience = max(_STANDSTILL, _STANDSTILL_TRIES * took) if tries else _FIRST_STANDSTILL
    ahead = None
    moved = time.monotonic()
    while True:
        try:
            _, now_ahead = glance(store)
        except GitFailedError:
            now_ahead = None
        now = time.monotonic()
        if now_ahead is None or now > deadline:
            return pause(tries)
        if now_ahead < AT_ONCE or now - moved > patience:
            return None
        if ahead is not None:
            each = (now - moved) / (ahead - now_ahead) if now_ahead < ahead else max(each, now - moved)
        if ahead != now_ahead:
            ahead, moved = now_ahead, now
        estimate = each * (now_ahead - AT_ONCE + 1)
        time.sleep(random.uniform(0.5, 1.0) * min(max(estimate, _SHORTEST), _LONGEST))


def glance(store: GitStore) -> tuple[Seen, int | None]:
    """The remote's refs as they are now, without their commits, and our position in the queue.

    Half the cost of a full read: enough if no one else has landed.

    Returns:
        The refs, and our position from 0; None: we are not in the queue.

    Raises:
        GitFailedError: the remote cannot be asked.
    """
    refs, branch = store.delivery.refs, store.delivery.branch_ref
    names = (branch, refs.landed, f"{refs.run_folder}/*/result")
    output = store.git.remote("ls-remote", "--quiet", "--refs", "--", store.git.address.url, *names).stdout
    lines = (line.partition("\t") for line in lines_of(output.decode(errors="replace")))
    found = {name: commit for commit, _, name in lines}
    waiting = sorted(name for name in found if name.startswith(f"{refs.run_folder}/") and name.endswith("/result"))
    place = waiting.index(refs.result) if refs.result in waiting else None
    return Seen(found.get(branch), found.get(refs.result), found.get(refs.landed)), place
