"""The table in the terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from bench.figure import Figure
from bench.words import HEADER, row

_STYLES = {"yes": "green", "no": "yellow", "": ""}


def table(figures: Sequence[Figure]) -> Table:
    """One row a figure; what misses its aim stands out, and what is far out even more."""
    made = Table(*HEADER, box=SIMPLE_HEAD)
    last = ""
    for figure in figures:
        if last and figure.bench != last:
            made.add_section()
        last = figure.bench
        *cells, met = row(figure)
        made.add_row(*cells, Text(met, style="bold red" if figure.is_far_out else _STYLES[met]))
    return made
