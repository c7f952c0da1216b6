"""All that one run of the benchmarks found, as a JSON file and back."""

from dataclasses import dataclass, replace
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


def with_others(before: Report | None, new: Report) -> Report:
    """A report with what was measured now in place of what the one before says of the same.

    It began when the first of both did; the machine is that of the busier one.
    """
    if before is None:
        return new
    benches, plots = {figure.bench for figure in new.figures}, {series.plot for series in new.series}
    kept = tuple(figure for figure in before.figures if figure.bench not in benches)
    return replace(
        new,
        began=min(before.began, new.began),
        minutes=round(before.minutes + new.minutes, 1),
        machine=max(before.machine, new.machine, key=lambda machine: machine.load_average),
        figures=kept + new.figures,
        series=tuple(series for series in before.series if series.plot not in plots) + new.series,
    )


_ADAPTER = TypeAdapter(Report)


def write_report(report: Report, file: Path) -> None:
    """As JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_ADAPTER.dump_json(report, indent=1) + b"\n")


def read_report(file: Path) -> Report:
    """What ``write_report`` wrote."""
    return _ADAPTER.validate_json(file.read_bytes())
