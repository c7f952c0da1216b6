"""The page and its plots are made from the figures and say all that was found."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import plots
from bench.figure import Figure, Series, at_most, ratio_at_most
from bench.machine import Machine, this_machine
from bench.page import page, write_page
from bench.report import Report, read_report, write_report

DOCS = Path(__file__).parents[2] / "docs"
MACHINE = Machine("A Processor", 2, 8.0, "Linux 6", "3.11", "abc", load_average=0.1)
FIGURES = (
    Figure(
        "chain", "a step", "ms", (30.0, 33.0, 36.0), (30.0, 30.0, 30.0), "bare client", ratio_at_most(1.5, far_out=4)
    ),
    Figure("dispatch", "CPU", "s", (2.5, 2.4, 2.6), (0.5, 0.5, 0.5), "bare client", at_most(2, far_out=10)),
    Figure("makespan", "mag, 4 slots, Graph", "s", (39.0, 40.0), (38.0,), "simulated list schedule"),
    Figure("makespan", "mag, 4 slots, Levels", "s", (60.0,), (38.0,), "simulated list schedule"),
    Figure("cost", "writes", "", (1.04,), aim=at_most(1.25, far_out=3)),
)
SERIES = tuple(Series.over(plot, line, [1.0, 2.0, 3.0]) for plot in ("latency", "dispatch") for line in ("ours", "r"))
REPORT = Report(datetime(2026, 1, 2, tzinfo=UTC), 20.4, 5, MACHINE, FIGURES, SERIES)


def test_a_report_comes_back_from_its_file(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path / "new" / "figures.json")
    assert read_report(tmp_path / "new" / "figures.json") == REPORT


def test_the_page_has_every_figure_and_says_where_it_falls_short() -> None:
    made = page(REPORT)
    assert "| a step | 33 ms (30–36) | 30 ms | bare client | 1.1 (1–1.2) | ratio ≤ 1.5 | yes |" in made
    assert "| writes | 1.04 |  |  |  | ≤ 1.25 | yes |" in made
    short = made.partition("### Where it falls short\n")[2].partition("\n## ")[0]
    assert short.strip() == "- dispatch: CPU: 2.5 s (2.4–2.6); wanted is ≤ 2 s."
    assert "2026-01-02 at commit `abc`, 5 rounds, 20 minutes" in made
    assert "Not measured in this run." in made
    assert "busy" not in made
    assert "**The machine was busy" in page(replace(REPORT, machine=replace(MACHINE, load_average=1.5)))


def test_every_aim_met_is_said_too() -> None:
    assert "Nowhere: every aim is met." in page(replace(REPORT, figures=FIGURES[:1]))


def test_the_plots_are_pictures_that_the_page_shows(tmp_path: Path) -> None:
    write_page(REPORT, tmp_path)
    shown = re.findall(r"!\[.+?\]\((.+?)\)", (tmp_path / "benchmarks.md").read_text())
    assert sorted(shown) == sorted(f"benchmarks/{name}.svg" for name in ("aims", "dispatch", "latency", "makespan"))
    for name in shown:
        words = "".join(ET.parse(tmp_path / name).getroot().itertext())
        assert {"aims": "chain: a step", "makespan": "mag, 4 slots"}.get(Path(name).stem, "ours") in words


def test_what_was_not_measured_has_no_plot(tmp_path: Path) -> None:
    write_page(replace(REPORT, figures=FIGURES[:1], series=()), tmp_path)
    assert [file.name for file in (tmp_path / "benchmarks").glob("*.svg")] == ["aims.svg"]
    assert "dispatch.svg" not in (tmp_path / "benchmarks.md").read_text()


def test_the_same_figures_make_the_same_pictures(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_page(REPORT, folder)
    for file in (tmp_path / "a" / "benchmarks").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / "benchmarks" / file.name).read_bytes()


@pytest.mark.parametrize("background", ["#ffffff", "#0d1117"])
@pytest.mark.parametrize("colour", [plots.INK, *plots.COLOURS, plots.MET, plots.MISSED])
def test_the_plots_can_be_read_on_light_and_dark(colour: str, background: str) -> None:
    lighter, darker = sorted((_luminance(colour), _luminance(background)), reverse=True)
    wanted = 4 if colour == plots.INK else 3  # WCAG 2.2, 1.4.11: three to one for lines
    assert (lighter + 0.05) / (darker + 0.05) >= wanted


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_page_in_the_documentation_is_the_one_of_its_figures() -> None:
    figures = DOCS / "benchmarks" / "figures.json"
    if not figures.exists():
        pytest.skip("no figures were taken yet")
    report = read_report(figures)
    assert (DOCS / "benchmarks.md").read_text() == page(report)


def test_this_machine_is_described() -> None:
    found = this_machine()
    assert found.cores >= 1
    assert found.memory_gib > 0
    assert found.processor
