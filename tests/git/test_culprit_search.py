"""The search for who broke a check, on real repositories with a real test suite."""

import pytest

from bench.broken_repositories import broken_repository
from bench.histories import Cause
from parallelproject.core.verification.search import probes_max
from parallelproject.core.verification.verdict import VerdictKind

CASES = [(seed, list(Cause)[seed % 3], seed // 3 % 2 == 1, (4, 1)[seed // 6 % 2]) for seed in range(200)]


@pytest.mark.sampled(4, over="case")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}{'-flaky' if case[2] else ''}-{case[3]}")
@pytest.mark.timeout(600)
def test_the_task_to_repair_is_found_and_nobody_else(case: tuple[int, Cause, bool, int]) -> None:
    seed, cause, flaky, slots = case
    with broken_repository(seed, cause, flaky=flaky) as repository:
        cost = repository.find(slots)
        assert cost is not None, "the suite always fails, whatever the coin does"
        assert cost.verdict is not None
        assert cost.verifications <= probes_max(len(repository.history.changes))
        if cost.verdict.kind is not VerdictKind.UNKNOWN or not flaky:
            assert cost.blames_right(repository.history), cost.verdict
