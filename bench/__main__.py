"""``python -m bench [NAME …]``: runs the benchmarks and prints a table; ``--json`` prints them for programs."""

import argparse
import json
import sys
from dataclasses import asdict

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench import core, local
from bench.measure import Figure

BENCHES = {"core": core.run, "local": local.run}


def main() -> int:
    """Runs what was asked for; 1 where a figure is over its limit."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(BENCHES)}; all by default")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    unknown = set(options.names) - BENCHES.keys()
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    figures = [figure for name, bench in BENCHES.items() if name in (options.names or BENCHES) for figure in bench()]
    if options.json:
        json.dump([asdict(figure) | {"ratio": figure.ratio} for figure in figures], sys.stdout, indent=2)
        print()
    else:
        Console().print(_table(figures))
    over = [figure.name for figure in figures if figure.is_far_out]
    if over:
        print(f"far out of line: {', '.join(over)}", file=sys.stderr)
    return 1 if over else 0


def _table(figures: list[Figure]) -> Table:
    table = Table("what", "median", "spread, ms", "ratio", "to", "which takes", "aim", box=SIMPLE_HEAD)
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.median * 1e3:.2f} ms",
            f"{figure.low * 1e3:.2f} to {figure.high * 1e3:.2f}",
            f"{figure.ratio:.2f}",
            figure.reference_name,
            f"{figure.reference * 1e3:.2f} ms",
            figure.aim,
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
