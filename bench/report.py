"""All that one run of the benchmarks found, as a JSON file and back."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from bench.figure import Figure, Series
from bench.machine import Machine


@dataclass(frozen=True)
class Report:
    """Figures, series for the plots, and where they come from."""

    began: datetime
    minutes: float
    rounds: int
    machine: Machine
    figures: tuple[Figure, ...]
    series: tuple[Series, ...] = ()

    def of(self, bench: str) -> list[Figure]:
        """The figures of one benchmark."""
        return [figure for figure in self.figures if figure.bench == bench]


_ADAPTER = TypeAdapter(Report)


def write_report(report: Report, file: Path) -> None:
    """As JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_ADAPTER.dump_json(report, indent=1) + b"\n")


def read_report(file: Path) -> Report:
    """What ``write_report`` wrote."""
    return _ADAPTER.validate_json(file.read_bytes())
