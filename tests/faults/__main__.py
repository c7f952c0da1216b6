"""``python -m tests.faults``: every fault on every graph, judged; ``--help`` tells what can be chosen."""

import argparse
import math
import sys
import time
from pathlib import Path

from rich.console import Console

from tests.faults.campaigns import CAMPAIGNS
from tests.faults.graphs import ALL_GRAPHS, GRAPHS, QUEUE_GRAPHS, STEP_GRAPHS, WORKFLOW_GRAPHS
from tests.faults.lab import Lab
from tests.faults.report import Report, say
from tests.faults.sweep import LANES, Case, run_all, sample, without_faults

QUIET_SECONDS = 60


def main() -> int:
    """Runs what was asked for; 1 where a law was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", help=f"{', '.join(CAMPAIGNS)} (default: all)")
    parser.add_argument("--sample", type=int, metavar="N", help="only so many runs of each, evenly from all faults")
    parser.add_argument("--minutes", type=float, metavar="N", help="for each campaign; what is left then is left out")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (default: 1)")
    parser.add_argument("--only", nargs="+", metavar="KIND", help="only these classes of fault, as in the table")
    parser.add_argument("--graphs", nargs="+", choices=ALL_GRAPHS, help="default: all of the executor")
    parser.add_argument("--workflows", action="store_true", help="tasks run as Workflows, not as Jobs")
    parser.add_argument("--queues", action="store_true", help="Jobs wait in a queue of Kueue")
    parser.add_argument("--steps", action="store_true", help="tasks go through steps and gates, with hooks around them")
    parser.add_argument("--lanes", type=int, default=LANES, help=f"runs at once (default: {LANES})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the counts of each campaign are written")
    parser.add_argument("--quiet-seconds", type=float, default=QUIET_SECONDS, help="of the last look (default: 60)")
    options = parser.parse_args()
    usual = WORKFLOW_GRAPHS if options.workflows else QUEUE_GRAPHS if options.queues else GRAPHS
    usual = STEP_GRAPHS if options.steps else usual
    options.graphs = options.graphs or list(usual)
    if unknown := set(options.campaigns) - CAMPAIGNS.keys():
        parser.error(f"no such campaign: {', '.join(sorted(unknown))}; there are {', '.join(CAMPAIGNS)}")
    is_well = True
    for name in options.campaigns or CAMPAIGNS:
        report = _run(name, options)
        Console().print(report.table())
        if options.json:
            report.write(options.json)
        is_well = is_well and report.is_well
    return 0 if is_well else 1


def _run(name: str, options: argparse.Namespace) -> Report:
    """Runs one campaign."""
    with Lab(workflows=options.workflows, queues=options.queues) as lab:
        started = time.monotonic()
        clean = without_faults(lab, options.graphs)
        counts = {graph: outcome.counts for graph, outcome in clean.items()}
        found = [t for t in CAMPAIGNS[name](counts, options.seed) if t.kind in (options.only or (t.kind,))]
        # In an order in which an interrupted campaign has seen something of everything.
        wanted = sample(found, len(found) if options.sample is None else options.sample, options.seed)
        say(f"{name}: {len(wanted)} runs of {len(found)}")
        report = Report(name, len(found))
        for graph, outcome in clean.items():
            report.add(Case("none", graph, ()), outcome)
        deadline = started + 60 * (options.minutes or math.inf)
        for trial, outcome in run_all(lab, wanted, lanes=options.lanes):
            report.add(trial, outcome)
            if time.monotonic() > deadline:
                break
        say(f"one operator looks at everything for {options.quiet_seconds:g} s")
        report.late = lab.quiet(options.quiet_seconds)
        for line in report.late:
            say(f"written while all was over: {line}")
    return report


if __name__ == "__main__":
    sys.exit(main())
