"""The harness catches bugs that are planted in the operator."""

import pytest

from tests.faults.lab import Lab
from tests.faults.planted import PLANTED, Planted

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.mark.sampled(4)  # about one of each family: those of a family stand together
@pytest.mark.parametrize("bug", sorted(PLANTED, key=lambda bug: bug.family), ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(lab: Lab, bug: Planted) -> None:
    assert bug.caught(lab) is not None


@pytest.mark.sampled(1)
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_the_runs_that_catch_a_bug_are_in_order_without_it(lab: Lab, bug: Planted) -> None:
    for each in bug.tries:
        outcome = each.run(lab)
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
