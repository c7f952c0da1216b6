"""The CRD goes and comes back: a little of the campaign ``crd``."""

import pytest

from tests.faults.lab import Lab
from tests.faults.sweep import run_all
from tests.faults.without_crd import WithoutCrd

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_a_crd_that_goes_and_comes_back_breaks_no_law(lab: Lab) -> None:
    for _, outcome in run_all(lab, [WithoutCrd(seed) for seed in (1, 2, 3)], lanes=2):
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
        assert outcome.notes == []
