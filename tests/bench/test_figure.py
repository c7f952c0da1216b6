"""Figures: ratios by round, aims, and what is far out of line."""

import pytest

from bench.figure import Figure, Series, Spread, at_most, ratio_at_least, ratio_at_most
from bench.rounds import in_turns


def figure(ours: tuple[float, ...], reference: tuple[float, ...] = (), aim: object = None) -> Figure:
    return Figure("b", "n", "s", ours, reference, "r", aim)  # type: ignore[arg-type]


def test_a_ratio_is_taken_round_by_round() -> None:
    slow_in_the_middle = figure((1.0, 10.0, 1.5), (1.0, 8.0, 1.0))
    assert slow_in_the_middle.ratio == Spread(1.25, 1.0, 1.5)
    assert slow_in_the_middle.value == Spread(1.5, 1.0, 10.0)


def test_a_computed_reference_stands_beside_every_round() -> None:
    assert figure((2.0, 4.0, 6.0), (2.0,)).ratio == Spread(2.0, 1.0, 3.0)


def test_rounds_of_another_number_are_no_ratio() -> None:
    with pytest.raises(ValueError, match="shorter"):
        figure((1.0, 2.0, 3.0), (1.0, 2.0)).ratio  # noqa: B018


def test_nothing_to_compare_with_is_no_ratio() -> None:
    assert figure((1.0,)).ratio is None
    assert figure((1.0,), (0.0,)).ratio is None


@pytest.mark.parametrize(
    ("aim", "ours", "is_met", "is_far_out"),
    [
        (ratio_at_most(1.5, far_out=4), 3.0, True, False),
        (ratio_at_most(1.5, far_out=4), 3.2, False, False),
        (ratio_at_most(1.5, far_out=4), 8.2, False, True),
        (ratio_at_least(0.95, far_out=0.4), 1.9, True, False),
        (ratio_at_least(0.95, far_out=0.4), 1.8, False, False),
        (ratio_at_least(0.95, far_out=0.4), 0.7, False, True),
        (at_most(2, far_out=5), 2.0, True, False),
        (at_most(2, far_out=5), 2.1, False, False),
        (at_most(2, far_out=5), 5.1, False, True),
        (at_most(0, far_out=0), 1.0, False, True),
    ],
)
def test_an_aim_judges_the_ratio_or_the_value(aim: object, ours: float, is_met: bool, is_far_out: bool) -> None:
    found = figure((ours,), (2.0,), aim)
    assert (found.is_met, found.is_far_out) == (is_met, is_far_out)


def test_without_an_aim_nothing_is_judged() -> None:
    assert figure((9.0,), (1.0,)).is_met is None
    assert not figure((9.0,), (1.0,)).is_far_out


def test_a_series_goes_from_the_least_to_the_greatest() -> None:
    found = Series.over("plot", "line", [float(value) for value in range(201)]).percentiles
    assert (len(found), found[0], found[50], found[99], found[100]) == (101, 0.0, 100.0, 198.0, 200.0)


def test_the_sides_take_turns_in_alternating_order() -> None:
    order: list[str] = []
    found = in_turns(3, {"a": lambda: order.append("a") or len(order), "b": lambda: order.append("b") or len(order)})
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert found == {"a": [1, 4, 5], "b": [2, 3, 6]}
