"""The harness catches bugs that are planted in the operator."""

import pytest

from tests.faults.lab import Lab
from tests.faults.planted import PLANTED, Planted

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.mark.sampled(1, by=("family",))
@pytest.mark.parametrize(("family", "bug"), [pytest.param(bug.family, bug, id=bug.name) for bug in PLANTED])
def test_a_planted_bug_is_caught(lab: Lab, family: str, bug: Planted) -> None:
    assert bug.caught(lab) is not None


@pytest.mark.sampled(2)
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_the_runs_that_catch_a_bug_are_in_order_without_it(lab: Lab, bug: Planted) -> None:
    for each in bug.tries:
        outcome = each.run(lab)
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
