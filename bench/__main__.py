"""``python -m bench [NAME …]``: runs the benchmarks and prints a table; needs ``tools`` on PYTHONPATH.

Fails where a figure is so far from its aim that no noise explains it.
"""

import argparse
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import chain, core, cost, culprits, dispatch, fairness, git, idle, latency, local, makespan, memory, node
from bench.figure import Figure, Series
from bench.machine import Machine, this_machine
from bench.page import write_page
from bench.report import Report, read_report, with_others, write_report
from bench.setting import Setting
from bench.table import table

BENCHES = {
    "core": core.run,
    "culprits": culprits.run,
    "local": local.run,
    "git": git.run,
    "chain": chain.run,
    "latency": latency.run,
    "dispatch": dispatch.run,
    "cost": cost.run,
    "makespan": makespan.run,
    "memory": memory.run,
    "idle": idle.run,
    "fairness": fairness.run,
    "node": node.run,
}
_NOT_SHORT = {"node"}
"""Takes minutes to set up; the end-to-end tests would fail on what is far out there."""
DOCS = Path(__file__).parents[1] / "docs"


def main() -> int:
    """Runs what was asked for; 1 where a figure is far out of line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(BENCHES)}; all by default")
    parser.add_argument("--short", action="store_true", help="small and few: shows only what is far out of line")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often each side runs (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was found to a file")
    parser.add_argument("--docs", action="store_true", help="write the page and its plots in docs/")
    parser.add_argument(
        "--from", type=Path, dest="given", metavar="FILE",
        help="read such a file, and measure only what is named, in place of what it says of that",
    )  # fmt: skip
    options = parser.parse_args()
    unknown = set(options.names) - BENCHES.keys()
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    report = read_report(options.given) if options.given else None
    names = options.names or (() if report else BENCHES.keys() - (_NOT_SHORT if options.short else set()))
    machine = this_machine()
    with ExitStack() as stack:
        setting = Setting(stack, short=options.short, rounds=options.rounds)
        for name in BENCHES:
            if name in names:
                report = with_others(report, _measure(name, setting, machine))
                if options.json:  # each time: what follows takes long, and may go wrong
                    write_report(report, options.json)
    assert report
    if options.docs:
        write_page(report, DOCS)
    Console(width=None if sys.stdout.isatty() else 200).print(table(report.figures))
    if report.machine.is_busy:
        print(f"The machine was busy with something else (load {report.machine.load_average}).", file=sys.stderr)
    over = [figure.name for figure in report.figures if figure.is_far_out]
    if over:
        print(f"far out of line: {'; '.join(over)}", file=sys.stderr)
    return 1 if over else 0


def _measure(name: str, setting: Setting, machine: Machine) -> Report:
    began, start = datetime.now(UTC).replace(microsecond=0), time.monotonic()
    print(f"{name} …", file=sys.stderr, flush=True)
    found: list[Figure | Series] = list(BENCHES[name](setting))
    assert all(item.bench == name for item in found if isinstance(item, Figure))
    return Report(
        began=began,
        minutes=round((time.monotonic() - start) / 60, 1),
        rounds=setting.rounds,
        machine=machine,
        figures=tuple(item for item in found if isinstance(item, Figure)),
        series=tuple(item for item in found if isinstance(item, Series)),
    )


if __name__ == "__main__":
    sys.exit(main())
