"""The page of the documentation: the words of ``page.md``, and the figures of a report."""

from collections.abc import Sequence
from pathlib import Path
from string import Template

from bench import makespan, words
from bench.figure import Figure
from bench.report import Report, write_report

_WORDS = Path(__file__).with_name("page.md")
_PLOTS = {
    "aims": "Every figure as a multiple of its aim",
    "dispatch": "Tasks done over time, 500 tasks at cap 200",
    "latency": "Distribution of the release latency",
    "makespan": "Makespan by workflow, slots and scheduling",
}
_BENCHES = (
    "dispatch", "chain", "latency", "cost", "makespan", "memory", "idle", "fairness", "node", "core", "culprits",
    "local", "git",
)  # fmt: skip


def write_page(report: Report, docs: Path) -> None:
    """Writes ``benchmarks.md``, and beside it the plots and the figures."""
    from bench.plots import write_plots  # loads Matplotlib, which most runs do not need

    folder = docs / "benchmarks"
    write_report(report, folder / "figures.json")
    plots = write_plots(report, folder)
    (docs / "benchmarks.md").write_text(page(report, plots))


def page(report: Report, plots: Sequence[str] = tuple(_PLOTS)) -> str:
    """The page, as Markdown."""
    machine = report.machine
    missed = [figure for figure in report.figures if figure.is_met is False]
    busy = f"**The machine was busy with something else (load {machine.load_average}): times say little.**"
    return Template(_WORDS.read_text()).substitute(
        {
            f"plot_{name}": f"![{title}](benchmarks/{name}.svg)\n" if name in plots else ""
            for name, title in _PLOTS.items()
        },
        **{bench: _table(report.of(bench)) for bench in _BENCHES},
        date=f"{report.began:%Y-%m-%d}",
        commit=machine.commit,
        rounds=report.rounds,
        minutes=f"{report.minutes:.0f}",
        machine=f"{machine.processor}, {machine.cores} cores, {machine.memory_gib:g} GiB, {machine.kernel}, "
        f"Python {machine.python}.",
        busy=busy if machine.is_busy else "Nothing else ran on it.",
        short_of="\n".join(map(_missed, missed)) or "Nowhere: every aim is met.",
        mean_seconds=f"{makespan.MEAN_SECONDS:g}",
        small=makespan.SMALL,
        running=makespan.AT_WORK,
    )


def _missed(figure: Figure) -> str:
    found = words.row(figure)
    measured = found[4] if figure.aim and figure.aim.of == "ratio" else found[1]
    return f"- {figure.bench}: {figure.name}: {measured}; wanted is {found[5]}."


def _table(figures: Sequence[Figure]) -> str:
    if not figures:
        return "Not measured in this run."
    rows = [words.HEADER, ("---",) * len(words.HEADER), *(words.row(figure) for figure in figures)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
