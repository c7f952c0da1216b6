"""Figures in words, the same in the terminal and on the page."""

from bench.figure import Aim, Figure, Of, Spread


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def spread(found: Spread | None, unit: str = "") -> str:
    """The median, and from where to where the rounds went."""
    if found is None:
        return ""
    median = f"{number(found.median)} {unit}".rstrip()
    if found.low == found.high:
        return median
    return f"{median} ({number(found.low)}–{number(found.high)})"


def aim(wanted: Aim | None, unit: str) -> str:
    """What is wanted."""
    if wanted is None:
        return ""
    sign = "≥" if wanted.at_least else "≤"
    if wanted.of is Of.RATIO:
        return f"ratio {sign} {number(wanted.limit)}"
    return f"{sign} {number(wanted.limit)} {unit}".rstrip()


def verdict(figure: Figure) -> str:
    """Whether the aim is met."""
    return {True: "yes", False: "no", None: ""}[figure.is_met]


def row(figure: Figure) -> tuple[str, ...]:
    """The cells of a table, see ``HEADER``."""
    theirs = spread(figure.reference_value, figure.unit)
    return (
        figure.name,
        spread(figure.value, figure.unit),
        theirs,
        figure.reference_name,
        spread(figure.ratio),
        aim(figure.aim, figure.unit),
        verdict(figure),
    )


HEADER = ("what", "ours", "reference", "which is", "ratio", "aim", "met")
