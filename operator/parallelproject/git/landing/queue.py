"""Standing in line: who waits to land on a busy branch, and when it is one's turn to try.

The line is the run's ``result`` refs, in the order of their names, and there is no lock in it: whoever stands before us
and makes no headway is passed. Without it, each of n landers that try at once would be refused about n/4 times.
"""

import random
import time

from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.lines_of import lines_of
from parallelproject.git.plumbing.retrying import pause
from parallelproject.git.plumbing.store import GitStore, Seen

AT_ONCE = 2
"""So many may try at once: the second is ready when the first has landed."""
_STANDSTILL = 5.0
"""After so many seconds without headway those before us are passed; on a slow machine, after as many tries' time."""
_STANDSTILL_TRIES = 8
_FIRST_STANDSTILL = 1.0
"""The same before the first try. Of an attempt that is gone for good ``result`` may stand there for ever."""
_SHORTEST, _LONGEST = 0.05, 10.0


def wait_for_turn(store: GitStore, tries: int, took: float, deadline: float) -> None:
    """Waits after a try that was refused.

    Args:
        store: Whose ``result`` stands in the line.
        tries: How many tries there have been; where the line cannot be seen, the wait grows with it.
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
    """The remote's refs as they are now, without what they stand for, and how many stand in the line before us.

    Half as dear as a look: enough where nobody else has landed.

    Returns:
        The refs, and our place from 0; None: we do not stand in the line.

    Raises:
        GitFailedError: the remote cannot be asked.
    """
    refs, branch = store.delivery.refs, store.delivery.branch_ref
    names = (branch, refs.landed, f"{refs.run_folder}/*/result")
    said = store.git.remote("ls-remote", "--quiet", "--refs", "--", store.git.address.url, *names).stdout
    lines = (line.partition("\t") for line in lines_of(said.decode(errors="replace")))
    found = {name: commit for commit, _, name in lines}
    waiting = sorted(name for name in found if name.startswith(f"{refs.run_folder}/") and name.endswith("/result"))
    place = waiting.index(refs.result) if refs.result in waiting else None
    return Seen(found.get(branch), found.get(refs.result), found.get(refs.landed)), place
