"""The CRD goes and comes back: a little of the campaign ``crd``."""

import pytest

from tests.faults.campaigns import WITHOUT_CRD
from tests.faults.lab import Lab
from tests.faults.sweep import run_all
from tests.faults.without_crd import WithoutCrd
from tests.sampling import Sampler

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600), pytest.mark.one_file_of("storms")]


def test_a_crd_that_goes_and_comes_back_breaks_no_law(fresh_lab: Lab, sampled: Sampler) -> None:
    for two in sampled.batches([WithoutCrd(seed) for seed in range(1, WITHOUT_CRD + 1)], 2, 2):
        for _, outcome in run_all(fresh_lab, two, lanes=2):
            assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
            assert outcome.notes == []
