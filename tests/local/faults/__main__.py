"""``python -m tests.local.faults``: single kills, random pairs of kills, and a disk that is full from any point on.

Each violation is told with its case. A case is repeated by its text:
``python -m tests.local.faults 'engine and supervisor after commit 7 of the supervisor'``.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

from tests.local.disk import can_mount
from tests.local.faults.sweep import PREFIX, Case, Outcome, attempt, fast, no_room, pairs, points, single


def main() -> int:
    """1 where a law was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.local.faults", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="run these only")
    parser.add_argument("--pairs", type=int, default=300, metavar="N", help="how many random pairs (default 300)")
    parser.add_argument("--seed", type=int, default=1, help="of the random pairs")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take each Nth case only, pairs aside")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="leave out the first N, to go on after them")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if options.cases:
        cases = [Case.parse(text) for text in options.cases]
    else:
        with tempfile.TemporaryDirectory(dir=fast(), prefix=PREFIX) as folder:
            counts = points(Path(folder))
        say("points: " + ", ".join(f"{where} {point} {count}" for (where, point), count in sorted(counts.items())))
        cases = [*islice(single(counts), 0, None, options.every), *islice(pairs(counts, options.seed), options.pairs)]
        if can_mount():
            cases += islice(no_room(counts), 0, None, options.every)
        else:
            say("only root can make a small disk: that it is full is left out")
    cases = cases[options.skip :]
    say(f"{len(cases)} cases")
    began = time.monotonic()
    outcomes = []
    with multiprocessing.get_context("fork").Pool(options.workers) as pool:
        for outcome in pool.imap_unordered(attempt, cases):
            outcomes.append(outcome)
            for violation in outcome.violations:
                say(f"{outcome.case}: {violation}")
            if outcome.violations and options.cases:
                say(outcome.said)
            if len(outcomes) % 500 == 0:
                say(f"{len(outcomes)} of {len(cases)} after {time.monotonic() - began:.0f} s")
    return _tell(outcomes, time.monotonic() - began)


def _tell(outcomes: list[Outcome], seconds: float) -> int:
    bad = [outcome for outcome in outcomes if outcome.violations]
    struck = sum(outcome.struck for outcome in outcomes)
    say(f"{len(outcomes)} cases with {struck} kills in {seconds:.0f} s: {len(bad)} with violations")
    again = Counter(story for outcome in outcomes for story in outcome.repeated)
    say(f"{sum(again.values())} good ends that nobody was left to write down, so that the task ran again:")
    for story, count in again.most_common():
        say(f"  {count:5} {story}")
    return 1 if bad else 0


def say(text: str) -> None:
    """A line, at once: a sweep takes minutes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
