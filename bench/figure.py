"""What a benchmark yields: figures, each with its reference, its spread and its aim; and series for the plots."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Of(StrEnum):
    """What an aim is about."""

    RATIO = "ratio"
    """Ours divided by the reference."""
    VALUE = "value"
    """Ours alone."""


@dataclass(frozen=True)
class Spread:
    """A median, and how far the rounds were apart."""

    median: float
    low: float
    high: float

    @classmethod
    def over(cls, values: Sequence[float]) -> "Spread":
        """Of the rounds' values, of which there is at least one."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Aim:
    """What is wanted of a figure, and from where on something is broken."""

    of: Of
    limit: float
    far_out: float
    """No noise of a busy machine explains this: the run fails."""
    at_least: bool = False
    """Whether more is better."""

    def is_met(self, value: float) -> bool:
        """Whether that is as good as wanted."""
        return value >= self.limit if self.at_least else value <= self.limit

    def is_far_out(self, value: float) -> bool:
        """Whether something is broken."""
        return value < self.far_out if self.at_least else value > self.far_out


def ratio_at_least(limit: float, *, far_out: float) -> Aim:
    """Ours divided by the reference, more is better."""
    return Aim(Of.RATIO, limit, far_out, at_least=True)


def ratio_at_most(limit: float, *, far_out: float) -> Aim:
    """Ours divided by the reference, less is better."""
    return Aim(Of.RATIO, limit, far_out)


def at_most(limit: float, *, far_out: float) -> Aim:
    """Ours alone, in the figure's unit, less is better."""
    return Aim(Of.VALUE, limit, far_out)


@dataclass(frozen=True)
class Figure:
    """One thing that was measured, round by round."""

    bench: str
    """The benchmark that it belongs to, as in ``make bench-NAME``."""
    name: str
    unit: str
    ours: tuple[float, ...]
    reference: tuple[float, ...] = ()
    """By round, measured beside ours; one value for all rounds where it is computed; none where nothing compares."""
    reference_name: str = ""
    aim: Aim | None = None

    @property
    def value(self) -> Spread:
        """Ours."""
        return Spread.over(self.ours)

    @property
    def reference_value(self) -> Spread | None:
        """The reference's."""
        return Spread.over(self.reference) if self.reference else None

    @property
    def ratio(self) -> Spread | None:
        """Ours divided by the reference, round by round: what slows both down for a while falls out."""
        theirs = self.reference * len(self.ours) if len(self.reference) == 1 else self.reference
        return Spread.over([a / b for a, b in zip(self.ours, theirs, strict=True)]) if all(theirs) and theirs else None

    @property
    def judged(self) -> float:
        """What the aim is about: the median of the ratio, or of the value."""
        judged = self.ratio if self.aim and self.aim.of is Of.RATIO else self.value
        if judged is None:
            raise ValueError(f"{self.name}: an aim for a ratio, and no reference")
        return judged.median

    @property
    def is_met(self) -> bool | None:
        """Whether the aim is met; None without one."""
        return self.aim.is_met(self.judged) if self.aim else None

    @property
    def is_far_out(self) -> bool:
        """Whether something is broken."""
        return self.aim is not None and self.aim.is_far_out(self.judged)


@dataclass(frozen=True)
class Series:
    """How values are distributed, for a plot."""

    plot: str
    line: str
    percentiles: tuple[float, ...]
    """From the least to the greatest, at 0, 1, … 100 % of them."""

    @classmethod
    def over(cls, plot: str, line: str, values: Sequence[float]) -> "Series":
        """Of two values or more."""
        inner = statistics.quantiles(values, n=100, method="inclusive")
        return cls(plot, line, tuple(round(value, 3) for value in (min(values), *inner, max(values))))
