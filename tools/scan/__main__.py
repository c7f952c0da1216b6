"""The command line: ``python -m scan [SCANNER…]``, with ``tools`` on PYTHONPATH."""

import argparse
import sys
import time
from collections.abc import Sequence

from rig.errors import RigError
from scan.finding import judge, read_waivers
from scan.scanners import SCANNERS, ScanError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scanners; 1 where something is found that nothing waives, or a waiver is not needed."""
    parser = argparse.ArgumentParser(prog="scan", description="Scan the sources, the chart and the Dockerfile.")
    parser.add_argument("scanner", nargs="*", help=f"of {', '.join(SCANNERS)}; all without one")
    chosen = parser.parse_args(arguments).scanner or list(SCANNERS)
    if unknown := [name for name in chosen if name not in SCANNERS]:
        parser.error(f"there is no scanner {unknown[0]}; there are {', '.join(SCANNERS)}")
    bad = 0
    try:
        waivers = read_waivers()
        for name in chosen:
            started = time.monotonic()
            findings = list(SCANNERS[name]())
            open_, unused = judge(findings, [waiver for waiver in waivers if waiver.scanner == name])
            for finding in open_:
                print(finding)  # noqa: T201
            for waiver in unused:
                print(f"{name} {waiver.rule}: the waiver for {', '.join(waiver.places)} is not needed: remove it")  # noqa: T201
            waived, seconds = len(findings) - len(open_), time.monotonic() - started
            print(f"{name}: {len(open_)} found, {waived} waived ({seconds:.1f} s)")  # noqa: T201
            bad += len(open_) + len(unused)
        if strangers := sorted({waiver.scanner for waiver in waivers} - SCANNERS.keys()):
            print(f"waivers.toml: there is no scanner {strangers[0]}")  # noqa: T201
            bad += 1
    except (ScanError, RigError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
