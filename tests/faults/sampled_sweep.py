"""What the tests of a sample of the sweep assert, of projects whose tasks are Jobs and of those with Workflows."""

from collections.abc import Mapping, Sequence

from tests.faults.graphs import ALL_GRAPHS
from tests.faults.lab import Lab
from tests.faults.scenario import Outcome
from tests.faults.sweep import LANES, cases, run_all, sample
from tests.sampling import Sampler

_RUNS = 16


def check_without_faults(clean: Mapping[str, Outcome], creation: str) -> None:
    """Asserts that graphs end as foretold when nothing goes wrong.

    Args:
        clean: A run of each graph.
        creation: The name of the request that creates an attempt.
    """
    for name, outcome in clean.items():
        assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
        assert outcome.notes == []
        assert outcome.counts[creation] == ALL_GRAPHS[name].jobs


def check_sample(lab: Lab, graphs: Sequence[str], clean: Mapping[str, Outcome], sampled: Sampler) -> None:
    """Asserts that no fault of a sample doubles or loses a task or exceeds the cap; of all with ``--deep``."""
    found = [case for name in graphs for case in cases(name, clean[name].counts)]
    wanted = found if sampled.deep else sample(found, _RUNS, sampled.number)  # evenly from all classes of fault
    fired = runs = 0
    for batch in sampled.batches(wanted, _RUNS, 4 * LANES):
        for _, outcome in run_all(lab, batch):
            assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
            fired, runs = fired + bool(outcome.fired), runs + 1
    assert fired > runs * 0.8 or sampled.is_cut
    assert lab.quiet(seconds=2) == []
