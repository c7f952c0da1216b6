"""``python -m tests.faults``: every fault on every graph, judged; ``--help`` tells what can be chosen."""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.faults.campaigns import CAMPAIGNS
from tests.faults.graphs import GRAPHS
from tests.faults.lab import Lab
from tests.faults.scenario import Outcome
from tests.faults.sweep import LANES, Case, Trial, run_all, sample, without_faults

QUIET_SECONDS = 60


def main() -> int:
    """Runs what was asked for; 1 where a law was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", help=f"{', '.join(CAMPAIGNS)} (default: all)")
    parser.add_argument("--sample", type=int, metavar="N", help="only so many runs of each, evenly from all faults")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (default: 1)")
    parser.add_argument("--only", nargs="+", metavar="KIND", help="only these classes of fault, as in the table")
    parser.add_argument("--graphs", nargs="+", choices=GRAPHS, default=list(GRAPHS))
    parser.add_argument("--lanes", type=int, default=LANES, help=f"runs at once (default: {LANES})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the counts are written")
    parser.add_argument("--quiet-seconds", type=float, default=QUIET_SECONDS, help="of the last look (default: 60)")
    options = parser.parse_args()
    if unknown := set(options.campaigns) - CAMPAIGNS.keys():
        parser.error(f"no such campaign: {', '.join(sorted(unknown))}; there are {', '.join(CAMPAIGNS)}")
    started = time.monotonic()
    with Lab() as lab:
        clean = without_faults(lab, options.graphs)
        counts = {name: outcome.counts for name, outcome in clean.items()}
        results: list[tuple[Trial, Outcome]] = [(Case("none", name, ()), outcome) for name, outcome in clean.items()]
        wanted: list[Trial] = []
        for name in options.campaigns or CAMPAIGNS:
            found = [
                trial
                for trial in CAMPAIGNS[name](counts, options.seed)
                if trial.kind in (options.only or (trial.kind,))
            ]
            # In an order in which an interrupted campaign has seen something of everything.
            wanted += sample(found, len(found) if options.sample is None else options.sample, options.seed)
        _say(f"{len(wanted)} runs")
        for trial, outcome in run_all(lab, wanted, lanes=options.lanes):
            results.append((trial, outcome))
            _tell(len(results) - len(clean), len(wanted), trial, outcome, started)
        _say(f"one operator looks at everything for {options.quiet_seconds:g} s")
        late = lab.quiet(options.quiet_seconds)
    seconds = time.monotonic() - started
    Console().print(_table(results))
    for line in late:
        _say(f"written while all was over: {line}")
    if options.json:
        options.json.write_text(json.dumps(_counts(results, late, seconds), indent=2) + "\n")
    return 1 if late or any(outcome.violations for _, outcome in results) else 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _tell(done: int, of: int, trial: Trial, outcome: Outcome, started: float) -> None:
    rate = 60 * done / (time.monotonic() - started)
    verdict = "VIOLATION" if outcome.violations else "ok" if trial.took_place(outcome) else "no fault came"
    _say(f"{done}/{of} {rate:.0f}/min {outcome.seconds:5.1f} s  {trial.kind}: {outcome}: {verdict}")
    for line in (*outcome.violations, *outcome.notes):
        _say(f"    {line}")
    if outcome.violations:
        _say(outcome.evidence)


def _table(results: list[tuple[Trial, Outcome]]) -> Table:
    table = Table("fault", "runs", "took place", "operators ended by themselves", "violations", box=SIMPLE_HEAD)
    for kind, row in _by_kind(results).items():
        table.add_row(kind, *map(str, row.values()))
    return table


def _by_kind(results: list[tuple[Trial, Outcome]]) -> dict[str, dict[str, int]]:
    rows: dict[str, dict[str, int]] = {}
    for trial, outcome in results:
        row = rows.setdefault(trial.kind, {"runs": 0, "took_place": 0, "ended": 0, "violations": 0})
        row["runs"] += 1
        row["took_place"] += trial.took_place(outcome)
        row["ended"] += any("by itself" in note for note in outcome.notes)
        row["violations"] += bool(outcome.violations)
    return dict(sorted(rows.items()))


def _counts(results: list[tuple[Trial, Outcome]], late: list[str], seconds: float) -> dict[str, object]:
    jobs = sum(outcome.counts.get("create-job", 0) for _, outcome in results)
    return {
        "runs": len(results),
        "seconds": round(seconds),
        "by_graph": dict(Counter(outcome.graph for _, outcome in results)),
        "by_fault": _by_kind(results),
        "tasks_run": sum(outcome.tasks for _, outcome in results),
        "creations_asked_for": jobs,
        "writes": sum(len(outcome.writes) for _, outcome in results),
        "faults": sum(len(outcome.fired) for _, outcome in results),
        "operator_processes": sum(outcome.starts for _, outcome in results),
        "violations": [f"{outcome}: {line}" for _, outcome in results for line in outcome.violations],
        "notes": dict(Counter(note for _, outcome in results for note in outcome.notes)),
        "written_while_all_was_over": late,
    }


if __name__ == "__main__":
    sys.exit(main())
