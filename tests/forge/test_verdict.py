"""What many checks say together."""

from fnmatch import fnmatchcase

import pytest

from parallelproject.forge.clients.protocol import Checks
from parallelproject.forge.clients.verdict import verdict

P, F, W, N = Checks.PASSED, Checks.FAILED, Checks.PENDING, Checks.NONE


@pytest.mark.parametrize(
    ("found", "required", "said"),
    [
        ({}, [], N),
        ({"a": P}, [], P),
        ({"a": P, "b": W}, [], W),
        ({"a": P, "b": W, "c": F}, [], F),
        ({}, ["a"], W),
        ({"b": P}, ["a"], W),
        ({"a": P, "b": F}, ["a"], P),
        ({"a": P, "b": W}, ["a", "b"], W),
        ({"a": F}, ["a", "b"], F),
    ],
)
def test_the_required_ones_decide_and_else_all(found: dict[str, Checks], required: list[str], said: Checks) -> None:
    assert verdict(found, required) is said


def test_what_is_required_may_be_a_pattern() -> None:
    assert verdict({"ci/unit": P, "ci/lint": F, "other": F}, ["ci/u*"], fnmatchcase) is P
    assert verdict({"ci/unit": P, "ci/lint": F}, ["ci/*"], fnmatchcase) is F
    assert verdict({"unit": P}, ["ci/*"], fnmatchcase) is W
