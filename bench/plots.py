"""The plots of the page: SVG without a background, in colours that can be read on white and on near-black."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from bench.figure import Figure, Of, Series, Spread
from bench.report import Report
from bench.words import number

INK = "#787f87"
"""Text and lines: a contrast of more than four to one on both."""
COLOURS = ("#2f81f7", "#db6d28", "#8957e5")
MET, MISSED = "#2da44e", "#db6d28"
_WIDTH = 8.0  # inches, of 72 pixels

mpl.rc("svg", fonttype="none", hashsalt="bench")  # text stays text, and the same figures make the same file
mpl.rc("font", family="sans-serif", size=10)
mpl.rc("text", color=INK)
mpl.rc("axes", labelcolor=INK, edgecolor=INK, **{"spines.top": False, "spines.right": False})
mpl.rc("xtick", color=INK)
mpl.rc("ytick", color=INK)
mpl.rc("legend", frameon=False)


def write_plots(report: Report, folder: Path) -> list[str]:
    """Writes those for which something was measured; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "aims": _aims([figure for figure in report.figures if figure.aim]),
        "dispatch": _percentiles(report.series, "dispatch", "seconds since the start", "% of 500 tasks done"),
        "latency": _percentiles(report.series, "latency", "milliseconds", "% of releases", log=True),
        "makespan": _makespan(report.of("makespan")),
    }
    for name, canvas in made.items():
        if canvas is not None:
            canvas.savefig(folder / f"{name}.svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    return [name for name, canvas in made.items() if canvas is not None]


def _aims(figures: Sequence[Figure]) -> Canvas | None:
    """Every figure that has an aim, as a multiple of it; the left is better."""
    bars = [(_label(figure, figures), found) for figure in figures if (found := _of_aim(figure))]
    if not bars:
        return None
    canvas, axes = _canvas(0.26 * len(bars) + 0.9)
    for place, (_, found) in enumerate(bars):
        colour = MET if found.median <= 1 else MISSED
        axes.plot([found.low, found.high], [place, place], color=colour, linewidth=2, alpha=0.5)
        axes.plot([found.median], [place], "o", color=colour, markersize=6)
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(bars)), [name for name, _ in bars])
    axes.invert_yaxis()
    _plain_numbers(axes)
    axes.set_xlabel("times what is wanted: 1 is just met, the left is better (median and spread)")
    return canvas


def _label(figure: Figure, figures: Sequence[Figure]) -> str:
    """What was measured; with what it is compared to, where the same was compared to several things."""
    name = f"{figure.bench}: {figure.name}"
    is_alone = sum((other.bench, other.name) == (figure.bench, figure.name) for other in figures) == 1
    return name if is_alone else f"{name} (against {figure.reference_name})"


def _of_aim(figure: Figure) -> Spread | None:
    """What the aim is about, divided by its limit, turned so that less is better; None where that is no number."""
    aim = figure.aim
    found = figure.ratio if aim and aim.of is Of.RATIO else figure.value
    if aim is None or found is None or not aim.limit or found.low <= 0:
        return None
    if aim.at_least:
        return Spread(aim.limit / found.median, aim.limit / found.high, aim.limit / found.low)
    return Spread(found.median / aim.limit, found.low / aim.limit, found.high / aim.limit)


def _percentiles(series: Sequence[Series], plot: str, x: str, y: str, *, log: bool = False) -> Canvas | None:
    lines = [line for line in series if line.plot == plot]
    if not lines:
        return None
    canvas, axes = _canvas(3.2)
    for line, colour in zip(lines, COLOURS, strict=False):
        axes.plot(line.percentiles, range(len(line.percentiles)), color=colour, linewidth=2, label=line.line)
    if log:
        axes.set_xscale("log")
        _plain_numbers(axes)
    axes.set_ylim(0, 102)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend()
    return canvas


def _makespan(figures: Sequence[Figure]) -> Canvas | None:
    """Each workflow at each number of slots: its makespan as a multiple of the list schedule's."""
    ways = {way: [f for f in figures if f.name.endswith(f", {way}") and f.unit] for way in ("Graph", "Levels")}
    names = [figure.name.removesuffix(", Graph") for figure in ways["Graph"]]
    if not names:
        return None
    canvas, axes = _canvas(0.26 * len(names) + 0.9)
    for (way, found), colour in zip(ways.items(), COLOURS, strict=False):
        for figure in found:
            ratio, place = figure.ratio, names.index(figure.name.removesuffix(f", {way}"))
            if ratio is not None:
                axes.plot([ratio.low, ratio.high], [place, place], color=colour, linewidth=2, alpha=0.5)
                axes.plot([ratio.median], [place], "o", color=colour, label=way if figure is found[0] else None)
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("makespan, times that of a simulated list schedule")
    axes.legend()
    return canvas


def _canvas(height: float) -> tuple[Canvas, Axes]:
    canvas = Canvas(figsize=(_WIDTH, height))
    return canvas, canvas.add_subplot()


def _plain_numbers(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.xaxis.set_minor_formatter(lambda value, _: "")
